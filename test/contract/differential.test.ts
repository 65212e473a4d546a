import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Act, acts, perform, stateOf } from './acts.ts';
import { type Subject, subjects } from './subjects.ts';

/** `ROOKERY_DIFFERENTIAL_RUNS=500` for a long one; a failing run prints its seed and the shortest sequence. */
const RUNS = Number(process.env['ROOKERY_DIFFERENTIAL_RUNS'] ?? 12);
const LONGEST = 14;
const SEED = Number(process.env['ROOKERY_DIFFERENTIAL_SEED'] ?? 20_260);

const [fake, ...real] = subjects();

/** Everything is done to the one and to the other, and both must answer alike and look alike after every call. */
describe.each(real)('whatever is called, the fake answers as $name does', { timeout: 900_000 }, (subject) => {
  test(`in ${RUNS} random sequences`, async () => {
    const sequences = fc.array(acts, { minLength: 3, maxLength: LONGEST, size: 'max' });
    const property = fc.asyncProperty(sequences, async (sequence) => {
      const expected = await traceOf(fake as Subject, sequence);
      expect(await traceOf(subject, sequence)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: RUNS, seed: SEED });
  });
});

/** Every call with its answer, and what there is after it. */
async function traceOf(subject: Subject, sequence: readonly Act[]): Promise<readonly object[]> {
  const bench = await subject.open();
  const trace: object[] = [];
  try {
    for (const act of sequence) {
      const answer = await perform(bench, act);
      trace.push({ ...act, answer, leaves: await stateOf(bench) });
    }
    return trace;
  } finally {
    await bench.cleanUp();
  }
}
