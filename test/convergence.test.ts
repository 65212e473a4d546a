import { describe, expect, test } from 'vitest';
import { converge } from './convergence/run.ts';

/** Seeds of an ordinary run; `ROOKERY_SEEDS=5000` runs more, `ROOKERY_SEED=123` that one, with its story. */
const ORDINARY_SEEDS = 300;
const BATCH = 25;

const only = process.env['ROOKERY_SEED'];
const count = Number(process.env['ROOKERY_SEEDS'] ?? ORDINARY_SEEDS);
const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, index) => index * BATCH + 1);

/** Throws the story of a seed that went wrong, so that it is read where it fails. */
async function replay(seed: number, withStory: boolean): Promise<void> {
  const { complaint, story } = await converge(seed);
  if (complaint === undefined) return;
  const told = withStory ? `\n${story.join('\n')}` : '';
  expect.fail(`seed ${seed}: ${complaint}; replay it with ROOKERY_SEED=${seed}${told}`);
}

describe.runIf(only === undefined)('whatever happens, the world converges and every promise is kept', () => {
  test.each(batches)('seeds from %i', { timeout: 600_000 }, async (first) => {
    for (let seed = first; seed < Math.min(first + BATCH, count + 1); seed += 1) await replay(seed, false);
  });
});

describe.runIf(only !== undefined)('the seed that was asked for', () => {
  test(`${only}`, { timeout: 600_000 }, () => replay(Number(only), true));
});
