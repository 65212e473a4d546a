import { labels } from '../../src/api/labels.ts';
import { findIncarnation } from '../../src/plan/incarnations.ts';
import { hasNameItself } from '../../src/state/holder.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord, type ReplicaRef, replicaId } from '../../src/state/replica.ts';
import {
  attemptOf,
  findRevision,
  isLive,
  isReady,
  runningRevision,
  servingRevision,
  type View,
} from './facts.ts';

/** How many replicas the newest manifest asks for; the number is no part of a revision. */
export const replicaCount = ({ facts }: Pick<View, 'facts'>): number => facts.spec?.replicas ?? 1;

/** How many of a revision should run: a container that has the name and the address itself shares them with nobody. */
export function countOf(view: View, id: string | undefined): number {
  const revision = findRevision(view.record, id);
  return revision && hasNameItself(revision.template) ? Math.min(1, replicaCount(view)) : replicaCount(view);
}

/** Which replica a container is, by its labels alone: a rename behind our back loses nothing. */
export const refOf = ({ labels: found }: ObservedContainer): ReplicaRef => ({
  revision: found[labels.revision] ?? '',
  attempt: Number(found[labels.attempt]),
  ordinal: Number(found[labels.ordinal]),
});

export const containerOf = ({ facts }: View, ref: ReplicaRef): ObservedContainer | undefined =>
  findIncarnation(facts.observed, ref);

/** Every container of the attempt at a revision that counts, also of replicas that nobody wants any more. */
export const containersOf = (
  { record, facts }: View,
  revision: string | undefined,
): readonly ObservedContainer[] =>
  revision === undefined
    ? []
    : facts.observed.containers.filter((container) => {
        const ref = refOf(container);
        return ref.revision === revision && ref.attempt === attemptOf(record, revision);
      });

export const replicaRecord = ({ replicas }: AgentRecord, ref: ReplicaRef): ReplicaRecord =>
  replicas[replicaId(ref)] ?? NEW_REPLICA;

/** The replicas of a revision from one ordinal up to, and without, another. */
export function refsOf(
  record: AgentRecord,
  revision: string | undefined,
  { from = 0, to }: { readonly from?: number; readonly to: number },
): readonly ReplicaRef[] {
  if (revision === undefined) return [];
  const attempt = attemptOf(record, revision);
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => ({
    revision,
    attempt,
    ordinal: from + index,
  }));
}

/** A rollout in which old and new run at the same time, as long as it has not turned back. */
export function goesBeside({ state, rollout, currentRevision, targetRevision }: AgentRecord): boolean {
  if (rollout === undefined || rollout.strategy === 'Recreate' || !BESIDE.has(state)) return false;
  return targetRevision !== undefined && currentRevision !== undefined && currentRevision !== targetRevision;
}

const BESIDE: ReadonlySet<AgentState> = new Set([
  'Preparing',
  'Starting',
  'Verifying',
  'Promoting',
  'AwaitingApproval',
  'Failing',
  'Paused',
]);

/** Replicas of the target, from ordinal 0 on, that have taken the place of the old ones. */
const promotedCount = ({ rollout }: AgentRecord): number =>
  rollout?.strategy === 'Canary' ? rollout.promoted : 0;

/** Replicas of the target, from ordinal 0 on, that this step of the rollout makes and tries. */
export function triedCount(view: View): number {
  const { rollout } = view.record;
  const count = replicaCount(view);
  return rollout?.strategy === 'Canary' ? Math.min(count, rollout.tried) : count;
}

const sharesOf = (view: View, ofTarget: number): readonly ReplicaRef[] => {
  const { record } = view;
  const to = replicaCount(view);
  return [
    ...refsOf(record, record.targetRevision, { to: Math.min(to, ofTarget) }),
    ...refsOf(record, record.currentRevision, { from: promotedCount(record), to }),
  ];
};

/** The replicas that are tried run already, but nobody is sent to them before they have proved themselves. */
const isTrying = ({ state }: AgentRecord): boolean => state === 'Starting' || state === 'Verifying';

/**
 * A person looks at the new ones where they have the place of the old ones: to start those again would be to go back.
 * Those that were never started are in nobody's place.
 */
export function hasMadeRoom(view: View): boolean {
  const { record } = view;
  const { state, currentRevision, targetRevision, rollouts } = record;
  if (state !== 'Paused' || goesBeside(record) || currentRevision === targetRevision) return false;
  // One that is kept as a way back was started before, but not by this rollout.
  const begunAtMs = rollouts?.at(-1)?.startedAtMs ?? 0;
  return containersOf(view, targetRevision).some(
    (one) => (one.startedAtMs > 0 && one.startedAtMs >= begunAtMs) || isLive(one),
  );
}

/** The replicas that policy wants running in this state, in the order in which they are started. */
export function runningReplicas(view: View): readonly ReplicaRef[] {
  const { record } = view;
  if (record.state === 'Paused') return hasMadeRoom(view) ? [] : servingReplicas(view);
  const judged = runningRevision(record);
  if (judged === undefined) return [];
  if (!goesBeside(record)) return refsOf(record, judged, { to: countOf(view, judged) });
  return sharesOf(view, isTrying(record) ? triedCount(view) : promotedCount(record));
}

/** The revisions that `runningReplicas` are of, also when the manifest asks for none of them. */
export function runningRevisions({ record }: View): readonly string[] {
  const beside = goesBeside(record) ? [record.targetRevision, record.currentRevision] : [];
  return [runningRevision(record), ...beside].filter((id) => id !== undefined);
}

/** The replicas that are meant to answer: those of a revision that proved itself, where there is one. */
export function servingReplicas(view: View): readonly ReplicaRef[] {
  const { record } = view;
  if (goesBeside(record)) return sharesOf(view, promotedCount(record));
  const serving = servingRevision(record);
  return refsOf(record, serving, { to: countOf(view, serving) });
}

/** Canaries that serve beside the old ones. */
export const promotedReplicas = ({ record }: View): readonly ReplicaRef[] =>
  goesBeside(record) ? refsOf(record, record.targetRevision, { to: promotedCount(record) }) : [];

/** The replicas whose health decides what becomes of the agent; undefined while nobody is judged. */
export function judgedReplicas(view: View): readonly ReplicaRef[] | undefined {
  const { record } = view;
  const judged = runningRevision(record);
  if (judged === undefined) return undefined;
  return runningReplicas(view).filter(({ revision }) => revision === judged);
}

/** Of the revision that serves or the one that is to: what others run is on its way out and nobody asks it. */
export const isOfRollout = (record: AgentRecord, { revision, attempt }: ReplicaRef): boolean =>
  (revision === record.currentRevision || revision === record.targetRevision) &&
  attemptOf(record, revision) === attempt;

/** It runs beside those that serve, and has yet to prove itself. */
export const isOnTrial = ({ record }: View, { revision, ordinal }: ReplicaRef): boolean =>
  goesBeside(record) && revision === record.targetRevision && ordinal >= promotedCount(record);

export const liveContainers = (view: View, refs: readonly ReplicaRef[]): readonly ObservedContainer[] =>
  refs.map((ref) => containerOf(view, ref)).filter(isLive);

/** Of several replicas of a failed revision, the one whose end tells most: dead, else not ready, else the first. */
export function worstOf(view: View, revision: string | undefined): ObservedContainer | undefined {
  const all = containersOf(view, revision);
  return (
    all.find(({ state }) => state === 'exited') ??
    all.find((container) => !isReady(view, container)) ??
    all[0]
  );
}
