import { type Reading, readSealed, seal } from './envelope.ts';
import type { Durability } from './files.ts';
import { createSerial } from './serial.ts';

/** One value in one file. */
export interface Document<T> {
  get(): T;
  /** Calls run one after the other, each on the outcome of the one before; writes nothing when nothing changed. */
  update(change: (current: T) => T): Promise<T>;
}

export interface DocumentOptions<T> extends Reading<T> {
  readonly initial: T;
  readonly durability: Durability;
}

export async function loadDocument<T>(path: string, options: DocumentOptions<T>): Promise<Document<T>> {
  const { files, initial, durability } = options;
  const serial = createSerial();
  let current = (await readSealed(path, options)) ?? initial;
  return {
    get: () => current,
    update: (change) =>
      serial.run(path, async () => {
        const next = change(current);
        if (seal(next) !== seal(current)) await files.write(path, seal(next), durability);
        current = next;
        return next;
      }),
  };
}
