import { driftOperations } from '../../src/plan/drift.ts';
import { containerName } from '../../src/state/names.ts';
import type { ReplicaRef } from '../../src/state/replica.ts';
import type { NetworkAttachment } from '../../src/state/template.ts';
import { findRevision, type View } from './facts.ts';
import { containerOf, servingReplicas } from './replicas.ts';

export function hasDrifted(view: View): boolean {
  const network = view.facts.wish?.template.network;
  return network !== undefined && servingReplicas(view).some((ref) => isDrifted(view, ref, network));
}

/** Networks come from the newest wish: joining one needs no new container. */
function isDrifted(view: View, ref: ReplicaRef, network: NetworkAttachment): boolean {
  const container = containerOf(view, ref);
  const revision = findRevision(view.record, ref.revision);
  if (!revision || !container) return false;
  const name = containerName({ key: view.record.key, ...ref });
  return driftOperations(container, { ...revision.template, network }, name).length > 0;
}

export const mustCorrect = (view: View): boolean =>
  hasDrifted(view) && view.facts.spec?.driftPolicy === 'Correct';
