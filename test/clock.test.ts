import { describe, expect, test, vi } from 'vitest';
import { systemClock } from '../src/manager/clock.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

describe('system clock', () => {
  test('a delay longer than a Node timer can hold does not fire early', () => {
    vi.useFakeTimers();
    try {
      let fired = 0;
      const delayMs = 2 ** 32;
      systemClock.setTimer(delayMs, () => {
        fired += 1;
      });
      vi.advanceTimersByTime(delayMs - 1);
      expect(fired).toBe(0);
      vi.advanceTimersByTime(1);
      expect(fired).toBe(1);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a cancelled timer never fires, whichever stretch it is in', () => {
    vi.useFakeTimers();
    try {
      let fired = 0;
      const cancel = systemClock.setTimer(2 ** 32, () => {
        fired += 1;
      });
      vi.advanceTimersByTime(2 ** 31 + 10);
      cancel();
      cancel();
      vi.advanceTimersByTime(2 ** 33);
      expect(fired).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('simulated clock', () => {
  test('fires in order of due time, then of setting, with the time of each', async () => {
    const clock = createSimulatedClock(0);
    const seen: string[] = [];
    clock.setTimer(20, () => seen.push(`b@${clock.now()}`));
    clock.setTimer(10, () => seen.push(`a@${clock.now()}`));
    clock.setTimer(20, () => seen.push(`c@${clock.now()}`));
    await clock.advance(19);
    expect(seen).toEqual(['a@10']);
    await clock.advance(1);
    expect(seen).toEqual(['a@10', 'b@20', 'c@20']);
    expect(clock.now()).toBe(20);
  });

  test('a timer that is set by a promise on the way still fires in the same advance', async () => {
    const clock = createSimulatedClock(0);
    const seen: number[] = [];
    const sleep = (delayMs: number) => new Promise<void>((resolve) => clock.setTimer(delayMs, resolve));
    const loop = (async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await sleep(5);
        seen.push(clock.now());
      }
    })();
    await clock.advance(15);
    await loop;
    expect(seen).toEqual([5, 10, 15]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a wait for what never happens ends with the limit', async () => {
    const clock = createSimulatedClock(0);
    await expect(clock.advanceUntil(() => false, 1_000)).rejects.toThrow('1000 ms');
  });
});
