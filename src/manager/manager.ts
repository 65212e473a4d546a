import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Clock } from './clock.ts';
import type { Controller } from './controller.ts';
import type { Log } from './reconciler.ts';
import type { WorkQueueStats } from './workqueue.ts';

export type Enqueue = (key: ObjectKey, delayMs?: number) => void;

/** Whatever notices that an object may differ: files, Podman's events, timers, probes, the API. It only says which. */
export interface Trigger {
  readonly name: string;
  /** Resolves once it watches, with the function that ends it. */
  start(enqueue: Enqueue): Promise<() => Promise<void>>;
}

export interface ManagerOptions {
  readonly controllers: readonly Controller[];
  readonly triggers: readonly Trigger[];
  readonly clock: Clock;
  readonly log: Log;
}

export interface Manager {
  /** To the queue of the key's kind; a kind without a controller is ignored. */
  readonly enqueue: Enqueue;
  /** The state of each kind's queue. */
  queues(): Readonly<Record<string, WorkQueueStats>>;
  /** When each run that is not over began, by `Clock.uptimeMs`. */
  running(): ReadonlyMap<KeyString, number>;
  /** Triggers in their order, then the controllers: nothing is decided before everything watches. */
  start(): Promise<void>;
  /** Controllers at once, then the triggers in reverse; returns the names of what was busy at the deadline. */
  stop(deadlineMs: number): Promise<readonly string[]>;
}

/** What runs, and how to end it. */
interface Part {
  readonly name: string;
  readonly stop: () => Promise<void>;
}

const START_FAILED_DEADLINE_MS = 5_000;

export function createManager({ controllers, triggers, clock, log }: ManagerOptions): Manager {
  const byKind = new Map(controllers.map((controller) => [controller.kind, controller]));
  const watching: Part[] = [];
  const working: Part[] = [];

  const enqueue: Enqueue = (key, delayMs = 0) => {
    const controller = byKind.get(key.kind);
    if (controller) controller.queue.addAfter(key, delayMs);
    else log.debug({ object: keyString(key) }, 'no controller for this kind');
  };
  const queues = (): Record<string, WorkQueueStats> =>
    Object.fromEntries(controllers.map(({ kind, queue }) => [kind, queue.stats()]));
  const stop = async (deadlineMs: number): Promise<readonly string[]> => {
    const end = createEnd(clock, clock.now() + deadlineMs, log);
    const late = await Promise.all(working.splice(0).map(end));
    for (const part of watching.splice(0).reverse()) late.push(await end(part));
    return late.filter((name) => name !== undefined);
  };
  const start = async (): Promise<void> => {
    for (const trigger of triggers) watching.push({ name: trigger.name, stop: await trigger.start(enqueue) });
    for (const controller of controllers) {
      controller.start();
      working.push({ name: `${controller.kind} controller`, stop: controller.stop });
    }
  };
  return {
    enqueue,
    queues,
    running: () => new Map(controllers.flatMap(({ running }) => [...running])),
    stop,
    start: () =>
      start().catch(async (error: unknown) => {
        await stop(START_FAILED_DEADLINE_MS);
        throw error;
      }),
  };
}

/** Ends a part; returns its name when it was still busy at the deadline. A part begun after that gets one turn. */
function createEnd(
  clock: Clock,
  deadlineAtMs: number,
  log: Log,
): (part: Part) => Promise<string | undefined> {
  return async ({ name, stop }) => {
    let cancel = (): void => {};
    const late = new Promise<string>((resolve) => {
      cancel = clock.setTimer(deadlineAtMs - clock.now(), () => resolve(name));
    });
    const ended = stop().catch((error: unknown) => {
      log.error({ part: name, err: error }, 'could not stop cleanly');
    });
    const result = await Promise.race([ended, late]);
    cancel();
    if (result === undefined) return undefined;
    log.warn({ part: name }, 'still busy at the deadline; what it began is in the journal');
    return name;
  };
}
