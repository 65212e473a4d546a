import { describe, expect, test } from 'vitest';
import { converge } from './convergence/run.ts';

/** Seeds of an ordinary run, a minute's worth; `ROOKERY_SEEDS=5000` runs more, `ROOKERY_SEED=123` that one, with its story. */
const ORDINARY_SEEDS = 200;
const BATCH = 20;
const TIMEOUT = { timeout: 600_000 };

const only = process.env['ROOKERY_SEED'];
const count = Number(process.env['ROOKERY_SEEDS'] ?? ORDINARY_SEEDS);
const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, index) => index * BATCH + 1);

/** Throws what went wrong; with its story where only this seed was asked for. */
async function replay(seed: number): Promise<void> {
  const { complaint, story } = await converge(seed);
  if (complaint === undefined) return;
  const told = only === undefined ? '' : `\n${story.join('\n')}`;
  expect.fail(`seed ${seed}: ${complaint}; replay it with ROOKERY_SEED=${seed}${told}`);
}

describe.runIf(only === undefined)('whatever happens, the world converges and every promise is kept', () => {
  test.each(batches)('seeds from %i', TIMEOUT, async (first) => {
    for (let seed = first; seed < Math.min(first + BATCH, count + 1); seed += 1) await replay(seed);
  });
});

/** Seeds that once failed, each with what it showed. */
describe.runIf(only === undefined)('never again', () => {
  test.each([
    [8, 'a revision whose pod was gone kept its successor from starting'],
    [18, 'a lost address book gave the address of one agent to another'],
    [24, 'a failed update of a job was called a success, and the good one was removed'],
    [190, 'a rollback to what had not proved itself removed what had'],
    [319, 'an edit that was taken back removed the container that was kept for it'],
    [382, 'a lost address book gave the address of a pod group to an agent'],
  ])('seed %i: %s', TIMEOUT, (seed) => replay(seed));
});

test.runIf(only !== undefined)(`seed ${only}`, TIMEOUT, () => replay(Number(only)));
