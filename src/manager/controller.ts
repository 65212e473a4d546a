import { setMaxListeners } from 'node:events';
import { messageOf, TerminalError, WaitingError } from '../api/errors.ts';
import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Clock } from './clock.ts';
import type { Log, Reconciler, Result } from './reconciler.ts';
import type { WorkQueue } from './workqueue.ts';

/**
 * A reconcile may sit in a Podman call for long (a stop with 30 s of grace, a build of 900 s), and a worker costs one
 * pending promise: so about one for every agent of a large host. What loads Podman is bounded by the lanes instead.
 */
const DEFAULT_WORKERS = 64;

export type Outcome =
  | { readonly kind: 'Success'; readonly result: Result }
  | { readonly kind: 'Waiting'; readonly error: WaitingError }
  | { readonly kind: 'Stalled'; readonly error: TerminalError }
  | { readonly kind: 'Failed'; readonly error: unknown };

export interface ControllerOptions {
  readonly reconciler: Reconciler;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly log: Log;
  /** Told after every run: what makes `Stalled` visible, and the metrics. */
  readonly onOutcome: (key: ObjectKey, outcome: Outcome, durationMs: number) => void;
  readonly workers?: number;
}

export interface Controller {
  readonly kind: string;
  readonly queue: WorkQueue;
  /** The keys that run right now, and when each began, by `Clock.uptimeMs`. */
  readonly running: ReadonlyMap<KeyString, number>;
  start(): void;
  /** Aborts the signal of what runs, starts nothing more; resolves when the last run has returned. */
  stop(): Promise<void>;
}

export function createController(options: ControllerOptions): Controller {
  const { reconciler, queue, workers = DEFAULT_WORKERS } = options;
  const stopping = new AbortController();
  // Every call in flight listens: Node would take so many for a leak.
  setMaxListeners(0, stopping.signal);
  const runOnce = createRun(options, stopping.signal);
  const running = new Map<KeyString, number>();
  let hired = 0;
  let idle = 0;

  /** A worker more, while all that there are have something to do. */
  const hire = (): void => {
    if (idle > 0 || hired === workers) return;
    hired += 1;
    void work();
  };
  const next = async (): Promise<ObjectKey | undefined> => {
    idle += 1;
    const key = await queue.get();
    idle -= 1;
    return key;
  };
  const work = async (): Promise<void> => {
    for (let key = await next(); key; key = await next()) {
      hire();
      running.set(keyString(key), options.clock.uptimeMs());
      if (!stopping.signal.aborted) await runOnce(key);
      running.delete(keyString(key));
      queue.done(key);
    }
  };
  return {
    kind: reconciler.kind,
    queue,
    running,
    start: hire,
    stop: () => {
      stopping.abort();
      return queue.shutDown();
    },
  };
}

/** One run of one key: reconcile, then say what happens next. Never throws: a worker must outlive any of them. */
function createRun(options: ControllerOptions, signal: AbortSignal): (key: ObjectKey) => Promise<void> {
  const { reconciler, queue, clock, onOutcome } = options;
  const report = createReport(options.log);

  return async (key) => {
    const startedAtMs = clock.now();
    const context = { signal, log: options.log, now: () => clock.now(), uptimeMs: () => clock.uptimeMs() };
    const outcome = await outcomeOf(async () => reconciler.reconcile(key, context));
    if (signal.aborted) return;
    const retryMs = schedule(queue, key, outcome);
    report(key, outcome, retryMs);
    try {
      onOutcome(key, outcome, clock.now() - startedAtMs);
    } catch (error) {
      options.log.error({ object: keyString(key), err: error }, 'could not publish an outcome');
    }
  };
}

async function outcomeOf(run: () => Promise<Result>): Promise<Outcome> {
  try {
    return { kind: 'Success', result: await run() };
  } catch (error) {
    if (error instanceof TerminalError) return { kind: 'Stalled', error };
    if (error instanceof WaitingError) return { kind: 'Waiting', error };
    return { kind: 'Failed', error };
  }
}

/** Returns the delay until the next run, or nothing where only an event brings one. */
function schedule(queue: WorkQueue, key: ObjectKey, outcome: Outcome): number | undefined {
  if (outcome.kind === 'Failed') return queue.addRateLimited(key);
  queue.forget(key);
  const delayMs =
    outcome.kind === 'Success'
      ? outcome.result.requeueAfterMs
      : outcome.kind === 'Waiting'
        ? outcome.error.retryAfterMs
        : undefined;
  if (delayMs !== undefined) queue.addAfter(key, delayMs);
  return delayMs;
}

type Report = (key: ObjectKey, outcome: Outcome, retryMs: number | undefined) => void;

/** A failure that repeats itself is logged once, until it reads differently or is over. */
function createReport(log: Log): Report {
  const lastMessage = new Map<KeyString, string>();
  return (key, outcome, retryMs) => {
    const object = keyString(key);
    if (outcome.kind === 'Waiting') {
      log.debug({ object, retryMs }, `waiting: ${outcome.error.message}`);
      return;
    }
    if (outcome.kind === 'Success') {
      if (lastMessage.delete(object)) log.info({ object }, 'reconciles again');
      return;
    }
    const message = messageOf(outcome.error);
    if (lastMessage.get(object) === message) return;
    lastMessage.set(object, message);
    if (outcome.kind === 'Stalled') log.warn({ object, reason: outcome.error.reason }, message);
    else log.error({ object, retryMs, err: outcome.error }, `reconcile failed: ${message}`);
  };
}
