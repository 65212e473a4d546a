/** Numbers that look random and are the same for the same seed, whatever machine runs them. */
export interface Random {
  /** In [0, 1). */
  next(): number;
  /** From `min` to `max`, both included. */
  int(min: number, max: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly [T, ...T[]]): T;
  /** One of them, or nothing where there is none. */
  pickAny<T>(items: readonly T[]): T | undefined;
}

/** Mulberry32, by Tommy Ettinger. */
export function createRandom(seed: number): Random {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const index = (length: number): number => Math.floor(next() * length);
  return {
    next,
    int: (min, max) => min + index(max - min + 1),
    chance: (probability) => next() < probability,
    pick: (items) => items[index(items.length)] ?? items[0],
    pickAny: (items) => items[index(items.length)],
  };
}
