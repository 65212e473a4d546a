import type { HolderAim } from '../../src/plan/aim.ts';
import { holderTemplateOf, isNameless } from '../../src/state/holder.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../../src/state/record.ts';
import { type ReplicaRef, replicaId } from '../../src/state/replica.ts';
import type { HolderTemplate } from '../../src/state/template.ts';
import { findRevision, isLive, isReady, type View } from './facts.ts';
import {
  containerOf,
  isOnTrial,
  refOf,
  replicaCount,
  replicaRecord,
  runningReplicas,
  servingReplicas,
} from './replicas.ts';

/** Long enough for a request under way, and for a client that has just looked the address up. */
const DEFAULT_DRAIN_SECONDS = 5;

export const drainMs = ({ facts }: View): number =>
  (facts.spec?.rollout.drainSeconds ?? DEFAULT_DRAIN_SECONDS) * 1000;

/** Who answers under the agent's name at this moment, as its holder says. */
export function routedNow({ facts }: View): readonly ObservedContainer[] {
  const route = new Set(facts.observed.holder?.route ?? []);
  return facts.observed.containers.filter(
    (container) => isLive(container) && Object.values(container.networks).some((ip) => route.has(ip)),
  );
}

/**
 * Who is to answer: the replicas that serve and are ready. When none is, all that were ready once, so that the last of
 * them does not get everything alone; on the way to another revision, whoever answers now. A slow answer is better than
 * none. Never one that is still being tried, not even one that was given the address of a replica that died.
 */
export function routeOf(view: View): readonly ReplicaRef[] {
  const serving = servingReplicas(view).filter((ref) => isLive(containerOf(view, ref)));
  const ready = serving.filter((ref) => isReady(view, containerOf(view, ref)));
  if (ready.length > 0) return ready;
  const going = routedNow(view)
    .map(refOf)
    .filter((ref) => !isOnTrial(view, ref) && ref.ordinal < replicaCount(view));
  const known = serving.filter((ref) => replicaRecord(view.record, ref).joined);
  const isOther =
    going.length > 0 && !going.some(({ revision }) => known.some((ref) => ref.revision === revision));
  return isOther ? going : known;
}

/** The revision that the name belongs to: in between, the one that is on its way out, then the one on its way in. */
const namedRevision = (view: View): Revision | undefined => {
  const { record } = view;
  const [serving] = servingReplicas(view);
  return findRevision(record, serving?.revision ?? record.currentRevision ?? record.targetRevision);
};

/** As the newest manifest that wants one says; what an older one said holds for a way back to it. */
export function holderTemplate({ record, facts }: View): HolderTemplate | undefined {
  const { holder } = facts.observed;
  return facts.wish?.holder ?? record.holder ?? (holder && holderTemplateOf(holder.container));
}

/** Absent: the name is the container's own. */
export function holderAim(view: View): HolderAim | undefined {
  const revision = namedRevision(view);
  const template = holderTemplate(view);
  if (!revision || !template || !isNameless(revision.template)) return undefined;
  const route = routeOf(view);
  return { template, route, cause: routeCause(view, route) };
}

function routeCause(view: View, route: readonly ReplicaRef[]): string {
  const ready = route.filter((ref) => isReady(view, containerOf(view, ref)));
  if (ready.length === 0) return 'no replica is ready';
  const revisions = [...new Set(ready.map(({ revision }) => revision))];
  return `${ready.length} of ${servingReplicas(view).length} replicas are ready, of revision ${revisions.join(' and ')}`;
}

/** Traffic goes where it is meant to go, and nobody is left who may still have requests of before. */
export function hasMoved(view: View): boolean {
  const aim = holderAim(view);
  return !aim || (isRouted(view, aim) && drainingUntil(view).length === 0);
}

export function isRouted(view: View, { route }: HolderAim): boolean {
  const wanted = route.map((target) => replicaId(target)).sort();
  const found = routedNow(view)
    .map((container) => replicaId(refOf(container)))
    .sort();
  return wanted.join() === found.join();
}

/** Who left the route, and until when it may still have requests under way. */
export function noteTraffic(view: View): AgentRecord['traffic'] {
  const { record, facts, nowMs } = view;
  if (!facts.observed.holder) return undefined;
  const routed = routedNow(view).map((container) => replicaId(refOf(container)));
  const live = new Set(facts.observed.containers.filter(isLive).map((one) => replicaId(refOf(one))));
  const before = record.traffic ?? { routed: [], drainingUntilMs: {} };
  const left = before.routed.map((id) => [id, nowMs + drainMs(view)] as const);
  const draining = [...Object.entries(before.drainingUntilMs), ...left].filter(
    ([id, untilMs]) => live.has(id) && !routed.includes(id) && untilMs > nowMs,
  );
  return { routed: routed.sort(), drainingUntilMs: Object.fromEntries(draining) };
}

export const drainingUntil = ({ record }: View): readonly number[] =>
  Object.values(record.traffic?.drainingUntilMs ?? {});

/** Still asked, or still busy with what it was asked before: a stop of it would be a failed request. */
export function mustWait(view: View, ref: ReplicaRef): boolean {
  const { record } = view;
  const id = replicaId(ref);
  const isOurs = runningReplicas(view).some((running) => replicaId(running) === id);
  if (isOurs || (record.rollout?.strategy === 'Recreate' && SWAPS.has(record.state))) return false;
  if (record.traffic?.routed.includes(id)) return true;
  const hasFailed = findRevision(record, ref.revision)?.outcome === 'Failed';
  return !hasFailed && record.traffic?.drainingUntilMs[id] !== undefined;
}

/** Old and new containers make room for each other. */
const SWAPS: ReadonlySet<AgentState> = new Set([
  'Pending',
  'Blocked',
  'Building',
  'Preparing',
  'StoppingOld',
  'Starting',
  'Verifying',
  'Failing',
  'RollingBack',
  'Failed',
]);
