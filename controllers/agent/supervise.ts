import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import {
  type ContainerExit,
  NEW_REPLICA,
  type ReplicaRecord,
  type ReplicaRef,
  replicaId,
} from '../../src/state/replica.ts';
import { afterCrash } from './backoff.ts';
import { JUDGED } from './clocks.ts';
import { attemptOf, condemnation, findRevision, isLive, isReady, rolloutMs, type View } from './facts.ts';
import { isRollingOut } from './machine.ts';
import { unreached } from './readiness.ts';
import { holderTemplate, noteTraffic } from './route.ts';
import {
  containerOf,
  goesBeside,
  judgedReplicas,
  refOf,
  replicaRecord,
  runningReplicas,
} from './replicas.ts';
import { awaitsPod, isOnTheWay } from './unit.ts';

/**
 * Brings the record up to what was seen of the replicas that should run: a new exit is counted once, by container
 * and time, so that any number of observations of it mean the same.
 */
export function takeNote(view: View): AgentRecord {
  const noted = runningReplicas(view).reduce(
    (record, ref) => noteReplica({ ...view, record }, ref),
    view.record,
  );
  const { traffic: _, ...rest } = noted;
  const traffic = noteTraffic({ ...view, record: noted });
  const holder = holderTemplate(view);
  const replicas = remembered({ ...view, record: noted });
  return noteHealth({
    ...view,
    record: { ...rest, replicas, ...(traffic && { traffic }), ...(holder && { holder }) },
  });
}

const withReplica = (record: AgentRecord, ref: ReplicaRef, change: Partial<ReplicaRecord>): AgentRecord => ({
  ...record,
  replicas: { ...record.replicas, [replicaId(ref)]: { ...replicaRecord(record, ref), ...change } },
});

function noteReplica(view: View, ref: ReplicaRef): AgentRecord {
  const container = containerOf(view, ref);
  if (!container) return view.record;
  const record = noteExit(view, ref, container);
  if (!isLive(container)) return record;
  const reason = condemnation(view, container);
  const ready = isReady(view, container);
  return withReplica(ready ? withoutReboot(record, ref) : record, ref, {
    bootId: view.facts.bootId,
    ...(ready && { joined: true }),
    ...(reason !== undefined && {
      condemned: { containerId: container.id, startedAtMs: container.startedAtMs, reason },
    }),
  });
}

function noteExit(view: View, ref: ReplicaRef, container: ObservedContainer): AgentRecord {
  const { record, facts } = view;
  const replica = replicaRecord(record, ref);
  if (!isNewExit(replica, container)) return record;
  const lastExit = exitOf(container);
  const { atMs } = lastExit;
  const { bootId } = facts;
  if (isReboot(replica, bootId) && replica.lastExit?.rebootedInto !== bootId)
    return afterReboot(view, ref, { ...lastExit, rebootedInto: bootId });
  const noted = { ...record, lastExit };
  if (isCompleted({ ...replica, lastExit }, facts.spec?.restartPolicy))
    return withReplica(noted, ref, { lastExit, bootId });
  const isTried = isRollingOut(record.state) && ref.revision === record.targetRevision;
  return withReplica({ ...withoutReboot(noted, ref), restarts: record.restarts + 1 }, ref, {
    lastExit,
    bootId,
    restarts: replica.restarts + 1,
    rolloutRestarts: replica.rolloutRestarts + (isTried ? 1 : 0),
    // A clock that was set back since says that it has yet to happen.
    crash: afterCrash(replica.crash, atMs - container.startedAtMs, Math.min(atMs, view.nowMs)),
  });
}

/** It went down with the host, which is held against no revision: who is judged has as long again to come up. */
function afterReboot(view: View, ref: ReplicaRef, lastExit: ContainerExit): AgentRecord {
  const { nowMs } = view;
  const record = { ...view.record, lastExit };
  if (!JUDGED.has(record.state)) return withReplica(record, ref, { lastExit });
  const watchMs = record.state === 'Monitoring' ? rolloutMs(view, 'monitorSeconds') : 0;
  const afreshMs = nowMs + rolloutMs(view, 'healthyDeadlineSeconds') + watchMs;
  const { deadlineAtMs } = record;
  const given = deadlineAtMs === undefined ? {} : { deadlineAtMs: Math.max(deadlineAtMs, afreshMs) };
  return withReplica({ ...record, ...given }, ref, { lastExit, rebooted: true });
}

function withoutReboot(record: AgentRecord, ref: ReplicaRef): AgentRecord {
  const { rebooted, ...rest } = replicaRecord(record, ref);
  return rebooted ? { ...record, replicas: { ...record.replicas, [replicaId(ref)]: rest } } : record;
}

/**
 * A container that starts to matter only now, such as the kept one of a rollback, was stopped by us: that exit is no
 * crash.
 */
export function acknowledgeExits(view: View, before: View): AgentRecord {
  const { record } = view;
  const mattered = new Set(runningReplicas(before).map(replicaId));
  const stopped = runningReplicas(view).flatMap((ref) => {
    const container = mattered.has(replicaId(ref)) ? undefined : containerOf(view, ref);
    if (container?.state !== 'exited') return [];
    return [[replicaId(ref), { ...replicaRecord(record, ref), lastExit: exitOf(container) }] as const];
  });
  const [, newest] = stopped[0] ?? [];
  if (!newest) return record;
  const replicas = { ...record.replicas, ...Object.fromEntries(stopped) };
  return { ...record, replicas, lastExit: newest.lastExit };
}

const exitOf = (container: ObservedContainer): ContainerExit => ({
  containerId: container.id,
  code: container.exitCode,
  oomKilled: container.oomKilled,
  atMs: container.finishedAtMs,
});

const isNewExit = ({ lastExit }: ReplicaRecord, container: ObservedContainer): boolean =>
  container.state === 'exited' &&
  container.startedAtMs > 0 &&
  (lastExit?.containerId !== container.id || lastExit.atMs !== container.finishedAtMs);

/** It ran in an earlier boot of the host, and was not seen to run in this one. */
const isReboot = (replica: ReplicaRecord, bootId: string): boolean =>
  replica.bootId !== undefined && replica.bootId !== bootId;

/** Of those that are wanted or there; a revision that is tried anew starts with a clean slate. */
function remembered(view: View): AgentRecord['replicas'] {
  const { record, facts } = view;
  const kept = [...facts.observed.containers.map(refOf), ...runningReplicas(view)].filter(
    ({ revision, attempt }) => attemptOf(record, revision) === attempt,
  );
  const ids = new Set(kept.map(replicaId));
  return Object.fromEntries(Object.entries(record.replicas).filter(([id]) => ids.has(id)));
}

function noteHealth(view: View): AgentRecord {
  const { healthySinceMs, ...rest } = view.record;
  const judged = judgedReplicas(view);
  const areUp = judged?.every((ref) => isReady(view, containerOf(view, ref)) || hasCompleted(view, ref));
  // An update proves itself first, and is sent its traffic then.
  const isReached = (): boolean => isRollingOut(view.record.state) || unreached(view) === undefined;
  return areUp && isReached() ? { ...rest, healthySinceMs: healthySinceMs ?? view.nowMs } : rest;
}

/** Exit code 0 ends a run that was meant to end; a probe's kill is a crash whatever the code. */
const isCompleted = ({ lastExit, condemned }: ReplicaRecord, policy: string | undefined): boolean =>
  policy !== undefined &&
  policy !== 'Always' &&
  lastExit?.code === 0 &&
  condemned?.containerId !== lastExit.containerId;

export function hasCompleted(view: View, ref: ReplicaRef): boolean {
  const container = containerOf(view, ref);
  const replica = replicaRecord(view.record, ref);
  return (
    container?.state === 'exited' &&
    replica.lastExit?.containerId === container.id &&
    isCompleted(replica, view.facts.spec?.restartPolicy)
  );
}

/** True when the container that a probe condemned still runs. */
export const isCondemned = (
  { condemned }: ReplicaRecord,
  container: ObservedContainer | undefined,
): boolean =>
  isLive(container) &&
  condemned?.containerId === container.id &&
  condemned.startedAtMs === container.startedAtMs;

/** Why a container that should run may not be started yet, if so. */
export function heldBack(view: View, ref: ReplicaRef): string | undefined {
  const { record, facts, nowMs } = view;
  if (nowMs < record.step.notBeforeMs)
    return record.stepFailure?.message ?? 'a failed step waits for its retry';
  const byPod = heldByPod(view, ref);
  if (byPod !== undefined) return byPod;
  const container = containerOf(view, ref);
  if (!isLive(container) && isStillTaken(view, ref)) return 'an earlier attempt at it still runs';
  const replica = replicaRecord(record, ref);
  if (isDownSinceBoot(view, ref)) return facts.bootGating.open ? undefined : facts.bootGating.message;
  if (container?.state !== 'exited' || container.startedAtMs === 0) return undefined;
  if (facts.spec?.restartPolicy === 'Never') return 'restartPolicy is Never';
  return nowMs < replica.crash.notBeforeMs ? 'crash back-off' : undefined;
}

const isDownSinceBoot = (view: View, ref: ReplicaRef): boolean =>
  !isLive(containerOf(view, ref)) && isReboot(replicaRecord(view.record, ref), view.facts.bootId);

/** What those wait for that went down with their host, if so. */
export function heldSinceBoot(view: View): string | undefined {
  const { bootGating } = view.facts;
  if (bootGating.open || !runningReplicas(view).some((ref) => isDownSinceBoot(view, ref))) return undefined;
  return `after a boot of the host, ${bootGating.message}`;
}

/** An earlier attempt at the same replica answers its last requests, as one of a rollout whose record was lost. */
const isStillTaken = ({ record, facts }: View, { revision, ordinal }: ReplicaRef): boolean =>
  goesBeside(record) &&
  facts.observed.containers.filter(isLive).some((container) => {
    const other = refOf(container);
    return other.revision === revision && other.ordinal === ordinal;
  });

function heldByPod(view: View, { revision }: ReplicaRef): string | undefined {
  const { startGating } = view.facts;
  if (awaitsPod(view, findRevision(view.record, revision))) return 'its pod is not up yet';
  return isOnTheWay(view) && !startGating.open ? startGating.message : undefined;
}

/** A candidate is judged by this rollout alone, whatever its containers did in an earlier one. */
export const startAfresh = (record: AgentRecord, revision: string | undefined): AgentRecord['replicas'] =>
  Object.fromEntries(
    Object.entries(record.replicas).map(([id, replica]) => {
      if (revision === undefined || !id.startsWith(`${revision}-`)) return [id, replica];
      const { condemned: _, ...rest } = replica;
      return [id, { ...rest, crash: NEW_REPLICA.crash, rolloutRestarts: 0 }];
    }),
  );
