import { labels, REVISION_ANNOTATION } from '../../src/api/labels.ts';
import { isRunning, type ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, Revision } from '../../src/state/record.ts';
import { createRevision, wishHash } from '../../src/state/revision.ts';
import { NEW_REPLICA, replicaId } from '../../src/state/replica.ts';
import { type ContainerTemplate, EMPTY_TEMPLATE } from '../../src/state/template.ts';
import { refOf } from './replicas.ts';

/**
 * A record for an agent whose state was lost but whose containers say what they are: the one that runs is taken as
 * stable, so that adopting a running world changes nothing.
 */
export function rebuildRecord(
  fresh: AgentRecord,
  containers: readonly ObservedContainer[],
  nowMs: number,
): AgentRecord {
  const known = containers.flatMap((container) => {
    const revision = revisionOf(container, nowMs);
    return revision ? [{ container, revision, attempt: Number(container.labels[labels.attempt] ?? 0) }] : [];
  });
  // Of a rollout that was under way the older attempt is the one that had proved itself.
  const running = known.filter(({ container }) => isRunning(container));
  const serving = running.sort((left, right) => left.attempt - right.attempt)[0] ?? known[0];
  if (!serving) return fresh;
  const uid = serving.container.labels[labels.uid] ?? fresh.uid;
  const id = serving.revision.id;
  return {
    ...fresh,
    uid,
    state: 'Healthy',
    reason: 'Healthy',
    message: 'rebuilt from the labels of its container',
    revisions: [{ ...serving.revision, outcome: 'Stable' }],
    wishHash: wishHash(serving.revision.template),
    targetRevision: id,
    currentRevision: id,
    stableRevision: id,
    attempt: Math.max(...known.map(({ attempt }) => attempt)),
    attempts: { [id]: serving.attempt },
    replicas: Object.fromEntries(
      known
        .filter(({ revision, attempt }) => revision.id === id && attempt === serving.attempt)
        .map(({ container }) => [replicaId(refOf(container)), { ...NEW_REPLICA, joined: true as const }]),
    ),
  };
}

function revisionOf(container: ObservedContainer, nowMs: number): Revision | undefined {
  const label = container.labels[labels.revision];
  const template = templateOf(container);
  if (label === undefined || !template) return undefined;
  return { ...createRevision(template, 'rebuilt from labels', nowMs), id: label };
}

/** What the container was made from, as it says itself. */
export const templateOf = ({ annotations }: ObservedContainer): ContainerTemplate | undefined =>
  parseTemplate(annotations[REVISION_ANNOTATION] ?? 'null');

/** Our own annotation, but on a container that anyone with the socket could have made. */
function parseTemplate(text: string): ContainerTemplate | undefined {
  try {
    const value = JSON.parse(text) as Partial<ContainerTemplate> | null;
    if (value?.image === undefined || value.network === undefined) return undefined;
    // The canonical form drops what is empty: here it comes back.
    return { ...EMPTY_TEMPLATE, ...value, image: value.image, network: value.network };
  } catch {
    return undefined;
  }
}
