import type { AgentAim, ContainerAim, ImageAim } from '../../src/plan/aim.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { isHeld } from './asked.ts';
import { findRevision, runningRevision, type View } from './facts.ts';
import { hasLastWords, hasRoom, isAlone, mustPull } from './judge.ts';
import { aimFor, named, serving, survivors, type Wanted } from './replica-aim.ts';
import { replicaId } from '../../src/state/replica.ts';
import {
  goesBeside,
  hasMadeRoom,
  promotedReplicas,
  refOf,
  refsOf,
  runningReplicas,
  triedCount,
  worstOf,
} from './replicas.ts';
import { withTraffic } from './traffic-aim.ts';

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

/** What should run, state by state (`machine.ts`). Pure: the plan finds out what that takes. */
export function aimOf(view: View): AgentAim {
  const { state } = view.record;
  if (view.facts.suspended || hasMadeRoom(view)) return NOTHING;
  const aim = AIMS[state](view);
  // All of it goes: there is nobody to send anywhere.
  return state === 'Terminating' ? aim : withTraffic(view, aim);
}

type Aim = (view: View) => AgentAim;

const waiting: Aim = (view) => ({ containers: [...serving(view), ...kept(view)], others: discard(view) });
/** What serves goes on, and whatever was made stays: a person holds it, or who had the name is still asked. */
const carryingOn: Aim = (view) => ({ containers: [...serving(view), ...kept(view)], others: 'Leave' });
const preparing: Aim = (view) => ({
  containers: [...survivors(view), ...candidates(view), ...replaced(view), ...kept(view)],
  others: discard(view),
});
const trying: Aim = (view) => ({
  containers: [...serving(view), ...stopped(view), ...kept(view)],
  others: 'Leave',
});
const tryingBeside: Aim = (view) => ({
  containers: [...serving(view), ...replaced(view), ...kept(view)],
  others: discard(view),
});
const tryingSomehow: Aim = (view) => (goesBeside(view.record) ? tryingBeside(view) : trying(view));
const watching: Aim = (view) => ({
  containers: [...serving(view), ...kept(view), ...retired(view)],
  others: 'Leave',
});
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
  Building: (view) => (isHeld(view) ? carryingOn(view) : { ...imageAim(view), ...waiting(view) }),
  Preparing: (view) => (isHeld(view) ? carryingOn(view) : preparing(view)),
  StoppingOld: (view) => ({
    containers: [...stopped(view), ...kept(view), ...candidates(view)],
    others: discard(view),
  }),
  Starting: tryingSomehow,
  Verifying: tryingSomehow,
  Promoting: (view) => (goesBeside(view.record) ? tryingBeside(view) : carryingOn(view)),
  AwaitingApproval: tryingBeside,
  Monitoring: watching,
  Healthy: settled,
  Healing: settled,
  Degraded: settled,
  Failing: (view) => ({ containers: lastWords(view), others: 'Leave' }),
  RollingBack: rolledBack,
  RolledBack: rolledBack,
  Failed: failedAim,
  Paused: (view) => ({ containers: serving(view), others: 'Leave' }),
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

/** The stable revision's containers, kept stopped as the way back. */
function kept(view: View): ContainerAim[] {
  const { record } = view;
  const { stableRevision, currentRevision } = record;
  if (stableRevision === currentRevision || stableRevision === runningRevision(record)) return [];
  if (goesBeside(record) && stableRevision === record.targetRevision) return [];
  return named(view, stableRevision, { want: 'Stopped', cause: 'kept as the way back' });
}

/** The old ones make room. */
function stopped(view: View): ContainerAim[] {
  const { record } = view;
  if (record.currentRevision === record.targetRevision) return [];
  return named(view, record.currentRevision, { want: 'Stopped', cause: targetCause(view) });
}

/** The old ones whose place canaries have taken. */
const replaced = (view: View): ContainerAim[] =>
  stopped(view).filter(({ ordinal }) => ordinal < promotedReplicas(view).length);

/** What served before, however it came to that, and may still be a way back. */
function retired(view: View): ContainerAim[] {
  const { record, facts } = view;
  const busy = new Set([record.currentRevision, record.stableRevision]);
  return facts.observed.containers
    .map(refOf)
    .filter(({ revision }) => !busy.has(revision))
    .flatMap((ref) => aimFor(view, ref, { want: 'Stopped', cause: targetCause(view) }));
}

const targetCause = ({ record }: View): string => {
  const target = findRevision(record, record.targetRevision);
  return target ? `update to revision ${target.id}: ${target.cause}` : 'update';
};

function candidates(view: View): ContainerAim[] {
  const { record, nowMs } = view;
  const made = hasNobodyToReplace(view) ? 'Running' : 'Created';
  const want = nowMs < record.step.notBeforeMs ? 'Untouched' : made;
  const wanted: Wanted = { want, cause: targetCause(view) };
  const running = new Set(runningReplicas(view).map(replicaId));
  return refsOf(record, record.targetRevision, { to: triedCount(view) })
    .filter((ref) => !running.has(replicaId(ref)))
    .flatMap((ref) => aimFor(view, ref, wanted));
}

/** Then there is nothing to wait for between create and start, and a look at each can be saved. */
function hasNobodyToReplace(view: View): boolean {
  const { currentRevision, stableRevision } = view.record;
  return currentRevision === undefined && stableRevision === undefined && isAlone(view) && hasRoom(view);
}

/** Read once: it may wait for more before it goes on. */
function lastWords(view: View): ContainerAim[] {
  const worst = worstOf(view, view.record.targetRevision);
  if (!worst) return [];
  const aims = aimFor(view, refOf(worst), { want: 'Untouched', cause: view.record.message });
  return hasLastWords(view.record) ? aims : aims.map((aim) => ({ ...aim, captureLogs: true }));
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
  const { record, nowMs } = view;
  const { wish } = view.facts;
  if (!wish?.image || nowMs < record.step.notBeforeMs) return {};
  return wish.imageKnown && !mustPull(view) ? {} : { image: wish.image };
}
