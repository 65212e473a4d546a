import type { Backoff } from '../../src/state/replica.ts';

export interface BackoffPolicy {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** Semantics §6's table of loops. */
export const STEP_BACKOFF: BackoffPolicy = { firstMs: 1_000, factor: 2, maxMs: 60_000 };
export const IMAGE_BACKOFF: BackoffPolicy = { firstMs: 10_000, factor: 2, maxMs: 300_000 };
export const CRASH_BACKOFF: BackoffPolicy = { firstMs: 1_000, factor: 2, maxMs: 300_000 };
export const TRANSIENT_BACKOFF: BackoffPolicy = { firstMs: 5_000, factor: 2, maxMs: 180_000 };

/** A container that ran this long had recovered: its next crash is a first one. */
export const CRASH_RESET_MS = 600_000;
export const MAX_TRANSIENT_RETRIES = 5;

export const NO_BACKOFF: Backoff = { failures: 0, notBeforeMs: 0 };

/** The delay after the nth failure in a row, n from 1. */
export const delayMs = ({ firstMs, factor, maxMs }: BackoffPolicy, failures: number): number =>
  Math.min(maxMs, firstMs * factor ** Math.max(0, failures - 1));

export const afterFailure = (before: Backoff, policy: BackoffPolicy, nowMs: number): Backoff => {
  const failures = before.failures + 1;
  return { failures, notBeforeMs: nowMs + delayMs(policy, failures) };
};

/** The first restart is at once; from the second on it waits, doubling. */
export function afterCrash(before: Backoff, ranForMs: number, exitedAtMs: number): Backoff {
  const failures = ranForMs >= CRASH_RESET_MS ? 1 : before.failures + 1;
  const waitMs = failures === 1 ? 0 : delayMs(CRASH_BACKOFF, failures - 1);
  return { failures, notBeforeMs: exitedAtMs + waitMs };
}
