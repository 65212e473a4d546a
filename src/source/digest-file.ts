import { readFile } from 'node:fs/promises';
import { replace } from './replace.ts';
import type { StatCacheEntries } from './stat-cache.ts';

/** Hashing less than this takes no longer than reading about it. */
const WORTH_KEEPING_BYTES = 2 ** 20;

export interface DigestFile {
  load(): Promise<StatCacheEntries<string>>;
  /** Writes only when something changed, and never makes a directory; what cannot be kept is made again. */
  save(entries: StatCacheEntries<string>): Promise<void>;
}

/** Digests of large files, by path and stats. A cache: damaged or lost it costs a second, never a wrong answer. */
export function createDigestFile(path: string): DigestFile {
  let known = '';
  return {
    load: async () => {
      known = await readFile(path, 'utf8').catch(() => '');
      return parseEntries(known);
    },
    save: async (entries) => {
      const text = JSON.stringify(
        entries.filter(([, { fingerprint }]) => sizeOf(fingerprint) >= WORTH_KEEPING_BYTES),
      );
      if (text === known) return;
      known = text;
      await replace(path, text).catch(() => undefined);
    },
  };
}

/** The fourth part of a fingerprint is the size; a young file has none and is not kept. */
const sizeOf = (fingerprint: string): number => Number(fingerprint.split(':')[3] ?? 0);

function parseEntries(text: string): StatCacheEntries<string> {
  try {
    const value = JSON.parse(text) as unknown;
    return Array.isArray(value) ? value.filter(isEntry) : [];
  } catch {
    return [];
  }
}

const isEntry = (value: unknown): value is StatCacheEntries<string>[number] =>
  Array.isArray(value) && typeof value[0] === 'string' && /^[0-9a-f]{64}$/.test(String(value[1]?.value));
