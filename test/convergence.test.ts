import { describe, expect, test } from 'vitest';
import { converge } from './convergence/run.ts';
import { replayOf, type Script, scriptOf } from './convergence/script.ts';

/** So many that coverage sees the whole controller; `npm run simulate` runs thousands. */
const SEEDS = 40;
const BATCH = 10;
const TIMEOUT = { timeout: 600_000 };

async function replay(script: Script): Promise<void> {
  const { complaint } = await converge(script);
  if (complaint !== undefined)
    expect.fail(`${complaint}; replay it with npm run simulate -- ${replayOf(script)}`);
}

describe('whatever happens, the world converges and every promise is kept', () => {
  test.each(Array.from({ length: SEEDS / BATCH }, (_, index) => index * BATCH + 1))(
    'seeds from %i',
    TIMEOUT,
    async (first) => {
      for (let seed = first; seed < first + BATCH; seed += 1) await replay(scriptOf(seed, 'large'));
    },
  );
});
