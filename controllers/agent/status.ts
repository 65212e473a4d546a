import {
  type ConditionClaim,
  type ConditionStatus,
  type ConditionType,
  mergeConditions,
} from '../../src/api/conditions.ts';
import type { AgentStatus, RevisionStatus } from '../../src/api/status.ts';
import type { ManifestProblem } from '../../src/state/desired.ts';
import type { AgentRecord, AgentState, Revision } from '../../src/state/record.ts';
import { containerOf, isLive, isReady, runningContainer, type View } from './facts.ts';
import { isRollingOut } from './machine.ts';
import { hasDrifted } from './judge.ts';

export interface StatusInput extends View {
  readonly lastPlan: readonly string[];
  /** Why it runs from its last known good manifest, if it does. */
  readonly stalled?: ManifestProblem;
}

const GAVE_UP: ReadonlySet<AgentState> = new Set(['RolledBack', 'Failed', 'Paused']);

/** (record, observed) → what people read. Pure. */
export function statusOf(input: StatusInput): AgentStatus {
  const { record, lastPlan } = input;
  const serving =
    runningContainer(input) ?? containerOf(input, record.currentRevision ?? record.targetRevision);
  const address = serving && Object.values(serving.networks)[0];
  const conditions = mergeConditions(record.conditions, claims(input), input.nowMs);
  return {
    phase: input.facts.suspended ? 'Suspended' : record.state,
    reason: input.stalled?.reason ?? record.reason,
    message: input.stalled?.message ?? record.message,
    observedGeneration: settledGeneration(input),
    ...(record.currentRevision && { currentRevision: record.currentRevision }),
    ...(record.targetRevision && { targetRevision: record.targetRevision }),
    ...(record.stableRevision && { stableRevision: record.stableRevision }),
    ready: isReady(input, runningContainer(input)),
    restarts: record.restarts,
    ...(address && { address }),
    ...(serving && { containerName: serving.name }),
    ...(isLive(serving) && { startedAt: new Date(serving.startedAtMs).toISOString() }),
    ...retryAt(input),
    ...lastExit(record),
    ...(lastPlan.length > 0 && { lastPlan }),
    revisions: record.revisions.map(revisionStatus),
    conditions,
  };
}

/** The status while Podman does not answer: nothing died, nothing is judged. */
export function unknownStatus(last: AgentStatus, nowMs: number): AgentStatus {
  const message = 'Podman does not answer; nothing is judged until it does';
  const claims = last.conditions.map(
    ({ lastTransitionTime: _, ...condition }): ConditionClaim =>
      condition.type === 'Ready'
        ? { ...condition, status: 'Unknown', reason: 'PodmanUnreachable', message }
        : condition,
  );
  const conditions = mergeConditions(last.conditions, claims, nowMs);
  return { ...last, phase: 'Unknown', reason: 'PodmanUnreachable', message, ready: false, conditions };
}

/** The last generation that became Ready or Stalled. */
export function settledGeneration(view: StatusInput): number {
  const { record } = view;
  const settled =
    GAVE_UP.has(record.state) || record.state === 'Completed' || isReady(view, runningContainer(view));
  return settled && !isRollingOut(record.state) ? record.generation : record.observedGeneration;
}

function retryAt({ record, nowMs }: View): Pick<AgentStatus, 'nextRetryAt'> {
  const next = Math.max(record.crash.notBeforeMs, record.step.notBeforeMs);
  return next > nowMs ? { nextRetryAt: new Date(next).toISOString() } : {};
}

const lastExit = ({ lastExit: exit }: AgentRecord): Pick<AgentStatus, 'lastExit'> =>
  exit
    ? { lastExit: { code: exit.code, oomKilled: exit.oomKilled, at: new Date(exit.atMs).toISOString() } }
    : {};

function revisionStatus({ id, outcome, cause, createdAtMs, failure }: Revision): RevisionStatus {
  const { reason, message, logTail } = failure ?? {};
  return {
    id,
    outcome,
    cause,
    createdAt: new Date(createdAtMs).toISOString(),
    ...(reason !== undefined &&
      message !== undefined && { failure: { reason, message, ...(logTail && { logTail }) } }),
  };
}

function claims(input: StatusInput): ConditionClaim[] {
  const { record, facts, stalled } = input;
  const { state } = record;
  const ready = isReady(input, runningContainer(input));
  const live = isLive(runningContainer(input));
  const rolling =
    isRollingOut(state) || ['Pending', 'Blocked', 'RollingBack', 'Monitoring', 'Failing'].includes(state);
  const stuck =
    stalled !== undefined ||
    GAVE_UP.has(state) ||
    record.stepFailure?.reason === 'Conflict' ||
    isUnsupported(record);
  const waits = state === 'Blocked' && !facts.gating.open;
  const because = { reason: stalled?.reason ?? record.reason, message: stalled?.message ?? record.message };
  const claim = claimFor(record.generation, because);
  return [
    claim('Ready', ready ? 'True' : 'False', ready ? 'Ready' : notReadyReason(input)),
    claim('Reconciling', rolling && !stuck ? 'True' : 'False'),
    claim('Stalled', stuck ? 'True' : 'False'),
    claim('Synced', isSynced(input) ? 'True' : 'False', isSynced(input) ? 'Synced' : driftReason(input)),
    claim('Available', ready || live ? 'True' : 'False'),
    claim('Progressing', isRollingOut(state) ? 'True' : 'False'),
    claim('Degraded', state === 'Degraded' || state === 'Failed' ? 'True' : 'False'),
    claim('DependenciesReady', waits || facts.dependencyDown ? 'False' : 'True', dependencyReason(input)),
  ];
}

const claimFor =
  (observedGeneration: number, because: { reason: string; message: string }) =>
  (type: ConditionType, status: ConditionStatus, reason = because.reason): ConditionClaim => ({
    type,
    status,
    reason,
    message: because.message,
    observedGeneration,
  });

const isUnsupported = (record: AgentRecord): boolean => record.reason === 'NotYetSupported';

function isSynced(input: StatusInput): boolean {
  const { record, stalled } = input;
  return (
    stalled === undefined &&
    record.currentRevision !== undefined &&
    record.currentRevision === record.targetRevision &&
    !hasDrifted(input)
  );
}

const driftReason = (input: StatusInput): string =>
  hasDrifted(input) ? 'DriftDetected' : input.record.reason;

function notReadyReason(input: StatusInput): string {
  const container = runningContainer(input);
  if (!container) return input.record.reason;
  return isLive(container) ? 'ProbeFailing' : 'NotRunning';
}

const dependencyReason = ({ facts }: View): string => {
  if (!facts.gating.open) return facts.gating.reason;
  return facts.dependencyDown === undefined ? 'DependenciesReady' : 'DependencyNotReady';
};
