import { driftOperations } from '../../src/plan/drift.ts';
import { containerName } from '../../src/state/names.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentState, Revision } from '../../src/state/record.ts';
import { revisionId, wishHash } from '../../src/state/revision.ts';
import { MAX_TRANSIENT_RETRIES } from './backoff.ts';
import { clocksStopped } from './clocks.ts';
import {
  attemptOf,
  containerOf,
  findRevision,
  rolloutMs,
  isLive,
  isReady,
  runningContainer,
  type View,
} from './facts.ts';
import type { AgentEvent } from './machine.ts';
import { wayBack } from './rollout.ts';
import { hasCompleted, isCondemned } from './supervise.ts';

const MAX_ROLLOUT_RESTARTS = 2;
export const RECOVERY_MS = 10_000;

type Judge = (view: View) => AgentEvent | undefined;

/** What the facts say to an agent in its state; undefined when there is nothing to say yet. Pure and total. */
export function nextEvent(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  if (record.state === 'Terminating') return undefined;
  if (facts.suspended) return undefined;
  if (facts.spec === undefined) return 'DELETED';
  if (asksForSomethingNew(view)) return 'NEW_TARGET';
  return JUDGES[record.state](view);
}

/** Compares meaning, never a stored hash: an upgrade of ours must not read as a change of theirs. */
function asksForSomethingNew({ record, facts }: View): boolean {
  if (!facts.wish) return false;
  if (wishHash(facts.wish.template) !== record.wishHash) return true;
  const target = findRevision(record, record.targetRevision);
  if (!target || !facts.wish.imageKnown) return false;
  return revisionId(target.template) !== revisionId(facts.wish.template);
}

const JUDGES: Readonly<Record<AgentState, Judge>> = {
  Pending: judgeWaiting,
  Blocked: judgeWaiting,
  Building: judgeBuilding,
  Preparing: (view) => stepFailed(view) ?? (isCreated(view) ? 'CREATED' : overdue(view)),
  StoppingOld: (view) => stepFailed(view) ?? (isAlone(view) ? 'OLD_STOPPED' : overdue(view)),
  Starting: judgeStarting,
  Verifying: judgeVerifying,
  Promoting: () => 'PROMOTED',
  Monitoring: judgeMonitoring,
  Healthy: judgeHealthy,
  Healing: judgeHealing,
  Degraded: (view) => completed(view) ?? (healthyFor(view, RECOVERY_MS) ? 'RECOVERED' : undefined),
  Failing: judgeFailing,
  RollingBack: judgeRollingBack,
  RolledBack: retry,
  Failed: judgeFailed,
  Paused: retry,
  Completed: () => undefined,
  Terminating: () => undefined,
};

function judgeWaiting(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  if (isCurrent(view)) return 'ALREADY_CURRENT';
  const open = facts.wish !== undefined && facts.missing.length === 0 && facts.gating.open;
  if (open) return 'DEPENDENCIES_READY';
  return record.state === 'Pending' ? 'DEPENDENCIES_WAIT' : undefined;
}

/** What is asked for is what serves: an edit that was taken back, or an image rebuilt to the same bytes. */
function isCurrent({ record, facts }: View): boolean {
  const current = findRevision(record, record.currentRevision);
  if (!current || !facts.wish?.imageKnown || current.outcome === 'Failed') return false;
  return revisionId(current.template) === revisionId(facts.wish.template);
}

function judgeBuilding(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  if (!facts.wish?.imageKnown || mustPull(view)) return stepFailed(view);
  return isCurrent({ ...view, record }) ? 'ALREADY_CURRENT' : 'IMAGE_READY';
}

export const mustPull = ({ record, facts }: View): boolean =>
  facts.spec?.imagePullPolicy === 'Always' &&
  facts.wish?.image?.type === 'Pull' &&
  record.pulledGeneration !== record.generation;

const isCreated = (view: View): boolean => containerOf(view, view.record.targetRevision) !== undefined;

const isAlone = (view: View): boolean =>
  view.facts.observed.containers.every(
    (container) => !isLive(container) || container.id === containerOf(view, view.record.targetRevision)?.id,
  );

function judgeStarting(view: View): AgentEvent | undefined {
  const container = runningContainer(view);
  const done = completed(view) ?? crashed(view) ?? stepFailed(view);
  if (done) return done;
  const startedUp = isLive(container) && view.facts.verdictOf(container)?.started === true;
  return startedUp ? 'STARTED' : overdue(view);
}

function judgeVerifying(view: View): AgentEvent | undefined {
  const minHealthyMs = rolloutMs(view, 'minHealthySeconds');
  const done = completed(view) ?? crashed(view);
  if (done) return done;
  return healthyFor(view, minHealthyMs) ? 'PROVEN' : overdue(view);
}

function judgeMonitoring(view: View): AgentEvent | undefined {
  const done = completed(view);
  if (done || clocksStopped(view.record)) return done;
  if (isUnhealthy(view)) return 'UNHEALTHY';
  return overdue(view) && 'STABLE';
}

function judgeHealthy(view: View): AgentEvent | undefined {
  const done = completed(view);
  if (done) return done;
  if (isUnhealthy(view)) return 'UNHEALTHY';
  return hasDrifted(view) && view.facts.spec?.driftPolicy === 'Correct' ? 'DRIFTED' : undefined;
}

function judgeHealing(view: View): AgentEvent | undefined {
  if (isUnhealthy(view)) return 'UNHEALTHY';
  if (!hasDrifted(view)) return 'HEALED';
  return overdue(view) && 'HEALED_IN_VAIN';
}

/** Looks once at the candidate's last words before it is thrown away. */
function judgeFailing(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  const failed = findRevision(record, record.targetRevision);
  const hasLastWords = failed?.failure?.logTail !== undefined;
  if (!hasLastWords && containerOf(view, record.targetRevision)) return undefined;
  if (facts.spec?.rollout.onFailure === 'Pause' && record.currentRevision !== undefined) return 'PAUSE';
  return wayBack(view) ? 'ROLL_BACK' : 'GIVE_UP';
}

/** A newer manifest, though it asks for the same container, or the image that was missing: worth another try. */
function retry(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  const isNewer = record.triedGeneration !== undefined && record.triedGeneration !== record.generation;
  const hasImage = facts.wish?.imageKnown === true && !mustPull(view);
  return isNewer || (record.targetRevision === undefined && hasImage) ? 'RETRY' : undefined;
}

/** A job that had ended before is back without running again. */
function judgeRollingBack(view: View): AgentEvent | undefined {
  if (isReady(view, runningContainer(view)) || completed(view)) return 'RESTORED';
  return stepFailed(view) ?? overdue(view);
}

function judgeFailed(view: View): AgentEvent | undefined {
  const { record } = view;
  const again = retry(view);
  if (again || record.targetRevision === undefined) return again;
  const survivorIsTarget = (record.currentRevision ?? record.targetRevision) === record.targetRevision;
  const done = completed(view);
  if (done) return survivorIsTarget ? done : 'RESTORED';
  const provenMs = rolloutMs(view, 'minHealthySeconds');
  if (!healthyFor(view, provenMs)) return undefined;
  return survivorIsTarget ? 'RECOVERED' : 'RESTORED';
}

const completed: Judge = (view) => (hasCompleted(view, runningContainer(view)) ? 'COMPLETED' : undefined);

function crashed(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  const gone = runningContainer(view)?.state === 'exited' && facts.spec?.restartPolicy === 'Never';
  return gone || record.rolloutRestarts > MAX_ROLLOUT_RESTARTS ? 'CRASHED_TOO_OFTEN' : undefined;
}

function stepFailed({ record }: View): AgentEvent | undefined {
  if (!record.stepFailure) return undefined;
  const given = record.stepFailure.terminal || record.step.failures > MAX_TRANSIENT_RETRIES;
  return given ? 'STEP_FAILED' : undefined;
}

const overdue: Judge = ({ record, nowMs }) =>
  record.deadlineAtMs !== undefined && nowMs >= record.deadlineAtMs && !clocksStopped(record)
    ? 'DEADLINE'
    : undefined;

const healthyFor = ({ record, nowMs }: View, forMs: number): boolean =>
  record.healthySinceMs !== undefined && nowMs - record.healthySinceMs >= forMs && !clocksStopped(record);

function isUnhealthy(view: View): boolean {
  const container = runningContainer(view);
  return !isReady(view, container) || isCondemned(view.record, container);
}

export function hasDrifted(view: View): boolean {
  const { record, facts } = view;
  const container = runningContainer(view);
  const revision = findRevision(record, record.currentRevision);
  return container !== undefined && revision !== undefined && driftOf(view, container, revision).length > 0
    ? facts.wish !== undefined
    : false;
}

/** Networks come from the newest wish: joining one needs no new container. */
export function driftOf({ record, facts }: View, container: ObservedContainer, revision: Revision) {
  const network = facts.wish?.template.network ?? revision.template.network;
  const attempt = attemptOf(record, revision.id);
  const name = containerName({ key: record.key, revision: revision.id, attempt, ordinal: 0 });
  return driftOperations(container, { ...revision.template, network }, name);
}
