import type { WatchClock } from './debounce.ts';

/** Work that is done one at a time, in the order in which it was asked for. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** What is asked for while the same waits for its turn is that. */
export function coalesced<W extends object>(
  turns: Turns,
  work: (wish: W) => Promise<void>,
): (wish: W) => Promise<void> {
  const waiting = new Map<string, Promise<void>>();
  return (wish) => {
    const name = JSON.stringify(wish);
    const turn =
      waiting.get(name) ??
      turns(() => {
        waiting.delete(name);
        return work(wish);
      });
    waiting.set(name, turn);
    return turn;
  };
}

/** Makes it at the first call; after a failure again at the next. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** Waits for the work, but no longer than this; the work itself goes on. */
export function inTime(work: Promise<void>, limitMs: number, clock: WatchClock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = clock.setTimer(limitMs, resolve);
    work.finally(cancel).then(resolve, reject);
  });
}
