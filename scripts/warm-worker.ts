// The worker of mutation testing. Vitest ends its worker after every run, and Stryker makes a run of every mutant: to start
// a thread and load the core again took thirty times as long as the tests that kill a mutant. This one stays.
import { ThreadsPoolWorker, type PoolOptions, type WorkerRequest } from 'vitest/node';

/** A test that never ends goes on after its run, and every start of a run leaves a listener: no thread is kept for long. */
const LONGEST_RUN_MS = 4_000;
const MOST_RUNS = 60;

let kept: { thread: ThreadsPoolWorker; runs: number } | undefined;

type Listener = (message: unknown) => void;

export class WarmWorker {
  readonly name = 'warm';
  readonly #options: PoolOptions;
  readonly #listeners: [event: string, listener: Listener][] = [];
  readonly #startedMs = performance.now();
  #failed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    if (kept === undefined) {
      kept = { thread: new ThreadsPoolWorker(this.#options), runs: 0 };
      await kept.thread.start();
    }
    kept.runs += 1;
    this.on('error', () => {
      this.#failed = true;
    });
  }

  on(event: string, listener: Listener): void {
    this.#listeners.push([event, listener]);
    kept?.thread.on(event, listener);
  }

  off(event: string, listener: Listener): void {
    kept?.thread.off(event, listener);
  }

  send(message: WorkerRequest): void {
    if (message.type === 'stop') this.#tell({ type: 'stopped', __vitest_worker_response__: true });
    else kept?.thread.send(message);
  }

  async stop(): Promise<void> {
    for (const [event, listener] of this.#listeners) this.off(event, listener);
    const isTired = performance.now() - this.#startedMs > LONGEST_RUN_MS || (kept?.runs ?? 0) >= MOST_RUNS;
    if (!isTired && !this.#failed) return;
    const { thread } = kept ?? {};
    kept = undefined;
    await thread?.stop();
  }

  deserialize(data: unknown): unknown {
    return data;
  }

  #tell(message: unknown): void {
    for (const [event, listener] of this.#listeners) if (event === 'message') listener(message);
  }
}
