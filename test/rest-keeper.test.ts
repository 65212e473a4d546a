import { expect, test } from 'vitest';
import { createRestKeeper, type Deed } from './convergence/rest.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const START: Deed = { type: 'call', what: 'startContainer a' };
const LOOK: Deed = { type: 'look', what: 'inspectContainer a' };

test('the same call again and again is wrong once nothing changes any more, and is counted from then on', async () => {
  const clock = createSimulatedClock();
  const keeper = createRestKeeper(clock);
  const often = async (deed: Deed, times: number): Promise<string | undefined> => {
    for (let time = 1; time < times; time += 1) {
      await clock.advance(1_000);
      keeper.note(deed);
    }
    return keeper.note(deed);
  };
  expect(await often(START, 100)).toBeUndefined();
  keeper.calm();
  expect(await often(START, 12)).toBeUndefined();
  expect(keeper.note(START)).toBe('13 times startContainer a');
  expect(await often(LOOK, 1_000)).toBeUndefined();
  keeper.calm();
  expect(keeper.note(START)).toBeUndefined();
});

test('what is done in no time is wrong whenever it is', async () => {
  const clock = createSimulatedClock();
  const keeper = createRestKeeper(clock);
  for (let time = 0; time < 3_000; time += 1) expect(keeper.note(LOOK)).toBeUndefined();
  expect(keeper.note(LOOK)).toContain('3001 deeds in no time');
  await clock.advance(1);
  expect(keeper.note(LOOK)).toBeUndefined();
});
