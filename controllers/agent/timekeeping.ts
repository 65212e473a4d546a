import { type KeyString, keyString } from '../../src/api/key.ts';
import type { ReconcileContext } from '../../src/manager/reconciler.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { followClock, shiftClocks } from './clocks.ts';

/** What the times of a record are to be corrected by: the clock that was set, and Podman that was away. */
export interface Timekeeping {
  /** By what setting of the clock the times of a record were written: see `followClock`. */
  readonly leads: WeakMap<AgentRecord, number>;
  /** Since when Podman is not seen for a key, by `uptimeMs`: an outage counts for nobody's deadline. */
  readonly outages: Map<KeyString, number>;
}

/** The record with its times as the clock is set now. */
export function inTime({ leads }: Timekeeping, record: AgentRecord, context: ReconcileContext): AgentRecord {
  const leadMs = context.now() - context.uptimeMs();
  const followed = followClock(record, { nowMs: context.now(), leadMs }, leads.get(record));
  if (followed !== record || !leads.has(record)) leads.set(followed, leadMs);
  return followed;
}

/** The times of the one were written by the same setting of the clock as the other's. */
export function alike({ leads }: Timekeeping, record: AgentRecord, other: AgentRecord): AgentRecord {
  const leadMs = leads.get(other);
  if (leadMs !== undefined) leads.set(record, leadMs);
  return record;
}

/** The record with the time of an outage given back. It is over only when that is kept: until then it is given back anew. */
export function withoutOutage(
  times: Timekeeping,
  record: AgentRecord,
  context: ReconcileContext,
): AgentRecord {
  const since = times.outages.get(keyString(record.key));
  if (since === undefined) return record;
  return alike(times, shiftClocks(record, context.uptimeMs() - since), record);
}
