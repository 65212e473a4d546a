import type { AgentAim, ContainerAim, ImageAim } from '../../src/plan/aim.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../../src/state/record.ts';
import type { ReplicaRef } from '../../src/state/replica.ts';
import { findRevision, isLive, runningRevision, type View } from './facts.ts';
import { isHeld } from './asked.ts';
import { mustCorrect, mustPull } from './judge.ts';
import {
  containerOf,
  containersOf,
  refOf,
  refsOf,
  replicaCount,
  replicaRecord,
  runningReplicas,
  triedCount,
  worstOf,
} from './replicas.ts';
import { canRunAgain } from './rollout.ts';
import { hasCompleted, heldBack, isCondemned } from './supervise.ts';

const FAILED_CANDIDATE_GRACE_SECONDS = 1;

/** What nobody needs any more, most often a candidate that failed. */
const discarded = (cause: string): AgentAim['others'] => ({
  remove: cause,
  graceSeconds: FAILED_CANDIDATE_GRACE_SECONDS,
});

/** Whoever serves is given the time that its manifest promised, also at the very end. */
const lastGraceSeconds = (record: AgentRecord): number =>
  findRevision(record, record.currentRevision ?? record.targetRevision)?.template.stopGraceSeconds ??
  FAILED_CANDIDATE_GRACE_SECONDS;

const NOTHING: AgentAim = { containers: [], others: 'Leave' };

/** What should run, state by state (`semantics.md` §6, §8). Pure: the plan finds out what that takes. */
export const aimOf = (view: View): AgentAim =>
  view.facts.suspended ? NOTHING : AIMS[view.record.state](view);

type Aim = (view: View) => AgentAim;

const waiting: Aim = (view) => ({ containers: [...serving(view), ...kept(view)], others: discard(view) });
/** A person holds it before anything was touched: what serves goes on, whatever was made stays. */
const held: Aim = (view) => ({ containers: [...serving(view), ...kept(view)], others: 'Leave' });
const preparing: Aim = (view) => ({
  containers: [...survivors(view), ...kept(view), ...candidates(view)],
  others: discard(view),
});
const trying: Aim = (view) => ({
  containers: [...serving(view), ...stopped(view), ...kept(view)],
  others: 'Leave',
});
const watching: Aim = (view) => ({ containers: [...serving(view), ...kept(view)], others: 'Leave' });
const rolledBack: Aim = (view) => ({
  containers: [...serving(view), ...kept(view), ...discardedTarget(view)],
  others: discarded('rolled back'),
});
const settled: Aim = (view) => ({
  containers: serving(view),
  others: discarded('its revision was replaced by a stable one'),
});

const AIMS: Readonly<Record<AgentState, Aim>> = {
  Pending: waiting,
  Blocked: waiting,
  Building: (view) => (isHeld(view) ? held(view) : { ...imageAim(view), ...waiting(view) }),
  Preparing: (view) => (isHeld(view) ? held(view) : preparing(view)),
  StoppingOld: (view) => ({
    containers: [...stopped(view), ...kept(view), ...candidates(view)],
    others: discard(view),
  }),
  Starting: trying,
  Verifying: trying,
  Promoting: watching,
  Monitoring: watching,
  Healthy: settled,
  Healing: settled,
  Degraded: settled,
  Failing: (view) => ({ containers: lastWords(view), others: 'Leave' }),
  RollingBack: rolledBack,
  RolledBack: rolledBack,
  Failed: failedAim,
  Paused: () => NOTHING,
  Completed: (view) => ({
    containers: named(view, view.record.currentRevision, { want: 'Untouched', cause: 'completed' }),
    others: discarded('replaced'),
  }),
  Terminating: ({ record }) => ({
    containers: [],
    others: { remove: 'its manifest was deleted', graceSeconds: lastGraceSeconds(record) },
  }),
};

function discard({ record }: View): AgentAim['others'] {
  return record.currentRevision === undefined && record.state === 'Blocked'
    ? 'Leave'
    : discarded('a candidate that is no longer asked for');
}

type Wanted = Pick<ContainerAim, 'want' | 'cause'>;

/** Every replica that a revision has now. */
const named = (view: View, id: string | undefined, wanted: Wanted): ContainerAim[] =>
  containersOf(view, id).flatMap((live) => aimFor(view, refOf(live), wanted));

function aimFor({ record }: View, ref: ReplicaRef, wanted: Wanted): ContainerAim[] {
  const revision = findRevision(record, ref.revision);
  if (!revision) return [];
  const { attempt, ordinal } = ref;
  const graceSeconds = revision.template.stopGraceSeconds;
  return [{ revision, attempt, ordinal, ...wanted, graceSeconds, correctDrift: false }];
}

/** About to be replaced: what keeps it from starting again must not stop its successor. */
const survivors = (view: View): ContainerAim[] =>
  runningReplicas(view).flatMap((ref) =>
    isLive(containerOf(view, ref))
      ? servingOne(view, ref)
      : aimFor(view, ref, { want: 'Untouched', cause: 'is about to be replaced' }),
  );

const serving = (view: View): ContainerAim[] => runningReplicas(view).flatMap((ref) => servingOne(view, ref));

/** A replica that should run now: started, restarted within its back-off, or killed when a probe condemned it. */
function servingOne(view: View, ref: ReplicaRef): ContainerAim[] {
  const { record, facts } = view;
  const revision = findRevision(record, ref.revision);
  const live = containerOf(view, ref);
  if (!revision || (!live && !canRunAgain(view, revision))) return [];
  const correctDrift = record.state === 'Healing' && mustCorrect(view);
  const wished =
    facts.wish && correctDrift
      ? { ...revision.template, network: facts.wish.template.network }
      : revision.template;
  return aimFor(view, ref, { want: servingWant(view, ref), cause: servingCause(view, ref, revision) }).map(
    (aim) => ({
      ...aim,
      revision: { ...revision, template: wished },
      correctDrift,
      ...reloadSignal(view, live),
    }),
  );
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
  const { condemned, lastExit, joined } = replicaRecord(record, ref);
  if (condemned && isCondemned(replicaRecord(record, ref), live)) return condemned.reason;
  if (record.state === 'RollingBack') return `rollback: ${record.message}`;
  if (live?.state === 'exited' && live.startedAtMs > 0 && lastExit?.containerId === live.id) {
    const { code, oomKilled } = lastExit;
    return `exited with code ${code}${oomKilled ? ' (out of memory)' : ''}`;
  }
  if (live !== undefined || record.currentRevision !== revision.id) return revision.cause;
  return joined ? 'its container is gone' : `replicas is ${replicaCount(view)}`;
}

/** Told once for each content of the mounted files; the record says which was told. */
function reloadSignal({ record, facts }: View, live: ObservedContainer | undefined): { signal?: string } {
  const reload = facts.spec?.reload;
  if (reload === undefined || reload === 'None' || !isLive(live) || !facts.wish) return {};
  const isTold = record.reloadDigest === undefined || record.reloadDigest === facts.wish.reloadDigest;
  return isTold ? {} : { signal: reload.signal };
}

/** The stable revision's container, kept stopped as the way back. */
function kept(view: View): ContainerAim[] {
  const { record } = view;
  const { stableRevision, currentRevision } = record;
  if (stableRevision === currentRevision || stableRevision === runningRevision(record)) return [];
  return named(view, stableRevision, { want: 'Stopped', cause: 'kept as the way back' });
}

function stopped(view: View): ContainerAim[] {
  const { record } = view;
  if (record.currentRevision === record.targetRevision) return [];
  return named(view, record.currentRevision, { want: 'Stopped', cause: targetCause(view) });
}

const targetCause = ({ record }: View): string => {
  const target = findRevision(record, record.targetRevision);
  return target ? `update to revision ${target.id}: ${target.cause}` : 'update';
};

function candidates(view: View): ContainerAim[] {
  const { record, nowMs } = view;
  const want = nowMs < record.step.notBeforeMs ? 'Untouched' : 'Created';
  const wanted: Wanted = { want, cause: targetCause(view) };
  return refsOf(record, record.targetRevision, { to: triedCount(view) }).flatMap((ref) =>
    aimFor(view, ref, wanted),
  );
}

function lastWords(view: View): ContainerAim[] {
  const worst = worstOf(view, view.record.targetRevision);
  if (!worst) return [];
  const aims = aimFor(view, refOf(worst), { want: 'Untouched', cause: view.record.message });
  return aims.map((aim) => ({ ...aim, captureLogs: true }));
}

function discardedTarget(view: View): ContainerAim[] {
  const { record } = view;
  const { targetRevision, currentRevision, stableRevision } = record;
  if (targetRevision === currentRevision || targetRevision === stableRevision) return [];
  const aims = named(view, targetRevision, { want: 'Absent', cause: `failed: ${record.message}` });
  return aims.map((aim) => ({ ...aim, graceSeconds: FAILED_CANDIDATE_GRACE_SECONDS }));
}

function failedAim(view: View): AgentAim {
  const { record } = view;
  if (record.targetRevision === undefined)
    return { ...imageAim(view), containers: serving(view), others: 'Leave' };
  return { containers: [...serving(view), ...kept(view), ...stoppedTarget(view)], others: 'Leave' };
}

/** What failed makes room for the survivor, and stays for a look at it. */
function stoppedTarget(view: View): ContainerAim[] {
  const { record } = view;
  const { targetRevision, currentRevision } = record;
  if (currentRevision === undefined || targetRevision === currentRevision) return [];
  const aims = named(view, targetRevision, { want: 'Stopped', cause: `failed: ${record.message}` });
  return aims.map((aim) => ({ ...aim, graceSeconds: FAILED_CANDIDATE_GRACE_SECONDS }));
}

function imageAim(view: View): { image?: ImageAim } {
  const { facts, record, nowMs } = view;
  const image = facts.wish?.image;
  if (!image || nowMs < record.step.notBeforeMs) return {};
  if (facts.wish?.imageKnown && !mustPull(view)) return {};
  return { image };
}
