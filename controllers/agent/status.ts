import { type ConditionClaim, type ConditionType, mergeConditions } from '../../src/api/conditions.ts';
import type { AgentStatus } from '../../src/api/status.ts';
import type { ManifestProblem } from '../../src/state/desired.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { isLive, isReady, type View } from './facts.ts';
import { heldStatus } from './held.ts';
import { revisionStatus, rolloutStatus } from './history-status.ts';
import { GAVE_UP, isRollingOut } from './machine.ts';
import { areProbesReady, isAllReady, unreached } from './readiness.ts';
import { hasDrifted } from './drift.ts';
import {
  containerOf,
  containersOf,
  liveContainers,
  replicaRecord,
  runningReplicas,
  servingReplicas,
} from './replicas.ts';
import { unmet } from './unmet.ts';

export interface StatusInput extends View {
  readonly lastPlan: readonly string[];
  /** Why it runs from its last known good manifest, if it does. */
  readonly stalled?: ManifestProblem;
  /** Its manifest changed, and the change waits for a sync window: why, and until when. */
  readonly waits?: string;
}

/** (record, observed) → what people read. Pure. */
export function statusOf(input: StatusInput): AgentStatus {
  const { record, lastPlan } = input;
  const held = heldStatus(input);
  return {
    phase: input.facts.suspended ? 'Suspended' : (held?.phase ?? record.state),
    ...saidOf(input),
    observedGeneration: settledGeneration(input),
    ...revisionsOf(record),
    ready: isAllReady(input),
    ...replicaCounts(input),
    restarts: record.restarts,
    ...servingStatus(input),
    ...retryAt(input),
    ...lastExit(record),
    ...(lastPlan.length > 0 && { lastPlan }),
    revisions: record.revisions.map(revisionStatus),
    ...(record.rollouts && { rollouts: record.rollouts.map(rolloutStatus) }),
    conditions: mergeConditions(record.conditions, claims(input), input.nowMs),
  };
}

/** What is wrong with the manifest goes first, then what a person holds. */
function saidOf(input: StatusInput): { readonly reason: string; readonly message: string } {
  const { reason, message } =
    input.stalled ?? unmet(input) ?? heldStatus(input) ?? waiting(input) ?? input.record;
  return { reason, message };
}

/** What runs has more to say of itself, where it says something. */
const waiting = ({ waits, record }: StatusInput): { reason: string; message: string } | undefined =>
  waits !== undefined && record.message === '' ? { reason: OUTSIDE, message: waits } : undefined;

const OUTSIDE = 'OutsideSyncWindow';

const revisionsOf = ({ currentRevision, targetRevision, stableRevision }: AgentRecord) => ({
  ...(currentRevision !== undefined && { currentRevision }),
  ...(targetRevision !== undefined && { targetRevision }),
  ...(stableRevision !== undefined && { stableRevision }),
});

/** `replicas` as there are, `updatedReplicas` of the revision that the manifest asks for. */
function replicaCounts(view: View): Pick<AgentStatus, 'replicas' | 'readyReplicas' | 'updatedReplicas'> {
  const { record, facts } = view;
  const ready = liveContainers(view, servingReplicas(view)).filter((container) => isReady(view, container));
  return {
    replicas: facts.observed.containers.filter(isLive).length,
    readyReplicas: ready.length,
    updatedReplicas: containersOf(view, record.targetRevision).filter(isLive).length,
  };
}

/** Of several, the first that runs; of an agent whose containers are swapped, the old one. */
function shownContainer(view: View): ObservedContainer | undefined {
  const { record } = view;
  const serving = servingReplicas(view).flatMap((ref) => containerOf(view, ref) ?? []);
  const [other] = containersOf(view, record.currentRevision ?? record.targetRevision);
  return serving.find(isLive) ?? serving[0] ?? other;
}

function servingStatus(view: View): Pick<AgentStatus, 'address' | 'containerName' | 'startedAt'> {
  const serving = shownContainer(view);
  if (!serving) return {};
  const [address] = Object.values(serving.networks);
  return {
    containerName: serving.name,
    ...(address && { address }),
    ...(isLive(serving) && { startedAt: new Date(serving.startedAtMs).toISOString() }),
  };
}

/** The status while Podman does not answer: nothing died, nothing is judged. */
export function unknownStatus(last: AgentStatus, nowMs: number): AgentStatus {
  const message = 'Podman does not answer; nothing is judged until it does';
  const unknown = last.conditions.map(
    (condition): ConditionClaim =>
      condition.type === 'Ready'
        ? { ...condition, status: 'Unknown', reason: 'PodmanUnreachable', message }
        : condition,
  );
  const conditions = mergeConditions(last.conditions, unknown, nowMs);
  return { ...last, phase: 'Unknown', reason: 'PodmanUnreachable', message, ready: false, conditions };
}

/** The last generation that became Ready or Stalled. */
export function settledGeneration(view: StatusInput): number {
  const { record } = view;
  const settled = GAVE_UP.has(record.state) || record.state === 'Completed' || isAllReady(view);
  return settled && !isRollingOut(record.state) && !unmet(view)
    ? record.generation
    : record.observedGeneration;
}

/** The earliest: nobody is started before a failed step is tried again, and each replica has a back-off of its own. */
function retryAt(view: View): Pick<AgentStatus, 'nextRetryAt'> {
  const { record, nowMs } = view;
  const crashes = runningReplicas(view)
    .filter((ref) => !isLive(containerOf(view, ref)))
    .map((ref) => replicaRecord(record, ref).crash.notBeforeMs);
  const waits = record.step.notBeforeMs > nowMs ? [record.step.notBeforeMs] : crashes;
  const next = Math.min(...waits.filter((time) => time > nowMs));
  return Number.isFinite(next) ? { nextRetryAt: new Date(next).toISOString() } : {};
}

const lastExit = ({ lastExit: exit }: AgentRecord): Pick<AgentStatus, 'lastExit'> =>
  exit
    ? { lastExit: { code: exit.code, oomKilled: exit.oomKilled, at: new Date(exit.atMs).toISOString() } }
    : {};

function claims(input: StatusInput): ConditionClaim[] {
  const { record, facts } = input;
  const synced = isSynced(input);
  const stuck = isStuck(input);
  const claim = claimFor(input);
  return [
    readiness(input),
    claim('Reconciling', isReconciling(record.state) && !stuck),
    claim('Stalled', stuck, GAVE_UP.has(record.state) ? record.state : undefined),
    syncedClaim(input, claim('Synced', synced, synced ? 'Synced' : driftReason(input))),
    claim('Available', liveContainers(input, servingReplicas(input)).length > 0),
    progressing(input),
    claim('Degraded', record.state === 'Degraded' || record.state === 'Failed'),
    claim('DependenciesReady', !closedGate(input) && !facts.dependencyDown, dependencyReason(input)),
  ];
}

const syncedClaim = ({ waits }: StatusInput, claim: ConditionClaim): ConditionClaim =>
  waits === undefined ? claim : { ...claim, status: 'False', reason: OUTSIDE, message: waits };

/** Ready, but out of reach: what keeps traffic from it is told here, whatever else there is to say. */
function readiness(input: StatusInput): ConditionClaim {
  const claim = claimFor(input);
  if (!areProbesReady(input)) return claim('Ready', false, notReadyReason(input));
  const message = unreached(input);
  if (message === undefined) return claim('Ready', true, 'Ready');
  return { ...claim('Ready', false, 'TrafficNotRouted'), message };
}

/** A rollout without a way back says so for as long as it is under way. */
function progressing(input: StatusInput): ConditionClaim {
  const { state, noWayBack } = input.record;
  const plain = claimFor(input)('Progressing', isRollingOut(state));
  if (noWayBack === undefined || !isRollingOut(state)) return plain;
  return { ...plain, reason: 'RollbackUnavailable', message: noWayBack };
}

const PASSING: ReadonlySet<AgentState> = new Set([
  'Pending',
  'Blocked',
  'RollingBack',
  'Monitoring',
  'Failing',
]);

const isReconciling = (state: AgentState): boolean => isRollingOut(state) || PASSING.has(state);

const isStuck = ({ record, stalled }: StatusInput): boolean =>
  stalled !== undefined ||
  GAVE_UP.has(record.state) ||
  record.stepFailure?.reason === 'Conflict' ||
  record.reason === 'NotYetSupported';

/** Why it waits for others, if it does. */
const closedGate = ({ record, facts: { gating } }: View) =>
  record.state === 'Blocked' && !gating.open ? gating : undefined;

/** What is as it should be needs no words: only a condition that is not says why. */
const AS_IT_SHOULD_BE: Readonly<Record<ConditionType, boolean>> = {
  Ready: true,
  Synced: true,
  Available: true,
  DependenciesReady: true,
  Reconciling: false,
  Progressing: false,
  Stalled: false,
  Degraded: false,
};

const claimFor = (input: StatusInput) => {
  const { reason: reasonOfAll, message } = saidOf(input);
  const observedGeneration = input.record.generation;
  return (type: ConditionType, holds: boolean, reason = reasonOfAll): ConditionClaim => ({
    type,
    status: holds ? 'True' : 'False',
    reason,
    message: holds === AS_IT_SHOULD_BE[type] ? '' : message,
    observedGeneration,
  });
};

function isSynced(input: StatusInput): boolean {
  const { record, facts, stalled } = input;
  return (
    stalled === undefined &&
    unmet(input) === undefined &&
    facts.acts.undoToRevision === undefined &&
    record.currentRevision !== undefined &&
    record.currentRevision === record.targetRevision &&
    !hasDrifted(input)
  );
}

function driftReason(input: StatusInput): string {
  const wanting = input.stalled ?? unmet(input);
  if (wanting) return wanting.reason;
  if (hasDrifted(input)) return 'DriftDetected';
  return input.facts.acts.undoToRevision === undefined ? input.record.reason : 'UndoneByUser';
}

function notReadyReason(input: StatusInput): string {
  const all = servingReplicas(input).map((ref) => containerOf(input, ref));
  if (all.some((container) => container && !isLive(container))) return 'NotRunning';
  return all.some(isLive) ? 'ProbeFailing' : input.record.reason;
}

const dependencyReason = (view: View): string =>
  closedGate(view)?.reason ??
  (view.facts.dependencyDown === undefined ? 'DependenciesReady' : 'DependencyNotReady');
