import { type KeyString, keyString, type ObjectKey, parseKey } from '../api/key.ts';
import type { Clock } from './clock.ts';

interface Entry {
  readonly key: KeyString;
  /** By `Clock.uptimeMs`, as all times here: a wait is as long as it was meant, whatever the wall clock is set to. */
  readonly dueAtMs: number;
}

/** Keys that wait for their time: one heap and one timer for all of them. */
export interface Delays {
  /** An earlier deadline replaces a later one, never the other way round. */
  add(key: ObjectKey, dueAtMs: number): void;
  /** Forgets all of them. */
  clear(): void;
  readonly size: number;
}

export function createDelays(clock: Clock, onDue: (key: ObjectKey) => void): Delays {
  const dueAt = new Map<KeyString, number>();
  let heap: Entry[] = [];
  let armedFor: number | undefined;
  let disarm = (): void => {};

  const isStale = (entry: Entry): boolean => dueAt.get(entry.key) !== entry.dueAtMs;

  const arm = (): void => {
    while (heap[0] && isStale(heap[0])) popEntry(heap);
    const next = heap[0]?.dueAtMs;
    if (next === armedFor) return;
    disarm();
    armedFor = next;
    disarm = next === undefined ? () => {} : clock.setTimer(next - clock.uptimeMs(), fire);
  };
  const fire = (): void => {
    armedFor = undefined;
    const nowMs = clock.uptimeMs();
    for (let next = heap[0]; next && next.dueAtMs <= nowMs; next = heap[0]) {
      popEntry(heap);
      if (isStale(next)) continue;
      dueAt.delete(next.key);
      onDue(parseKey(next.key));
    }
    arm();
  };

  return {
    add: (objectKey, dueAtMs) => {
      const key = keyString(objectKey);
      if ((dueAt.get(key) ?? Number.POSITIVE_INFINITY) <= dueAtMs) return;
      dueAt.set(key, dueAtMs);
      pushEntry(heap, { key, dueAtMs });
      if (heap.length > 2 * dueAt.size + 64) heap = heapOf(dueAt);
      arm();
    },
    clear: () => {
      dueAt.clear();
      heap = [];
      arm();
    },
    get size() {
      return dueAt.size;
    },
  };
}

/** A sorted array is a heap; drops the entries that an earlier deadline made stale. */
const heapOf = (dueAt: ReadonlyMap<KeyString, number>): Entry[] =>
  [...dueAt].map(([key, dueAtMs]) => ({ key, dueAtMs })).sort((left, right) => left.dueAtMs - right.dueAtMs);

const dueOf = (heap: readonly Entry[], index: number): number =>
  heap[index]?.dueAtMs ?? Number.POSITIVE_INFINITY;

function swap(heap: Entry[], left: number, right: number): void {
  const held = heap[left] as Entry;
  heap[left] = heap[right] as Entry;
  heap[right] = held;
}

function pushEntry(heap: Entry[], entry: Entry): void {
  heap.push(entry);
  let index = heap.length - 1;
  while (index > 0) {
    const parent = (index - 1) >> 1;
    if (dueOf(heap, parent) <= entry.dueAtMs) return;
    swap(heap, index, parent);
    index = parent;
  }
}

function popEntry(heap: Entry[]): void {
  swap(heap, 0, heap.length - 1);
  heap.pop();
  let index = 0;
  for (;;) {
    const left = 2 * index + 1;
    const child = dueOf(heap, left + 1) < dueOf(heap, left) ? left + 1 : left;
    if (dueOf(heap, child) >= dueOf(heap, index)) return;
    swap(heap, index, child);
    index = child;
  }
}
