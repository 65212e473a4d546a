import type { BigIntStats } from 'node:fs';

/** Remembers what was made of a file until its size, times or inode change. */
export interface StatCache<T> {
  get(path: string, stats: BigIntStats, load: () => Promise<T>): Promise<T>;
  /** What the newest readings used. */
  entries(): StatCacheEntries<T>;
  /** Forgets what was not asked for since the last sweep. */
  sweep(): void;
}

/** Path → what its stats were and what was made of it: a cache as it can be kept on disk. */
export type StatCacheEntries<T> = readonly (readonly [
  string,
  { readonly fingerprint: string; readonly value: T },
])[];

/** Two writes within one tick of the file system's clock leave the same time: so young a file is not remembered. */
const YOUNG_MS = 100;

export const fingerprint = (stats: BigIntStats): string =>
  [stats.dev, stats.ino, stats.mode, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');

export function createStatCache<T>(now: () => number, saved: StatCacheEntries<T> = []): StatCache<T> {
  let entries = new Map(saved);
  let kept: typeof entries = new Map();
  return {
    async get(path, stats, load) {
      const print = fingerprint(stats);
      const known = kept.get(path) ?? entries.get(path);
      const isYoung = Math.abs(now() - Number(stats.ctimeMs)) < YOUNG_MS;
      const entry =
        known?.fingerprint === print ? known : { fingerprint: isYoung ? '' : print, value: await load() };
      kept.set(path, entry);
      return entry.value;
    },
    entries: () => [...entries],
    sweep() {
      entries = kept;
      kept = new Map();
    },
  };
}
