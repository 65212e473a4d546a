import type { ProbeClock } from './probe.ts';

export interface WorkerOptions {
  readonly clock: ProbeClock;
  readonly firstDueAtMs: number;
  readonly nextDueAtMs: (lastDueAtMs: number) => number;
  /** One run; never rejects, and says nothing more once its signal is aborted. */
  readonly attempt: (signal: AbortSignal) => Promise<void>;
  /** A run beyond this is given up, so that no defect in a check ends the probing. */
  readonly limitMs: number;
}

export interface Worker {
  /** Starts no further run, aborts the one under way and resolves when it has ended. */
  stop(): Promise<void>;
}

/** One probe of one container: one run at a time, on a timer of its own, so that a hanging one delays no other. */
export function startWorker({ clock, firstDueAtMs, nextDueAtMs, attempt, limitMs }: WorkerOptions): Worker {
  let controller = new AbortController();
  let running: Promise<void> = Promise.resolve();

  const runOnce = async (dueAtMs: number): Promise<void> => {
    await within(clock, limitMs, attempt(controller.signal), () => controller.abort());
    if (stopped) return;
    if (controller.signal.aborted) controller = new AbortController();
    schedule(nextDueAtMs(dueAtMs));
  };
  let stopped = false;
  let cancel = (): void => undefined;
  const schedule = (dueAtMs: number): void => {
    cancel = clock.setTimer(dueAtMs - clock.now(), () => {
      running = runOnce(dueAtMs);
    });
  };
  schedule(firstDueAtMs);

  const stop = (): Promise<void> => {
    stopped = true;
    cancel();
    controller.abort();
    return running;
  };
  return { stop };
}

/** Resolves with the work or at the limit, whichever is first. */
async function within(
  clock: ProbeClock,
  limitMs: number,
  work: Promise<void>,
  onLimit: () => void,
): Promise<void> {
  let cancel = (): void => undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.setTimer(limitMs, () => {
      onLimit();
      resolve();
    });
  });
  await Promise.race([work, limit]);
  cancel();
}
