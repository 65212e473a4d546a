import type { BigIntStats } from 'node:fs';

/** Remembers what was made of a file until its size, times or inode change. */
export interface StatCache<T> {
  get(path: string, stats: BigIntStats, load: () => Promise<T>): Promise<T>;
  /** Forgets what was not asked for since the last sweep. */
  sweep(): void;
}

/** Two writes within one tick of the file system's clock leave the same time: so young a file is not remembered. */
const YOUNG_MS = 100;

export const fingerprint = (stats: BigIntStats): string =>
  [stats.dev, stats.ino, stats.mode, stats.size, stats.mtimeNs, stats.ctimeNs].join(':');

export function createStatCache<T>(now: () => number): StatCache<T> {
  let entries = new Map<string, { readonly fingerprint: string; readonly value: T }>();
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
    sweep() {
      entries = kept;
      kept = new Map();
    },
  };
}
