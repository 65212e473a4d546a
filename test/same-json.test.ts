import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isSameJson } from '../src/state/same-json.ts';

const read = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null));

/** Small, so that two of them are the same now and then. */
const { plain } = fc.letrec((tie) => ({
  plain: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom(0, 1, '', 'a', true, null),
    fc.array(tie('plain'), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__', 'toString'), tie('member'), { maxKeys: 2 }),
  ),
  member: fc.oneof(tie('plain'), fc.constant(undefined)),
}));

describe('the same JSON', () => {
  test('is what reads the same once it is written', () => {
    const agrees = (left: unknown, right: unknown): void => {
      const [leftRead, rightRead] = [read(left), read(right)];
      let same = true;
      try {
        expect(leftRead).toEqual(rightRead);
      } catch {
        same = false;
      }
      expect(isSameJson(left, right)).toBe(same);
    };
    fc.assert(fc.property(plain, plain, agrees), { numRuns: 2_000 });
  });

  test('is a copy in another order, and with members that are undefined', () => {
    expect(isSameJson({ a: 1, b: [{ c: null }] }, { b: [{ c: null, d: undefined }], a: 1 })).toBe(true);
    expect(isSameJson({ a: undefined }, {})).toBe(true);
    expect(isSameJson({ a: 1 }, { a: 1, b: 2 })).toBe(false);
    expect(isSameJson({}, { toString: 1 })).toBe(false);
    expect(isSameJson([], {})).toBe(false);
    expect(isSameJson([1], [1, 2])).toBe(false);
    expect(isSameJson(null, {})).toBe(false);
  });
});
