import type { ContainerAim } from '../../src/plan/aim.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { Revision } from '../../src/state/record.ts';
import type { ReplicaRef } from '../../src/state/replica.ts';
import { mustCorrect } from './drift.ts';
import { findRevision, isLive, type View } from './facts.ts';
import {
  containerOf,
  containersOf,
  countOf,
  refOf,
  replicaCount,
  replicaRecord,
  runningReplicas,
  runningRevisions,
} from './replicas.ts';
import { hasItsPod } from './unit.ts';
import { hasCompleted, heldBack, isCondemned } from './supervise.ts';

export type Wanted = Pick<ContainerAim, 'want' | 'cause'>;

export function aimFor({ record }: View, ref: ReplicaRef, wanted: Wanted): ContainerAim[] {
  const revision = findRevision(record, ref.revision);
  if (!revision) return [];
  const { attempt, ordinal } = ref;
  const graceSeconds = revision.template.stopGraceSeconds;
  return [{ revision, attempt, ordinal, ...wanted, graceSeconds, correctDrift: false }];
}

/** Every replica that a revision has now. */
export const named = (view: View, id: string | undefined, wanted: Wanted): ContainerAim[] =>
  containersOf(view, id).flatMap((live) => aimFor(view, refOf(live), wanted));

/** About to be replaced: what keeps it from starting again must not stop its successor. */
export const survivors = (view: View): ContainerAim[] => [
  ...runningReplicas(view).flatMap((ref) =>
    isLive(containerOf(view, ref))
      ? servingOne(view, ref)
      : aimFor(view, ref, { want: 'Untouched', cause: 'is about to be replaced' }),
  ),
  ...surplus(view),
];

/** The replicas that should run now, and those that are too many of them. */
export const serving = (view: View): ContainerAim[] => [
  ...runningReplicas(view).flatMap((ref) => servingOne(view, ref)),
  ...surplus(view),
];

function surplus(view: View): ContainerAim[] {
  return [...new Set(runningRevisions(view))]
    .flatMap((revision) => containersOf(view, revision))
    .map(refOf)
    .filter(({ revision, ordinal }) => ordinal >= countOf(view, revision))
    .flatMap((ref) => aimFor(view, ref, { want: 'Absent', cause: surplusCause(view, ref) }));
}

const surplusCause = (view: View, { revision, ordinal }: ReplicaRef): string =>
  ordinal >= replicaCount(view)
    ? `replicas is ${replicaCount(view)}`
    : `of revision ${revision}, which has the name itself, there can be one`;

/** Started, restarted within its back-off, or killed when a probe condemned it. */
function servingOne(view: View, ref: ReplicaRef): ContainerAim[] {
  const { record, facts } = view;
  const revision = findRevision(record, ref.revision);
  const live = containerOf(view, ref);
  if (!revision || (!live && !hasItsPod(view, revision))) return [];
  const correctDrift = record.state === 'Healing' && mustCorrect(view);
  const wished =
    facts.wish && correctDrift
      ? { ...revision.template, network: facts.wish.template.network }
      : revision.template;
  const wanted = { want: servingWant(view, ref), cause: servingCause(view, ref, revision) };
  return aimFor(view, ref, wanted).map((aim) => ({
    ...aim,
    revision: { ...revision, template: wished },
    correctDrift,
    ...reloadSignal(view, live),
  }));
}

function servingWant(view: View, ref: ReplicaRef): ContainerAim['want'] {
  const live = containerOf(view, ref);
  if (isCondemned(replicaRecord(view.record, ref), live)) return 'Stopped';
  if (isLive(live)) return 'Running';
  if (hasCompleted(view, ref)) return 'Untouched';
  return heldBack(view, ref) === undefined ? 'Running' : 'Untouched';
}

function servingCause(view: View, ref: ReplicaRef, revision: Revision): string {
  const { record } = view;
  const live = containerOf(view, ref);
  const replica = replicaRecord(record, ref);
  if (replica.condemned && isCondemned(replica, live)) return replica.condemned.reason;
  if (record.state === 'RollingBack') return `rollback: ${record.message}`;
  if (live?.state === 'exited' && live.startedAtMs > 0 && replica.lastExit?.containerId === live.id) {
    const { code, oomKilled, rebootedInto } = replica.lastExit;
    if (rebootedInto) return 'the host was started anew';
    return `exited with code ${code}${oomKilled ? ' (out of memory)' : ''}`;
  }
  if (live !== undefined || record.currentRevision !== revision.id) return revision.cause;
  return replica.joined ? 'its container is gone' : `replicas is ${replicaCount(view)}`;
}

/** Told once for each content of the mounted files; the record says which was told. */
function reloadSignal({ record, facts }: View, live: ObservedContainer | undefined): { signal?: string } {
  const reload = facts.spec?.reload;
  if (reload === undefined || reload === 'None' || !isLive(live) || !facts.wish) return {};
  const isTold = record.reloadDigest === undefined || record.reloadDigest === facts.wish.reloadDigest;
  return isTold ? {} : { signal: reload.signal };
}
