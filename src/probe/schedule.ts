import type { Probe } from '../api/probe.ts';
import type { ProbeKind } from '../state/verdict.ts';

/** From here on a period is long: its first run may be put off, and its runs share wake-ups. */
const LONG_PERIOD_MS = 10_000;
/**
 * Probes with long periods run on this common grid: ten together cost half the CPU of ten alone, because each
 * wake-up has its price (0.5 against 1.1 ms a probe). A period that does not fit the grid is kept exactly.
 */
const SLOT_MS = 2_000;
/** The first repetition of a readiness probe that never succeeded; doubles up to the period. */
const EAGER_MS = 250;

export interface FirstRun {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** The last known result of this probe, from before the controller's restart, was good. */
  readonly adoptedHealthy: boolean;
  /** 0 to 1. */
  readonly random: number;
}

/**
 * A container that becomes started or ready waits for no one: at once after its initial delay. What is healthy
 * already, and liveness, is spread over the period when that is long.
 */
export function firstDueAtMs({ kind, probe, startedAtMs, nowMs, adoptedHealthy, random }: FirstRun): number {
  // A clock that was set back says that it starts in the future.
  const begunAtMs = Math.min(startedAtMs, nowMs);
  const earliestMs = Math.max(nowMs, begunAtMs + probe.initialDelaySeconds * 1000);
  const periodMs = probe.periodSeconds * 1000;
  const spread = periodMs >= LONG_PERIOD_MS && (kind === 'liveness' || adoptedHealthy);
  return spread ? Math.max(earliestMs, onGrid(earliestMs + random * periodMs, periodMs)) : earliestMs;
}

export interface NextRun {
  readonly probe: Probe;
  readonly lastDueAtMs: number;
  readonly nowMs: number;
  /** Runs of a readiness probe that has never succeeded; 0 for any other. */
  readonly eagerRuns: number;
}

/**
 * Counted from when the last run was due, so that nothing drifts; a run that took longer is followed at once. Never
 * later than a period from now: the clock may have been set back.
 */
export function nextDueAtMs({ probe, lastDueAtMs, nowMs, eagerRuns }: NextRun): number {
  const periodMs = probe.periodSeconds * 1000;
  if (eagerRuns > 0) return nowMs + Math.min(periodMs, EAGER_MS * 2 ** (eagerRuns - 1));
  return Math.max(nowMs, Math.min(nowMs + periodMs, onGrid(lastDueAtMs + periodMs, periodMs)));
}

const onGrid = (atMs: number, periodMs: number): number =>
  periodMs >= LONG_PERIOD_MS && periodMs % SLOT_MS === 0 ? Math.floor(atMs / SLOT_MS) * SLOT_MS : atMs;
