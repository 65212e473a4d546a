import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Clock } from './clock.ts';
import { createDelays } from './delays.ts';
import { createKeyQueue } from './key-queue.ts';

/** client-go's rate-limiting work queue: `KeyQueue`'s promises, with delays and a back-off for each key. */
export interface WorkQueue {
  add(key: ObjectKey): void;
  /** Adds it after the delay; of several, the earliest counts. */
  addAfter(key: ObjectKey, delayMs: number): void;
  /** Adds it after the key's own back-off, which grows with each call until `forget`; returns the delay. */
  addRateLimited(key: ObjectKey): number;
  /** The key did well: its next back-off starts small again. */
  forget(key: ObjectKey): void;
  /** The next key, which the caller must give back with `done`; `undefined` once shut down and empty. */
  get(): Promise<ObjectKey | undefined>;
  done(key: ObjectKey): void;
  /** Takes nothing more, drops what waits for its time; resolves when the queue is empty and no key runs. */
  shutDown(): Promise<void>;
  stats(): WorkQueueStats;
}

export interface WorkQueueStats {
  readonly queued: number;
  readonly running: number;
  readonly delayed: number;
  readonly failing: number;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** In [0, 1), as `Math.random`. */
  readonly random: () => number;
  readonly backoff?: BackoffPolicy;
}

export interface BackoffPolicy {
  readonly baseMs: number;
  readonly maxMs: number;
  /** 0.25 spreads a delay over ±25 %, so that what failed together does not retry together. */
  readonly jitter: number;
}

const STEP_BACKOFF: BackoffPolicy = { baseMs: 1_000, maxMs: 60_000, jitter: 0.25 };

/** `failures` counts from 0: the delay after the first failure is about `baseMs`, then it doubles up to `maxMs`. */
function backoffMs(policy: BackoffPolicy, failures: number, random: () => number): number {
  const plainMs = Math.min(policy.baseMs * 2 ** failures, policy.maxMs);
  return Math.round(plainMs * (1 + policy.jitter * (2 * random() - 1)));
}

export function createWorkQueue({ clock, random, backoff = STEP_BACKOFF }: WorkQueueOptions): WorkQueue {
  const keys = createKeyQueue();
  const delays = createDelays(clock, keys.add);
  const failures = new Map<KeyString, number>();
  let shuttingDown = false;

  const addAfter = (key: ObjectKey, delayMs: number): void => {
    if (delayMs <= 0) keys.add(key);
    else if (!shuttingDown) delays.add(key, clock.uptimeMs() + delayMs);
  };

  return {
    add: keys.add,
    addAfter,
    addRateLimited: (key) => {
      const before = failures.get(keyString(key)) ?? 0;
      failures.set(keyString(key), before + 1);
      const delayMs = backoffMs(backoff, before, random);
      addAfter(key, delayMs);
      return delayMs;
    },
    forget: (key) => void failures.delete(keyString(key)),
    get: keys.get,
    done: keys.done,
    shutDown: () => {
      shuttingDown = true;
      delays.clear();
      return keys.close();
    },
    stats: () => ({
      queued: keys.queued,
      running: keys.running,
      delayed: delays.size,
      failing: failures.size,
    }),
  };
}
