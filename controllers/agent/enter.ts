import type { AgentRecord, AgentState, Revision, RevisionFailure } from '../../src/state/record.ts';
import { differences } from '../../src/state/differences.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { createRevision, restarted, wishHash } from '../../src/state/revision.ts';
import { NO_BACKOFF } from './backoff.ts';
import { findRevision, rolloutMs, runningRevision, type View } from './facts.ts';
import { beginRollout, causeOf, endRollout, historyLimit, triggerOf } from './history.ts';
import type { AgentEvent } from './machine.ts';
import { containersOf, refOf, replicaRecord, worstOf } from './replicas.ts';
import { drainMs } from './route.ts';
import { approvalMessage, nextStep, promote, startRollout } from './steps.ts';
import { trimHistory, wayBack, withOutcome, withRevision } from './rollout.ts';
import { startAfresh } from './supervise.ts';
import { backTogether, failedFellow, hasItsPod, isOnTheWay, joinUnit, POD_GROUP_FAILED } from './unit.ts';

const PREPARE_DEADLINE_MS = 300_000;
const POD_START_DEADLINE_MS = 30_000;
const HEAL_DEADLINE_MS = 30_000;
const ROLLBACK_DEADLINE_MS = 300_000;

/** What changes in the record when an event takes an agent from one state into another. */
export function enter(view: View, state: AgentState, event: AgentEvent): AgentRecord {
  const { deadlineAtMs: _, ...rest } = view.record;
  const explained = AFTER_A_FAILURE.has(state) ? {} : { reason: state, message: '' };
  const entered: AgentRecord = { ...rest, ...explained, state, stateEnteredAtMs: view.nowMs };
  return ENTRIES[state]({ ...view, record: entered }, event, view);
}

/** These go on saying why the rollout failed. */
const AFTER_A_FAILURE: ReadonlySet<AgentState> = new Set(['RollingBack', 'RolledBack', 'Failed', 'Paused']);

type Entry = (view: View, event: AgentEvent, before: View) => AgentRecord;

const stay: Entry = ({ record }) => record;

const ENTRIES: Readonly<Record<AgentState, Entry>> = {
  Pending: (view, event) => (BEGINS.has(event) ? acceptWish(view, event) : view.record),
  Blocked: (view, event) => (event === 'INPUT_MISSING' ? awaitInput(view) : view.record),
  Building: (view) => ({ ...withoutStep(view.record), step: NO_BACKOFF, ...noWayToImage(view) }),
  Preparing: (view, event) =>
    withDeadline(
      event === 'IMAGE_READY' ? chooseTarget(view) : nextStep(view),
      view.nowMs + PREPARE_DEADLINE_MS,
    ),
  StoppingOld: (view) => withDeadline(view.record, view.nowMs + stopMs(view)),
  Starting: (view) =>
    withDeadline(startCandidate(view.record), view.nowMs + rolloutMs(view, 'healthyDeadlineSeconds')),
  Verifying: (view, _event, before) => keepDeadline(view.record, before.record),
  Promoting: (view) => withDeadline(promote(view), view.nowMs + PREPARE_DEADLINE_MS + drainMs(view)),
  AwaitingApproval: (view) => ({ ...withoutHealth(view.record), message: approvalMessage(view) }),
  Monitoring: (view) => withDeadline(view.record, view.nowMs + rolloutMs(view, 'monitorSeconds')),
  Healthy: settle,
  Healing: (view, event) => withDeadline(view.record, view.nowMs + healMs(view, event)),
  Degraded: ({ record }) => withoutHealth(record),
  Failing: quarantine,
  RollingBack: (view) => withDeadline(turnBack(view), view.nowMs + ROLLBACK_DEADLINE_MS),
  RolledBack: (view) => ({
    ...view.record,
    ...endRollout(view, { outcome: 'RolledBack' }),
    rolledBackGeneration: view.record.generation,
  }),
  Failed: (view) => withoutHealth(survive(view)),
  // The step that failed is over: what serves need not sit out its back-off.
  Paused: ({ record }) => withoutStep(record),
  Completed: settle,
  Terminating: stay,
};

/** Pods that make room for each other: the slowest member's grace, and one pod's start. */
const stopMs = ({ record, facts }: View): number =>
  record.unit === undefined
    ? PREPARE_DEADLINE_MS
    : POD_START_DEADLINE_MS + 1_000 * Math.max(...[record, ...facts.fellows].map(graceSeconds));

const graceSeconds = (record: AgentRecord): number =>
  findRevision(record, record.currentRevision)?.template.stopGraceSeconds ?? 0;

/** New replicas take as long to come up as those of a new revision. */
const healMs = (view: View, event: AgentEvent): number =>
  event === 'SCALED' ? rolloutMs(view, 'healthyDeadlineSeconds') : HEAL_DEADLINE_MS;

const BEGINS: ReadonlySet<AgentEvent> = new Set(['NEW_TARGET', 'RETRY', 'RESTART']);

const withDeadline = (record: AgentRecord, deadlineAtMs: number): AgentRecord => ({
  ...record,
  deadlineAtMs,
});

const keepDeadline = (record: AgentRecord, before: AgentRecord): AgentRecord =>
  before.deadlineAtMs === undefined ? record : { ...record, deadlineAtMs: before.deadlineAtMs };

function withoutStep(record: AgentRecord): AgentRecord {
  const { stepFailure: _, ...rest } = record;
  return { ...rest, step: NO_BACKOFF };
}

function withoutHealth(record: AgentRecord): AgentRecord {
  const { healthySinceMs: _, ...rest } = record;
  return rest;
}

/** Under imagePullPolicy Never nothing would ever end the wait for an image that is not there. */
function noWayToImage({ facts, nowMs }: View): Pick<AgentRecord, 'stepFailure'> {
  const { wish } = facts;
  if (!wish || wish.imageKnown || wish.image) return {};
  const { reference } = wish.template.image;
  const message = `image ${reference} is not in local storage, and imagePullPolicy is Never; make it, or let it be pulled`;
  const reason = 'ErrImageNeverPull';
  return { stepFailure: { operation: 'find image', reason, message, terminal: true, atMs: nowMs } };
}

/** A new wish: whatever was being tried is given up, what serves stays. */
function acceptWish(view: View, event: AgentEvent): AgentRecord {
  const { record, facts } = view;
  const {
    targetRevision: _,
    clocksStoppedAtMs: __,
    rolledBackGeneration: ___,
    abortedAtMs: ____,
    restartedAtMs: _____,
    noWayBack: ______,
    change: _______,
    unit: ________,
    ...rest
  } = withoutStep(record);
  const back = backTogether(view);
  return {
    ...rest,
    ...back,
    ...joinUnit({ ...view, record: { ...record, ...back } }),
    ...endRollout(view, { outcome: 'Superseded' }),
    ...requestsHeard(view, event),
    trigger: triggerOf(view, event),
    ...(event === 'NEW_TARGET' && facts.change !== undefined && { change: facts.change }),
    wishHash: facts.wish ? wishHash(facts.wish.template) : record.wishHash,
    triedGeneration: record.generation,
  };
}

/** A new manifest ends what was asked of the one before. */
function requestsHeard({ record, facts }: View, event: AgentEvent): Partial<AgentRecord> {
  if (event === 'NEW_TARGET') return {};
  const retriedAtMs = facts.acts.retryAtMs ?? record.retriedAtMs;
  const restartedAtMs = facts.acts.restartedAtMs ?? record.restartedAtMs;
  return {
    ...(retriedAtMs !== undefined && { retriedAtMs }),
    ...(restartedAtMs !== undefined && { restartedAtMs }),
  };
}

/** The same wish is chosen again when it can be had. */
function awaitInput(view: View): AgentRecord {
  const { targetRevision: _, ...rest } = withoutStep(view.record);
  return { ...rest, ...endRollout(view, { outcome: 'Superseded', message: 'an input was missing' }) };
}

function chooseTarget(view: View): AgentRecord {
  const { record, facts } = view;
  if (!facts.wish) return record;
  const current = findRevision(record, record.currentRevision);
  const changes = current ? differences(current.template, facts.wish.template) : ['first deploy'];
  const revision = candidateOf(view, facts.wish.template, causeOf(record.trigger ?? 'Manifest', changes));
  const chosen = {
    ...withoutStep(record),
    ...beginRollout(view, { revision: revision.id, changes }),
    rollout: startRollout(view, revision),
    ...(facts.noWayBack !== undefined && { noWayBack: facts.noWayBack }),
    targetRevision: revision.id,
    revisions: withRevision(record, revision),
  };
  if (isKept(view, revision)) return chosen;
  const attempt = record.attempt + 1;
  return { ...chosen, attempt, attempts: { ...record.attempts, [revision.id]: attempt } };
}

/** What is known of it from an earlier rollout stays known. */
function candidateOf({ record, facts, nowMs }: View, template: ContainerTemplate, cause: string): Revision {
  const made = createRevision(template, cause, nowMs);
  const { restartedAtMs } = record;
  const revision = restartedAtMs === undefined ? made : restarted(made, restartedAtMs);
  const stableAtMs = findRevision(record, revision.id)?.stableAtMs;
  return {
    ...revision,
    ...(facts.origin && { origin: facts.origin }),
    ...(stableAtMs !== undefined && { stableAtMs }),
  };
}

/** Back to the stable revision from one that has not proved itself: its kept container is started, as in a rollback. */
const isKept = (view: View, { id }: Revision): boolean =>
  id === view.record.stableRevision &&
  id !== view.record.currentRevision &&
  containersOf(view, id).length > 0;

const startCandidate = (record: AgentRecord): AgentRecord => ({
  ...withoutHealth(withoutStep(record)),
  replicas: startAfresh(record, record.targetRevision),
});

/** Whatever served until now has proved itself: it is what a later failure returns to. */
function settle(view: View, _event: AgentEvent, before: View): AgentRecord {
  const { noWayBack: _, ...record } = view.record;
  const { nowMs } = view;
  const proven = runningRevision(before.record);
  if (proven === undefined) return record;
  const superseded = record.revisions.map(
    (revision): Revision =>
      revision.outcome === 'Failed' ? revision : { ...revision, outcome: 'Superseded' },
  );
  const stableAtMs = findRevision(record, proven)?.stableAtMs ?? nowMs;
  const settled: AgentRecord = {
    ...record,
    ...endRollout(view, { outcome: 'Stable' }),
    currentRevision: proven,
    targetRevision: proven,
    stableRevision: proven,
    revisions: withOutcome(superseded, proven, { outcome: 'Stable', stableAtMs }),
  };
  const revisions = trimHistory(settled, historyLimit(view));
  const kept = Object.entries(settled.attempts).filter(([id]) =>
    revisions.some((revision) => revision.id === id),
  );
  return { ...settled, revisions, attempts: Object.fromEntries(kept) };
}

/** The failed revision is kept with its reason, so that the same spec is not tried again by itself. */
function quarantine(view: View, event: AgentEvent, before: View): AgentRecord {
  const failure = failureOf(view, event, before);
  const revisions = withOutcome(view.record.revisions, view.record.targetRevision, {
    outcome: 'Failed',
    failure,
  });
  const { clocksStoppedAtMs: _, ...record } = view.record;
  return {
    ...record,
    ...endRollout(withRollout(view), { outcome: 'Failed', message: failure.message }),
    ...(event === 'ABORTED' && { abortedAtMs: view.facts.acts.abortedAtMs ?? view.nowMs }),
    revisions,
    triedGeneration: record.generation,
    reason: failure.reason,
    message: failure.message,
  };
}

/** One that failed before it came to a revision is told of all the same. */
function withRollout(view: View): View {
  const { record, facts } = view;
  if (record.targetRevision !== undefined) return view;
  const current = findRevision(record, record.currentRevision);
  const changes = current && facts.wish ? differences(current.template, facts.wish.template) : [];
  return { ...view, record: { ...record, ...beginRollout(view, { changes }) } };
}

function failureOf(view: View, event: AgentEvent, before: View): RevisionFailure {
  const { record, facts, nowMs } = view;
  const container = worstOf(view, record.targetRevision);
  const verdict = container && facts.verdictOf(container);
  const exit = container && replicaRecord(record, refOf(container)).lastExit;
  const probe = Object.entries(verdict?.messages ?? {}).map(([kind, text]) => `${kind}: ${text}`);
  const explained = explain(event, before);
  const detail = [
    explained.message,
    exit && `last exit code ${exit.code}${exit.oomKilled ? ' (out of memory)' : ''}`,
    ...probe,
  ];
  return {
    reason: explained.reason,
    message: detail.filter(Boolean).join('; '),
    atMs: nowMs,
    ...(exit && { exitCode: exit.code, oomKilled: exit.oomKilled }),
    ...(probe.length > 0 && { lastProbe: probe.join('; ') }),
  };
}

function explain(event: AgentEvent, before: View): { reason: string; message: string } {
  const { record } = before;
  switch (event) {
    case 'STEP_FAILED':
      return record.stepFailure ?? { reason: 'StepFailed', message: 'a step failed' };
    case 'CRASHED_TOO_OFTEN':
      return { reason: 'CrashLoop', message: `exited ${exitsOf(before)} times while starting` };
    case 'ABORTED':
      return { reason: 'AbortedByUser', message: 'aborted by a person' };
    case 'FELLOW_FAILED':
      return explainFellow(before);
    case 'UNHEALTHY':
      return { reason: 'UnhealthyAfterPromotion', message: 'became unhealthy in the monitor window' };
    default:
      return { reason: 'DeadlineExceeded', message: `was not healthy in time (${record.state})` };
  }
}

function explainFellow(view: View): { reason: string; message: string } {
  const fellow = failedFellow(view);
  const why = fellow ? `${fellow.key.name} failed: ${fellow.reason} (${fellow.message})` : 'its pod is gone';
  return { reason: POD_GROUP_FAILED, message: `goes back with its pod group: ${why}` };
}

const exitsOf = (view: View): number =>
  Math.max(
    0,
    ...containersOf(view, view.record.targetRevision).map(
      (container) => replicaRecord(view.record, refOf(container)).rolloutRestarts,
    ),
  );

/** Of what cannot be gone back to nothing can run: what came last goes on, as best it can. */
function survive(view: View): AgentRecord {
  const { record, facts } = view;
  const { currentRevision, stableRevision, targetRevision } = record;
  const isLost =
    facts.noWayBack !== undefined && currentRevision === stableRevision && !isWithOthersInOldPod(view);
  return isLost && targetRevision !== undefined ? { ...record, currentRevision: targetRevision } : record;
}

/** The others of its pod group are back in the old pod: the new one is not run for its sake. */
function isWithOthersInOldPod(view: View): boolean {
  const stable = findRevision(view.record, view.record.stableRevision);
  return isOnTheWay(view) && stable !== undefined && hasItsPod(view, stable);
}

function turnBack(view: View): AgentRecord {
  const { record } = view;
  const revision = wayBack(view);
  if (!revision) return record;
  return {
    ...withoutHealth(withoutStep(record)),
    currentRevision: revision.id,
    replicas: startAfresh(record, revision.id),
  };
}
