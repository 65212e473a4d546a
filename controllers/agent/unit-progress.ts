import type { AgentRecord } from '../../src/state/record.ts';
import { isHeld } from './asked.ts';
import { rolloutMs, type View } from './facts.ts';
import { healthyFor, isCreated, isUnhealthy, overdue } from './judge.ts';
import { isOnTheWay } from './unit.ts';

/** Brings up to date whether this one has done its part, which the others wait for. */
export function noteProgress(view: View): AgentRecord {
  const { record, nowMs } = view;
  if (!record.unit) return record;
  const waits = isOnTheWay(view) && !isHeld(view) && isDone(view);
  const noted: AgentRecord =
    waits === record.unit.waits ? record : { ...record, unit: { ...record.unit, waits } };
  // Proven, it is not to fail for the time that the slowest of the others takes.
  return waits && record.state === 'Verifying'
    ? { ...noted, deadlineAtMs: nowMs + rolloutMs(view, 'healthyDeadlineSeconds') }
    : noted;
}

function isDone(view: View): boolean {
  switch (view.record.state) {
    case 'Preparing':
      return isCreated(view);
    case 'Verifying':
      return healthyFor(view, rolloutMs(view, 'minHealthySeconds'));
    case 'Monitoring':
      return overdue(view) !== undefined && !isUnhealthy(view);
    default:
      return false;
  }
}
