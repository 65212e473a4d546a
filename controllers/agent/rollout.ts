import type { AgentRecord, Revision } from '../../src/state/record.ts';
import { findRevision, isReady, type View } from './facts.ts';
import { containersOf } from './replicas.ts';
import { hasItsPod } from './unit.ts';

/**
 * The revision to go back to after a failed update: what still serves, when nothing was touched yet, else the newest
 * stable one. None on a first deploy, after a rollback of this generation, or when its pod, image or secrets are gone.
 */
export function wayBack(view: View): Revision | undefined {
  const { record } = view;
  if (record.rolledBackGeneration === record.generation) return undefined;
  const untouched = stillServing(view);
  if (!untouched && view.facts.noWayBack !== undefined) return undefined;
  const revision = untouched ?? newestStable(record);
  return revision && hasItsPod(view, revision) ? revision : undefined;
}

/** What serves, and is not itself what failed. */
function stillServing(view: View): Revision | undefined {
  const { currentRevision, targetRevision } = view.record;
  const isUp = containersOf(view, currentRevision).some((container) => isReady(view, container));
  return isUp && currentRevision !== targetRevision ? findRevision(view.record, currentRevision) : undefined;
}

const newestStable = (record: AgentRecord): Revision | undefined =>
  findRevision(record, record.stableRevision === record.targetRevision ? undefined : record.stableRevision);

/** So many that proved themselves keep their image and their secrets. */
const STABLE_KEPT = 2;

/** Whose image and secrets must stay: what serves or is being tried, and the newest that proved themselves. */
export function neededRevisions(record: AgentRecord): readonly Revision[] {
  const { currentRevision, stableRevision, targetRevision } = record;
  const inUse = new Set([currentRevision, stableRevision, targetRevision]);
  const proven = record.revisions.filter(
    ({ outcome, stableAtMs }) => outcome !== 'Failed' && (stableAtMs !== undefined || outcome === 'Stable'),
  );
  const kept = new Set(proven.slice(-STABLE_KEPT).map(({ id }) => id));
  return record.revisions.filter(({ id }) => inUse.has(id) || kept.has(id));
}

/** Keeps the newest `limit` revisions, and always those that something still points at. */
export function trimHistory(record: AgentRecord, limit: number): readonly Revision[] {
  const needed = new Set(neededRevisions(record).map(({ id }) => id));
  const newest = new Set(record.revisions.slice(-limit).map(({ id }) => id));
  return record.revisions.filter(({ id }) => newest.has(id) || needed.has(id));
}

/** Adds a revision, or moves it to the end when it was there before. */
export const withRevision = (record: AgentRecord, revision: Revision): readonly Revision[] => [
  ...record.revisions.filter(({ id }) => id !== revision.id),
  revision,
];

export const withOutcome = (
  revisions: readonly Revision[],
  id: string | undefined,
  change: Partial<Pick<Revision, 'outcome' | 'failure' | 'stableAtMs'>>,
): readonly Revision[] =>
  revisions.map((revision) => (revision.id === id ? { ...revision, ...change } : revision));
