import { type Reading, readSealed, seal } from './envelope.ts';
import { isSameJson } from '../state/same-json.ts';
import type { Durability } from './files.ts';

/** One value in one file. */
export interface Document<T> {
  get(): T;
  /**
   * Calls run one after the other, each on the outcome of the one before; those that come together are written
   * together, and nothing is written when nothing changed.
   */
  update(change: (current: T) => T): Promise<T>;
}

export interface DocumentOptions<T> extends Reading<T> {
  readonly initial: T;
  readonly durability: Durability;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

interface Batch<T> {
  readonly changes: ((current: T) => T)[];
  readonly written: Promise<readonly Outcome<T>[]>;
}

export async function loadDocument<T>(path: string, options: DocumentOptions<T>): Promise<Document<T>> {
  const { files, initial, durability } = options;
  let current = (await readSealed(path, options)) ?? initial;
  let upcoming: Batch<T> | undefined;
  let tail: Promise<unknown> = Promise.resolve();

  const flush = async (batch: Batch<T>): Promise<readonly Outcome<T>[]> => {
    upcoming = undefined;
    let next = current;
    const outcomes = batch.changes.map((change): Outcome<T> => {
      try {
        next = change(next);
        return { value: next };
      } catch (error) {
        return { error };
      }
    });
    if (!isSameJson(next, current)) await files.write(path, seal(next), durability);
    current = next;
    return outcomes;
  };
  const begin = (): Batch<T> => {
    const batch: Batch<T> = { changes: [], written: tail.then(() => flush(batch)) };
    tail = batch.written.catch(() => undefined);
    return batch;
  };
  return {
    get: () => current,
    update: async (change) => {
      upcoming ??= begin();
      const { changes, written } = upcoming;
      const place = changes.push(change) - 1;
      const outcome = (await written)[place] as Outcome<T>;
      if ('error' in outcome) throw outcome.error;
      return outcome.value;
    },
  };
}
