import type { KeyString } from '../api/key.ts';

/** What tells a busy controller from one that hangs. */
export interface Progress {
  /** When each key's present run began; all times here are `Clock.uptimeMs`, which nobody sets. */
  readonly running: ReadonlyMap<KeyString, number>;
  /** Keys of calls to Podman that are on their way: these have deadlines of their own, a build one of many minutes. */
  readonly calling: ReadonlySet<KeyString>;
  /** Since when the manifests are being read; absent between two readings. */
  readonly readingSinceMs?: number;
}

/** A run outside of a call looks things up in Podman, which takes at most some 30 s each, and else only computes. */
const LONGEST_RUN_MS = 180_000;
/** Of the largest directory, with every build context hashed anew, or of a slow git server. */
const LONGEST_READING_MS = 300_000;

/** What does not get on, for a person; `undefined` while everything does. */
export function hangs({ running, calling, readingSinceMs }: Progress, nowMs: number): string | undefined {
  if (readingSinceMs !== undefined && nowMs - readingSinceMs > LONGEST_READING_MS)
    return `the manifests are being read for ${seconds(nowMs - readingSinceMs)}`;
  for (const [key, sinceMs] of running) {
    if (nowMs - sinceMs > LONGEST_RUN_MS && !calling.has(key))
      return `${key} is being reconciled for ${seconds(nowMs - sinceMs)}`;
  }
  return undefined;
}

const seconds = (durationMs: number): string => `${Math.round(durationMs / 1_000)} s`;
