import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { ReplicaRef } from '../../src/state/replica.ts';
import { revisionId, wishHash } from '../../src/state/revision.ts';
import { askedEvent, isHeld, UNDER_WAY } from './asked.ts';
import { MAX_TRANSIENT_RETRIES } from './backoff.ts';
import { clocksStopped, JUDGED } from './clocks.ts';
import { mustCorrect } from './drift.ts';
import { findRevision, isLive, isReady, rolloutMs, type View } from './facts.ts';
import type { AgentEvent } from './machine.ts';
import {
  containerOf,
  containersOf,
  judgedReplicas,
  refsOf,
  replicaRecord,
  goesBeside,
  promotedReplicas,
  triedCount,
} from './replicas.ts';
import { isCutOff, unreached } from './readiness.ts';
import { hasMoved } from './route.ts';
import { wayBack } from './rollout.ts';
import { hasCompleted, isCondemned } from './supervise.ts';
import {
  awaitsPod,
  failedFellow,
  goesBackBefore,
  isDecided,
  isLeftBehind,
  isOnTheWay,
  isPausedWithOthers,
  isPodUnknown,
  isStranded,
  mayLeave,
} from './unit.ts';

const MAX_ROLLOUT_RESTARTS = 2;
export const RECOVERY_MS = 10_000;

type Judge = (view: View) => AgentEvent | undefined;

/** What the facts say to an agent in its state; undefined when there is nothing to say yet. Pure and total. */
export function nextEvent(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  if (record.state === 'Terminating') return undefined;
  if (facts.suspended) return undefined;
  if (facts.spec === undefined) return 'DELETED';
  if (record.state === 'Monitoring' && isDecided(view)) return 'STABLE';
  if (asksForSomethingNew(view) || isLeftBehind(view)) return 'NEW_TARGET';
  if (UNDER_WAY.has(record.state) && (failedFellow(view) || isStranded(view))) return 'FELLOW_FAILED';
  const asked = askedEvent(view);
  if (asked || isHeld(view)) return asked;
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
  Preparing: judgePreparing,
  StoppingOld: (view) => stepFailed(view) ?? (isAlone(view) && hasRoom(view) ? 'OLD_STOPPED' : overdue(view)),
  Starting: judgeStarting,
  Verifying: judgeVerifying,
  Promoting: judgePromoting,
  AwaitingApproval: judgeCanaries,
  Monitoring: judgeMonitoring,
  Healthy: judgeHealthy,
  Healing: judgeHealing,
  Degraded: (view) => completed(view) ?? (healthyFor(view, RECOVERY_MS) ? 'RECOVERED' : undefined),
  Failing: judgeFailing,
  RollingBack: judgeRollingBack,
  RolledBack: retry,
  Failed: judgeFailed,
  Paused: (view) => retry(view) ?? (goesBackBefore(view) ? 'ROLL_BACK' : undefined),
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
  if ((current.restartedAtMs ?? 0) < (record.restartedAtMs ?? 0)) return false;
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

function judgePreparing(view: View): AgentEvent | undefined {
  const failed = canaryFailed(view) ?? stepFailed(view) ?? (isCreated(view) ? undefined : overdue(view));
  if (failed) return lacksInput(view) ? 'INPUT_MISSING' : failed;
  if (!isCreated(view)) return undefined;
  if (!mayLeave(view)) return undefined;
  return goesBeside(view.record) ? 'CREATED_BESIDE' : 'CREATED';
}

/**
 * Nothing of it could be made, and something that its manifest refers to is not there, such as a Secret that cannot be
 * decrypted since a restart: that says nothing about the revision.
 */
const lacksInput = (view: View): boolean =>
  view.facts.missing.length > 0 && containersOf(view, view.record.targetRevision).length === 0;

export const isCreated = (view: View): boolean =>
  refsOf(view.record, view.record.targetRevision, { to: triedCount(view) }).every(
    (ref) => containerOf(view, ref) !== undefined,
  );

/** In a pod the old one must have gone too. */
export const hasRoom = (view: View): boolean =>
  !awaitsPod(view, findRevision(view.record, view.record.targetRevision));

/** Nothing runs but what is tried. */
export function isAlone(view: View): boolean {
  const own = containersOf(view, view.record.targetRevision);
  return view.facts.observed.containers.every((container) => !isLive(container) || own.includes(container));
}

function judgeStarting(view: View): AgentEvent | undefined {
  const done = completedAlone(view) ?? canaryFailed(view) ?? crashed(view) ?? stepFailed(view);
  if (done) return done;
  const hasStarted = judged(view).every((ref) => isStartedUp(view, ref) || hasCompleted(view, ref));
  return hasStarted ? 'STARTED' : overdue(view);
}

function isStartedUp(view: View, ref: ReplicaRef): boolean {
  const container = containerOf(view, ref);
  return isLive(container) && view.facts.verdictOf(container)?.started === true;
}

const judged = (view: View): readonly ReplicaRef[] => judgedReplicas(view) ?? [];

function judgeVerifying(view: View): AgentEvent | undefined {
  const minHealthyMs = rolloutMs(view, 'minHealthySeconds');
  const done = completedAlone(view) ?? canaryFailed(view) ?? crashed(view);
  if (done) return done;
  if (!healthyFor(view, minHealthyMs)) return overdue(view);
  return mayLeave(view) ? 'PROVEN' : undefined;
}

/** Those of a canary that serve already are promoted as far as they go; the others follow. */
function judgePromoting(view: View): AgentEvent | undefined {
  const { record } = view;
  const failed = canaryFailed(view) ?? stepFailed(view);
  if (failed) return failed;
  if (!hasMoved(view)) return overdue(view);
  if (!goesBeside(record) || record.rollout?.strategy !== 'Canary') return 'PROMOTED';
  return record.rollout.stage === 'Canaries' ? 'CANARIES_SERVE' : 'NEXT_REPLICA';
}

function judgeCanaries(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  const failed = canaryFailed(view);
  if (failed) return failed;
  if (facts.spec?.rollout.canary?.promotion !== 'Manual')
    return healthyFor(view, rolloutMs(view, 'minHealthySeconds')) ? 'APPROVED' : undefined;
  return facts.acts.approvedRevision === record.targetRevision ? 'APPROVED' : undefined;
}

/** Whoever serves already must go on serving, while its dependencies do. */
const canaryFailed: Judge = (view) =>
  !clocksStopped(view.record) &&
  view.facts.dependencyDown === undefined &&
  promotedReplicas(view).some((ref) => isUnwell(view, ref))
    ? 'UNHEALTHY'
    : undefined;

function judgeMonitoring(view: View): AgentEvent | undefined {
  const done = completedAlone(view);
  if (done || clocksStopped(view.record)) return done;
  if (isUnhealthy(view)) return 'UNHEALTHY';
  if (!overdue(view)) return undefined;
  if (judged(view).some((ref) => isBackFromReboot(view, ref))) return 'UNHEALTHY';
  return mayLeave(view) ? (completed(view) ?? 'STABLE') : undefined;
}

function judgeHealthy(view: View): AgentEvent | undefined {
  const done = completed(view);
  if (done) return done;
  if (isUnhealthy(view) || isCutOff(view)) return 'UNHEALTHY';
  if (mustCorrect(view)) return 'DRIFTED';
  return isShort(view) ? 'SCALED' : undefined;
}

function judgeHealing(view: View): AgentEvent | undefined {
  if (isUnhealthy(view) || isCutOff(view)) return 'UNHEALTHY';
  if (!mustCorrect(view) && !isShort(view)) return 'HEALED';
  return overdue(view) && 'HEALED_IN_VAIN';
}

export const hasLastWords = (record: AgentRecord): boolean =>
  findRevision(record, record.targetRevision)?.failure?.logTail !== undefined;

/** Looks once at the candidate's last words before it is thrown away. */
function judgeFailing(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  if (!hasLastWords(record) && containersOf(view, record.targetRevision).length > 0) return undefined;
  const { currentRevision, stableRevision, abortedAtMs } = record;
  const isUnknown = [currentRevision, stableRevision].some((id) =>
    isPodUnknown(view, findRevision(record, id)),
  );
  if (isUnknown) return undefined;
  const waitsForPerson = facts.spec?.rollout.onFailure === 'Pause' && abortedAtMs === undefined;
  const pauses = (waitsForPerson && !goesBackBefore(view)) || isPausedWithOthers(view);
  if (pauses && currentRevision !== undefined) return 'PAUSE';
  return wayBack(view) ? 'ROLL_BACK' : 'GIVE_UP';
}

/** A newer manifest, though it asks for the same container, or the image that was missing: worth another try. */
function retry(view: View): AgentEvent | undefined {
  const { record, facts } = view;
  const isNewer = record.triedGeneration !== undefined && record.triedGeneration !== record.generation;
  const waitsForImage = record.targetRevision === undefined && record.abortedAtMs === undefined;
  const hasImage = facts.wish?.imageKnown === true && !mustPull(view);
  return isNewer || (waitsForImage && hasImage) ? 'RETRY' : undefined;
}

/** A job that had ended before is back without running again. */
function judgeRollingBack(view: View): AgentEvent | undefined {
  if (!isShort(view) && unreached(view) === undefined) return 'RESTORED';
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

/** One that goes to another pod with its fellows is done when they are: until then it may have to go back with them. */
const completedAlone: Judge = (view) => (isOnTheWay(view) ? undefined : completed(view));

/** A job of several replicas is done when all of them are. */
function completed(view: View): AgentEvent | undefined {
  const replicas = judged(view);
  return replicas.length > 0 && replicas.every((ref) => hasCompleted(view, ref)) ? 'COMPLETED' : undefined;
}

const crashed: Judge = (view) =>
  judged(view).some((ref) => isGone(view, ref) || crashesOf(view, ref) > MAX_ROLLOUT_RESTARTS)
    ? 'CRASHED_TOO_OFTEN'
    : undefined;

const crashesOf = ({ record }: View, ref: ReplicaRef): number => replicaRecord(record, ref).rolloutRestarts;

const isGone = (view: View, ref: ReplicaRef): boolean =>
  containerOf(view, ref)?.state === 'exited' &&
  view.facts.spec?.restartPolicy === 'Never' &&
  !hasCompleted(view, ref);

function stepFailed({ record }: View): AgentEvent | undefined {
  if (!record.stepFailure) return undefined;
  const given = record.stepFailure.terminal || record.step.failures > MAX_TRANSIENT_RETRIES;
  return given ? 'STEP_FAILED' : undefined;
}

export const overdue: Judge = ({ record, nowMs }) =>
  record.deadlineAtMs !== undefined && nowMs >= record.deadlineAtMs && !clocksStopped(record)
    ? 'DEADLINE'
    : undefined;

export const healthyFor = ({ record, nowMs }: View, forMs: number): boolean =>
  record.healthySinceMs !== undefined && nowMs - record.healthySinceMs >= forMs && !clocksStopped(record);

/** Not all replicas are up; `isUnhealthy` tells those that were. */
const isShort = (view: View): boolean =>
  judged(view).some((ref) => !isReady(view, containerOf(view, ref)) && !hasCompleted(view, ref));

export const isUnhealthy = (view: View): boolean => judged(view).some((ref) => isUnwell(view, ref));

const isUnwell = (view: View, ref: ReplicaRef): boolean =>
  isMissed(view, ref) || isCondemned(replicaRecord(view.record, ref), containerOf(view, ref));

/** A rollout waits for it as for the first time. */
const isBackFromReboot = ({ record }: View, ref: ReplicaRef): boolean =>
  JUDGED.has(record.state) && replicaRecord(record, ref).rebooted === true;

/** One that has yet to come up for the first time is awaited, not missed. */
function isMissed(view: View, ref: ReplicaRef): boolean {
  const { joined, restarts } = replicaRecord(view.record, ref);
  if ((joined === undefined && restarts === 0) || isBackFromReboot(view, ref)) return false;
  return !isReady(view, containerOf(view, ref)) && !hasCompleted(view, ref);
}
