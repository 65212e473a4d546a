import { type KeyString, keyString, type ObjectKey, parseKey } from '../api/key.ts';

/**
 * The heart of client-go's work queue: a key is queued once however often it is added; it is never handed to two
 * workers at a time; adds during its run mean exactly one more run.
 */
export interface KeyQueue {
  add(key: ObjectKey): void;
  /** The next key, which the caller must give back with `done`; `undefined` once closed and empty. */
  get(): Promise<ObjectKey | undefined>;
  done(key: ObjectKey): void;
  /** Takes nothing more, still hands out what is queued; resolves when the queue is empty and no key runs. */
  close(): Promise<void>;
  readonly queued: number;
  readonly running: number;
}

export function createKeyQueue(): KeyQueue {
  /** A Set keeps the order of insertion; disjoint from `running`. */
  const queued = new Set<KeyString>();
  const running = new Set<KeyString>();
  /** Added while running: back into the queue when the run is done. */
  const dirty = new Set<KeyString>();
  const waiters: ((key: ObjectKey | undefined) => void)[] = [];
  let closed = false;
  let onDrained = (): void => {};
  const drained = new Promise<void>((resolve) => {
    onDrained = resolve;
  });

  const handOut = (): ObjectKey | undefined => {
    const [next] = queued;
    if (next === undefined) return undefined;
    queued.delete(next);
    running.add(next);
    return parseKey(next);
  };
  const enqueue = (key: KeyString): void => {
    if (running.has(key)) {
      dirty.add(key);
      return;
    }
    queued.add(key);
    waiters.shift()?.(handOut());
  };
  const settle = (): void => {
    if (closed && queued.size === 0 && running.size === 0) onDrained();
  };

  return {
    add: (key) => {
      if (!closed) enqueue(keyString(key));
    },
    get: () => {
      const next = handOut();
      if (next || closed) return Promise.resolve(next);
      return new Promise((resolve) => waiters.push(resolve));
    },
    done: (key) => {
      const text = keyString(key);
      running.delete(text);
      if (dirty.delete(text)) enqueue(text);
      settle();
    },
    close: () => {
      closed = true;
      for (const wake of waiters.splice(0)) wake(undefined);
      settle();
      return drained;
    },
    get queued() {
      return queued.size;
    },
    get running() {
      return running.size;
    },
  };
}
