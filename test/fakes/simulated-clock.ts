import type { Clock } from '../../src/manager/clock.ts';

interface Timer {
  readonly dueAtMs: number;
  readonly callback: () => void;
}

/**
 * A clock that moves only when told to. Timers fire in the order of their due time, and in the order in which they
 * were set when that is equal; promises settle between any two of them, so a run is the same every time.
 */
export interface SimulatedClock extends Clock {
  /** Moves time forward by `durationMs`, firing what falls due on the way, also what is set on the way. */
  advance(durationMs: number): Promise<void>;
  /** Jumps to the next timer and fires it; false when there is none. */
  advanceToNext(): Promise<boolean>;
  /** Steps timer by timer until `condition` holds; throws when `limitMs` of simulated time were not enough. */
  advanceUntil(condition: () => boolean, limitMs: number): Promise<void>;
  /** Lets promises settle without moving time. */
  settle(): Promise<void>;
  /** Somebody is busy without end at one time, and nothing else would ever happen: that look at the clock throws. */
  onStandstill: () => void;
  readonly pendingTimers: number;
}

/** The busiest moment of 2,000 stories had a hundredth of it. */
const MOST_READS_AT_ONCE = 1_000_000;

/** setImmediate runs after every microtask and nextTick that is queued by then. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createSimulatedClock(startMs = Date.UTC(2026, 0, 1)): SimulatedClock {
  let nowMs = startMs;
  const timers = new Set<Timer>();

  /** A Set keeps the order of insertion, so the first of equals is the one set first. */
  const earliest = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (!first || timer.dueAtMs < first.dueAtMs) first = timer;
    return first;
  };
  const fire = async (timer: Timer): Promise<void> => {
    timers.delete(timer);
    nowMs = Math.max(nowMs, timer.dueAtMs);
    timer.callback();
    await settle();
  };
  const advance = async (durationMs: number): Promise<void> => {
    const endMs = nowMs + durationMs;
    await settle();
    for (let next = earliest(); next && next.dueAtMs <= endMs; next = earliest()) await fire(next);
    nowMs = endMs;
  };
  const advanceToNext = async (): Promise<boolean> => {
    await settle();
    const next = earliest();
    if (next) await fire(next);
    return next !== undefined;
  };

  let reads = { atMs: nowMs, count: 0 };
  const read = (): number => {
    reads = { atMs: nowMs, count: reads.atMs === nowMs ? reads.count + 1 : 1 };
    if (reads.count !== MOST_READS_AT_ONCE) return nowMs;
    clock.onStandstill();
    throw new Error('somebody works without end while the clock stands still');
  };

  const clock: SimulatedClock = {
    onStandstill: () => undefined,
    now: read,
    uptimeMs: read,
    setTimer: (delayMs, callback) => {
      const timer = { dueAtMs: nowMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance,
    advanceToNext,
    advanceUntil: async (condition, limitMs) => {
      const endMs = nowMs + limitMs;
      await settle();
      while (!condition()) {
        const next = earliest();
        if (!next || next.dueAtMs > endMs) throw new Error(`condition did not hold within ${limitMs} ms`);
        await fire(next);
      }
    },
    settle,
    get pendingTimers() {
      return timers.size;
    },
  };
  return clock;
}
