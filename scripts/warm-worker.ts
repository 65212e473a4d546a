// The worker of mutation testing. Vitest ends its worker after every run, and Stryker makes a run of every mutant: to start
// a thread and load the core again took thirty times as long as the tests that kill a mutant. This one stays.
import { ThreadsPoolWorker, type PoolOptions, type WorkerRequest } from 'vitest/node';

/** Every start of a run leaves a listener in the thread. */
const MOST_RUNS = 100;

let kept: { thread: ThreadsPoolWorker; runs: number } | undefined;

type Listener = (message: unknown) => void;

export class WarmWorker {
  readonly name = 'warm';
  readonly #options: PoolOptions;
  readonly #listeners: [event: string, listener: Listener][] = [];
  #isSpoilt = false;

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
      this.#isSpoilt = true;
    });
    this.on('message', (message) => {
      if (tellsOfTimeout(message)) this.#isSpoilt = true;
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
    if (!this.#isSpoilt && kept !== undefined && kept.runs < MOST_RUNS) return;
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

/** A test that did not end in time goes on after its run, and would take part in the next. */
const tellsOfTimeout = (message: unknown): boolean =>
  typeof message === 'object' &&
  message !== null &&
  'm' in message &&
  message.m === 'onTaskUpdate' &&
  JSON.stringify(message).includes('timed out in');
