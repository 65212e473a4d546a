import { describe, expect, test } from 'vitest';
import { rangesOf, roundsOf } from '../scripts/mutation-scope.mjs';

describe('what is mutated', () => {
  test('of a change: the lines that are there after it', () => {
    const diff = [
      '--- a/src/plan/graph.ts',
      '+++ b/src/plan/graph.ts',
      '@@ -3 +3 @@ function a',
      '@@ -10,0 +11,4 @@',
      '@@ -20,2 +24,0 @@',
      '--- a/docs/plan.md',
      '+++ b/src/state/names.ts',
      '@@ -1,2 +1,2 @@',
    ].join('\n');
    expect(rangesOf(diff)).toEqual([
      'src/plan/graph.ts:3-3',
      'src/plan/graph.ts:11-14',
      'src/state/names.ts:1-2',
    ]);
  });

  test('of everything: all files in rounds of a size', () => {
    const sized = [40, 20, 50, 90, 10, 30].map((bytes, index) => ({ file: `f${index}`, bytes }));
    expect(roundsOf(sized, 60)).toEqual([['f0', 'f1'], ['f2'], ['f3'], ['f4', 'f5']]);
    expect(roundsOf([], 60)).toEqual([]);
  });
});
