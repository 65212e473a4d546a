import { bytesOf, type Document, documentOf } from './mutate.ts';

/** What the loop works on, where another thread can read it while the loop does not answer. */
export interface Watch {
  begin(document: Document): void;
  /** How many were begun. */
  begun(): number;
  /** The one that was begun last. */
  current(): Document;
}

const LONGEST_BYTES = 512 * 1024;

export const createShared = (): SharedArrayBuffer => new SharedArrayBuffer(8 + LONGEST_BYTES);

export function createWatch(shared: SharedArrayBuffer): Watch {
  const [count, length] = [0, 1];
  const numbers = new Int32Array(shared, 0, 2);
  const bytes = new Uint8Array(shared, 8);
  return {
    begin: (document) => {
      const source = bytesOf(document);
      bytes.set(source.subarray(0, LONGEST_BYTES));
      Atomics.store(numbers, length, Math.min(source.length, LONGEST_BYTES));
      Atomics.add(numbers, count, 1);
    },
    begun: () => Atomics.load(numbers, count),
    current: () => documentOf(bytes.slice(0, Atomics.load(numbers, length))),
  };
}
