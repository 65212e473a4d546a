import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { isHeld } from './asked.ts';
import type { View } from './facts.ts';

/** States whose deadlines judge a candidate: an outage below it must not. */
const JUDGED: ReadonlySet<AgentState> = new Set([
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
