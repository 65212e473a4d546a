import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { isHeld } from './asked.ts';
import type { Backoff } from '../../src/state/replica.ts';
import type { View } from './facts.ts';

/** States whose deadlines judge a candidate: an outage below it must not. */
export const JUDGED: ReadonlySet<AgentState> = new Set([
  'Starting',
  'Verifying',
  'AwaitingApproval',
  'Monitoring',
  'RollingBack',
]);

export const clocksStopped = (record: AgentRecord): boolean => record.clocksStoppedAtMs !== undefined;

/** Stops the rollout's clocks while a dependency is away or a person holds it, and moves them on afterwards. */
export function turnClocks(view: View): AgentRecord {
  const { record, facts, nowMs } = view;
  const isAway = facts.suspended || facts.dependencyDown !== undefined;
  const hold = isHeld(view) || (JUDGED.has(record.state) && isAway);
  if (hold) return clocksStopped(record) ? record : { ...record, clocksStoppedAtMs: nowMs };
  if (record.clocksStoppedAtMs === undefined) return record;
  return shiftClocks(record, nowMs - record.clocksStoppedAtMs);
}

/** Time in which nothing could be judged (a reboot, an outage of Podman or of the controller) counts for nobody. */
export function shiftClocks(record: AgentRecord, byMs: number): AgentRecord {
  const { clocksStoppedAtMs: _, deadlineAtMs, healthySinceMs, ...rest } = record;
  return {
    ...rest,
    ...(deadlineAtMs !== undefined && { deadlineAtMs: deadlineAtMs + byMs }),
    ...(healthySinceMs !== undefined && { healthySinceMs: healthySinceMs + byMs }),
  };
}

/** Less than this is no setting of a clock, and nothing that a deadline would notice. */
const SMALLEST_JUMP_MS = 2_000;

/** What the wall clock shows more than the time that the controller has lived: only a setting of the clock changes it. */
export interface Now {
  readonly nowMs: number;
  readonly leadMs: number;
}

/** A record's times were written by the clock as it was set then: what is left of each wait stays what it was. */
export function followClock(
  record: AgentRecord,
  { nowMs, leadMs }: Now,
  writtenLeadMs?: number,
): AgentRecord {
  // An earlier run wrote it, and since then the clock was set back.
  const untilWrittenMs = Math.min(0, nowMs - record.stateEnteredAtMs);
  const byMs = writtenLeadMs === undefined ? untilWrittenMs : leadMs - writtenLeadMs;
  return Math.abs(byMs) < SMALLEST_JUMP_MS ? record : setClocks(record, byMs);
}

function setClocks(record: AgentRecord, byMs: number): AgentRecord {
  const { clocksStoppedAtMs, step, replicas, stateEnteredAtMs } = record;
  return {
    ...shiftClocks(record, byMs),
    stateEnteredAtMs: stateEnteredAtMs + byMs,
    ...(clocksStoppedAtMs !== undefined && { clocksStoppedAtMs: clocksStoppedAtMs + byMs }),
    step: setBackoff(step, byMs),
    replicas: Object.fromEntries(
      Object.entries(replicas).map(([id, replica]) => [
        id,
        { ...replica, crash: setBackoff(replica.crash, byMs) },
      ]),
    ),
  };
}

const setBackoff = ({ failures, notBeforeMs }: Backoff, byMs: number): Backoff => ({
  failures,
  notBeforeMs: notBeforeMs === 0 ? 0 : notBeforeMs + byMs,
});
