import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { afterCrash } from './backoff.ts';
import { condemnation, isLive, isReady, runningContainer, type View } from './facts.ts';
import { isRollingOut } from './machine.ts';

/**
 * Brings the record up to what was seen of the container that should run: a new exit is counted once, by container
 * and time, so that any number of observations of it mean the same.
 */
export function takeNote(view: View): AgentRecord {
  const container = runningContainer(view);
  const noted = noteHealth({ ...view, record: noteExit(view, container) }, container);
  if (!isLive(container)) return noted;
  const reason = condemnation(view, container);
  const inThisBoot = { ...noted, bootId: view.facts.bootId };
  if (reason === undefined) return inThisBoot;
  return {
    ...inThisBoot,
    condemned: { containerId: container.id, startedAtMs: container.startedAtMs, reason },
  };
}

function noteExit({ record, facts }: View, container: ObservedContainer | undefined): AgentRecord {
  if (container === undefined || !isNewExit(record, container)) return record;
  const atMs = container.finishedAtMs;
  const exit = { containerId: container.id, code: container.exitCode, oomKilled: container.oomKilled, atMs };
  const noted: AgentRecord = { ...record, lastExit: exit };
  if (isReboot(record, facts.bootId) || isCompleted({ ...noted }, facts.spec?.restartPolicy)) return noted;
  return {
    ...noted,
    restarts: record.restarts + 1,
    rolloutRestarts: isRollingOut(record.state) ? record.rolloutRestarts + 1 : record.rolloutRestarts,
    crash: afterCrash(record.crash, Math.max(0, atMs - container.startedAtMs), atMs),
  };
}

/**
 * A container that starts to matter only now, such as the kept one of a rollback, was stopped by us: that exit is no
 * crash.
 */
export function acknowledgeExit(view: View): AgentRecord {
  const container = runningContainer(view);
  if (container?.state !== 'exited') return view.record;
  const { id: containerId, exitCode: code, oomKilled, finishedAtMs: atMs } = container;
  return { ...view.record, lastExit: { containerId, code, oomKilled, atMs } };
}

const isNewExit = (record: AgentRecord, container: ObservedContainer): boolean =>
  container.state === 'exited' &&
  container.startedAtMs > 0 &&
  (record.lastExit?.containerId !== container.id || record.lastExit.atMs !== container.finishedAtMs);

const isReboot = (record: AgentRecord, bootId: string): boolean =>
  record.bootId !== undefined && record.bootId !== bootId;

function noteHealth(view: View, container: ObservedContainer | undefined): AgentRecord {
  const { healthySinceMs, ...rest } = view.record;
  return isReady(view, container) ? { ...rest, healthySinceMs: healthySinceMs ?? view.nowMs } : rest;
}

/** Exit code 0 ends a run that was meant to end; a probe's kill is a crash whatever the code. */
export const isCompleted = (record: AgentRecord, policy: string | undefined): boolean =>
  policy !== undefined &&
  policy !== 'Always' &&
  record.lastExit?.code === 0 &&
  record.condemned?.containerId !== record.lastExit.containerId;

export const hasCompleted = ({ record, facts }: View, container: ObservedContainer | undefined): boolean =>
  container?.state === 'exited' &&
  record.lastExit?.containerId === container.id &&
  isCompleted(record, facts.spec?.restartPolicy);

/** True when the container that a probe condemned still runs. */
export const isCondemned = (record: AgentRecord, container: ObservedContainer | undefined): boolean =>
  isLive(container) &&
  record.condemned?.containerId === container.id &&
  record.condemned.startedAtMs === container.startedAtMs;

/** Why a container that should run may not be started yet, if so. */
export function heldBack(view: View, container: ObservedContainer | undefined): string | undefined {
  const { record, facts, nowMs } = view;
  if (nowMs < record.step.notBeforeMs)
    return record.stepFailure?.message ?? 'a failed step waits for its retry';
  if (container?.state !== 'exited' || container.startedAtMs === 0) return undefined;
  if (isReboot(record, facts.bootId)) return facts.bootGating.open ? undefined : facts.bootGating.message;
  if (facts.spec?.restartPolicy === 'Never') return 'restartPolicy is Never';
  return nowMs < record.crash.notBeforeMs ? 'crash back-off' : undefined;
}
