import { driftOperations } from '../../src/plan/drift.ts';
import { containerName } from '../../src/state/names.ts';
import type { ReplicaRef } from '../../src/state/replica.ts';
import { findRevision, type View } from './facts.ts';
import { containerOf, servingReplicas } from './replicas.ts';

export const hasDrifted = (view: View): boolean =>
  view.facts.wish !== undefined && servingReplicas(view).some((ref) => isDrifted(view, ref));

/** Networks come from the newest wish: joining one needs no new container. */
function isDrifted(view: View, ref: ReplicaRef): boolean {
  const { record, facts } = view;
  const container = containerOf(view, ref);
  const revision = findRevision(record, ref.revision);
  if (!revision || !container) return false;
  const network = facts.wish?.template.network ?? revision.template.network;
  const name = containerName({ key: record.key, ...ref });
  return driftOperations(container, { ...revision.template, network }, name).length > 0;
}

export const mustCorrect = (view: View): boolean =>
  hasDrifted(view) && view.facts.spec?.driftPolicy === 'Correct';
