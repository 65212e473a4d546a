import PQueue from 'p-queue';

/**
 * Writes to Podman pass through here, whichever agent they are for: eight crash-looping containers stalled every
 * Podman command for a minute (podman 11940). Stops have a lane of their own: a grace of 30 s must not hold a start back.
 */
export type Lane = 'start' | 'stop' | 'pull' | 'build';

/** Four creates and starts at once is as fast as two cores get (measured on Podman 4.3). */
const LIMITS: Readonly<Record<Lane, number>> = { start: 4, stop: 8, pull: 2, build: 1 };

/**
 * Reconciles are serial, so an agent waits in a lane with one call at most, four where it stops its replicas, and
 * cannot crowd the others out. Its crash restarts also let first starts and rollouts pass: a crash loop is the one
 * thing that asks again and again.
 */
export type LanePriority = 'Rollout' | 'CrashRestart';

const RANK: Readonly<Record<LanePriority, number>> = { Rollout: 1, CrashRestart: 0 };

export interface Lanes {
  /** Waits for a place, then runs the task and settles as it does. An abort while it waits rejects with its reason. */
  run<T>(lane: Lane, task: () => Promise<T>, options?: LaneOptions): Promise<T>;
  stats(): Readonly<Record<Lane, { readonly waiting: number; readonly running: number }>>;
}

export interface LaneOptions {
  readonly priority?: LanePriority;
  readonly signal?: AbortSignal;
}

export function createLanes(limits: Readonly<Record<Lane, number>> = LIMITS): Lanes {
  const queues = mapLanes((lane) => new PQueue({ concurrency: limits[lane] }));
  return {
    run: (lane, task, { priority = 'Rollout', signal } = {}) => {
      const place = whileWaiting(task, signal);
      return queues[lane].add(place.task, { priority: RANK[priority], signal: place.signal });
    },
    stats: () => mapLanes((lane) => ({ waiting: queues[lane].size, running: queues[lane].pending })),
  };
}

/**
 * p-queue lets go of a running task when its signal aborts, with the call still in flight: its place would be given
 * away too early. So the signal that it sees follows the caller's only until the task starts.
 */
function whileWaiting<T>(
  task: () => Promise<T>,
  signal: AbortSignal | undefined,
): { readonly task: () => Promise<T>; readonly signal: AbortSignal } {
  const waiting = new AbortController();
  const leave = (): void => waiting.abort(signal?.reason);
  if (signal?.aborted) leave();
  signal?.addEventListener('abort', leave, { once: true });
  const start = (): Promise<T> => {
    signal?.removeEventListener('abort', leave);
    return task();
  };
  return { task: start, signal: waiting.signal };
}

const mapLanes = <T>(of: (lane: Lane) => T): Record<Lane, T> => ({
  start: of('start'),
  stop: of('stop'),
  pull: of('pull'),
  build: of('build'),
});
