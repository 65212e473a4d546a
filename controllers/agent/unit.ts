import { areOfOneGroup, isPodOf } from '../../src/state/names.ts';
import type { PodsFacts } from '../../src/state/provision.ts';
import type { AgentRecord, AgentState, Revision, UnitProgress } from '../../src/state/record.ts';
import { podIn } from '../../src/state/template.ts';
import { findRevision, type View } from './facts.ts';
import { HAS_FAILED } from './machine.ts';

/**
 * A pod group that changes is another pod, and containers cannot move: so its members go to the new pod together, and
 * together back. Nobody says so to them: each reads how far the others have come, and waits for the last at three
 * places. Before anything stops, before anybody is promoted, and before the old pod is given up.
 */
const STAGES: Readonly<Record<AgentState, number>> = {
  Pending: 0,
  Blocked: 0,
  Building: 0,
  Preparing: 0,
  StoppingOld: 2,
  Starting: 2,
  Verifying: 2,
  Promoting: 4,
  AwaitingApproval: 4,
  Monitoring: 4,
  Healthy: 6,
  Healing: 6,
  Degraded: 6,
  Completed: 6,
  Failing: -1,
  RollingBack: -1,
  RolledBack: -1,
  Failed: -1,
  Paused: -1,
  Terminating: -1,
};

/** Why a member goes back that did not fail itself. */
export const POD_GROUP_FAILED = 'PodGroupFailed';

/** What the last of the others must have reached: as far as this one, and waiting to go on. */
const BARRIERS: Partial<Record<AgentState, number>> = { Preparing: 1, Verifying: 3, Monitoring: 5 };

/** Beyond it the old containers stop. */
const SWITCHED = STAGES.StoppingOld;
const ARRIVED = STAGES.Healthy;

export function podOf(record: AgentRecord, revision: string | undefined): string | undefined {
  const found = findRevision(record, revision);
  return found && podIn(found.template);
}

const hasArrived = (record: AgentRecord): boolean =>
  STAGES[record.state] === ARRIVED && podOf(record, record.currentRevision) === record.unit?.pod;

/** It serves from another pod of the group than this one. */
function isElsewhere(record: AgentRecord, pod: string): boolean {
  const current = podOf(record, record.currentRevision);
  return current !== undefined && current !== pod && areOfOneGroup(current, pod);
}

/** It is on its way to this pod, failed on it, or has yet to notice that it is to go. */
export const isMoving = (record: AgentRecord, pod: string): boolean =>
  record.unit?.pod === pod ? !hasArrived(record) : isElsewhere(record, pod);

const attemptAt = ({ unit }: AgentRecord, pod: string): number => (unit?.pod === pod ? unit.attempt : 0);

/** The newest try at this pod; 0: nobody has begun. */
export const newestAttempt = (records: readonly AgentRecord[], pod: string): number =>
  Math.max(0, ...records.map((record) => attemptAt(record, pod)));

export const hasFailedAt = (record: AgentRecord, { pod, attempt }: Omit<UnitProgress, 'waits'>): boolean =>
  attemptAt(record, pod) === attempt && HAS_FAILED.has(record.state);

const GOES_BACK: ReadonlySet<AgentState> = new Set<AgentState>(['RollingBack', 'RolledBack', 'Failed']);

const stageOf = (record: AgentRecord, { pod, attempt }: UnitProgress): number => {
  if (attemptAt(record, pod) < attempt) return 0;
  return STAGES[record.state] + (record.unit?.waits ? 1 : 0);
};

/** The way that is under way; none for who stays in its pod, and for who has arrived. */
const wayOf = ({ record }: View): UnitProgress | undefined =>
  record.unit && !hasArrived(record) ? record.unit : undefined;

export const isOnTheWay = (view: View): boolean => wayOf(view) !== undefined;

/** Those that go the same way. */
const companionsOf = ({ facts }: View, { pod }: UnitProgress): readonly AgentRecord[] =>
  facts.fellows.filter((fellow) => isMoving(fellow, pod));

/** Who keeps it from leaving its state, by name. */
export function awaitedFellows(view: View): readonly string[] {
  const way = wayOf(view);
  const needed = BARRIERS[view.record.state];
  if (!way || needed === undefined) return [];
  return companionsOf(view, way)
    .filter((fellow) => stageOf(fellow, way) < needed)
    .map(({ key }) => key.name);
}

export const mayLeave = (view: View): boolean => awaitedFellows(view).length === 0;

/** The others have stopped what they had: here is no place to stand still any more. */
export function isDrawnAlong(view: View): boolean {
  const way = wayOf(view);
  return way !== undefined && companionsOf(view, way).some((fellow) => stageOf(fellow, way) >= SWITCHED);
}

/** One of the others has given the old pod up: they all stay. */
export function isDecided(view: View): boolean {
  const way = wayOf(view);
  return (
    way !== undefined &&
    podOf(view.record, view.record.currentRevision) === way.pod &&
    view.facts.fellows.some((fellow) => attemptAt(fellow, way.pod) === way.attempt && hasArrived(fellow))
  );
}

/** The others begin anew: because of a newer manifest of one of them, or because a person had it tried again. */
export function isLeftBehind(view: View): boolean {
  const way = wayOf(view);
  return way !== undefined && newestAttempt(companionsOf(view, way), way.pod) > way.attempt;
}

const isDrawnBack = ({ reason }: AgentRecord): boolean => reason === POD_GROUP_FAILED;

/** One of the others that failed on the way; sooner one that failed by itself. */
export function failedFellow(view: View): AgentRecord | undefined {
  const way = wayOf(view);
  if (!way) return undefined;
  return companionsOf(view, way)
    .filter((fellow) => hasFailedAt(fellow, way))
    .sort((left, right) => Number(isDrawnBack(left)) - Number(isDrawnBack(right)))[0];
}

/** Who came with the new pod has no way back: it goes when the others do. */
export function isStranded(view: View): boolean {
  const { record, facts } = view;
  const pod = podOf(record, record.targetRevision);
  if (pod === undefined || record.unit?.pod === pod) return false;
  const running = seenOf(view, pod)?.running;
  return running !== undefined && running.name !== pod && facts.fellows.some(({ unit }) => unit?.pod === pod);
}

const PAUSED: ReadonlySet<AgentState> = new Set<AgentState>(['Paused']);

export const goesBackBefore = (view: View): boolean => othersAre(view, GOES_BACK);
export const isPausedWithOthers = (view: View): boolean => othersAre(view, PAUSED);

function othersAre(view: View, states: ReadonlySet<AgentState>): boolean {
  const way = wayOf(view);
  return (
    way !== undefined &&
    companionsOf(view, way).some((fellow) => hasFailedAt(fellow, way) && states.has(fellow.state))
  );
}

/** Which way an agent is on that begins to follow a new wish. */
export function joinUnit(view: View): Pick<AgentRecord, 'unit'> {
  const { record, facts } = view;
  const pod = facts.wish ? podIn(facts.wish.template) : record.unit?.pod;
  if (pod === undefined) return {};
  const isUnproven = record.unit?.pod === pod && podOf(record, record.stableRevision) !== pod;
  if (!isElsewhere(record, pod) && !isUnproven) return {};
  return { unit: { pod, attempt: nextAttempt(view, pod), waits: false } };
}

/** The others’ newest, where they are ahead; else one more, unless it is in the pod already and nobody failed there. */
function nextAttempt({ record, facts }: View, pod: string): number {
  const newest = newestAttempt(facts.fellows, pod);
  const own = attemptAt(record, pod);
  if (newest > own) return newest;
  const goesOn =
    !isElsewhere(record, pod) && !facts.fellows.some((one) => hasFailedAt(one, { pod, attempt: own }));
  return goesOn ? own : own + 1;
}

/** Some were promoted and some not: those that were go back to where the others serve. */
export function backTogether({ record, facts }: View): Pick<AgentRecord, 'currentRevision'> {
  const { currentRevision, stableRevision } = record;
  const current = podOf(record, currentRevision);
  const stable = podOf(record, stableRevision);
  const isApart =
    record.unit !== undefined &&
    current !== stable &&
    stable !== undefined &&
    facts.fellows.some((fellow) => podOf(fellow, fellow.currentRevision) === stable);
  const serving = isApart ? stableRevision : currentRevision;
  return serving === undefined ? {} : { currentRevision: serving };
}

type Seen = PodsFacts | 'Unknown' | undefined;

/** What is known of the pods of a pod's group; `undefined`: there is no such group any more. */
function lookAt({ facts }: View, pod: string): Seen {
  const group = facts.pods.find(({ name }) => isPodOf(facts.key.namespace, name, pod));
  return group && (group.seen ?? 'Unknown');
}

function seenOf(view: View, pod: string): PodsFacts | undefined {
  const seen = lookAt(view, pod);
  return seen === 'Unknown' ? undefined : seen;
}

/** Its containers can be started again, or made again: they cannot move between pods. */
export function hasItsPod(view: View, { template }: Revision): boolean {
  const pod = podIn(template);
  return pod === undefined || seenOf(view, pod)?.present.includes(pod) === true;
}

/** Until the pods were looked at nobody can say whether there is a way back. */
export function isPodUnknown(view: View, revision: Revision | undefined): boolean {
  const pod = revision && podIn(revision.template);
  return pod !== undefined && lookAt(view, pod) === 'Unknown';
}

/** Podman starts a pod with its first member: so nobody starts before the other pod has made room. */
export function awaitsPod(view: View, revision: Revision | undefined): boolean {
  const pod = revision && podIn(revision.template);
  if (pod === undefined) return false;
  const seen = lookAt(view, pod);
  if (seen === 'Unknown') return wayOf(view) !== undefined;
  return seen !== undefined && seen.running?.name !== pod;
}
