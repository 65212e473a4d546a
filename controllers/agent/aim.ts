import type { AgentAim, ContainerAim, ImageAim } from '../../src/plan/aim.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../../src/state/record.ts';
import {
  attemptOf,
  containerOf,
  findRevision,
  isLive,
  runningContainer,
  runningRevision,
  type View,
} from './facts.ts';
import { hasDrifted, mustPull } from './judge.ts';
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
  Building: (view) => ({ ...imageAim(view), ...waiting(view) }),
  Preparing: (view) => ({
    containers: [...survivor(view), ...kept(view), ...candidate(view, 'Created')],
    others: discard(view),
  }),
  StoppingOld: (view) => ({
    containers: [...stopped(view), ...kept(view), ...candidate(view, 'Created')],
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
    containers: named(view, view.record.currentRevision, 'Untouched', 'completed'),
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

function named(
  { record }: View,
  id: string | undefined,
  want: ContainerAim['want'],
  cause: string,
): ContainerAim[] {
  const revision = findRevision(record, id);
  return revision ? [container(record, revision, want, cause)] : [];
}

const container = (
  record: AgentRecord,
  revision: Revision,
  want: ContainerAim['want'],
  cause: string,
): ContainerAim => ({
  revision,
  attempt: attemptOf(record, revision.id),
  ordinal: 0,
  want,
  cause,
  graceSeconds: revision.template.stopGraceSeconds,
  correctDrift: false,
});

/** About to be replaced: what keeps it from starting again must not stop its successor. */
function survivor(view: View): ContainerAim[] {
  if (isLive(runningContainer(view))) return serving(view);
  return named(view, view.record.currentRevision, 'Untouched', 'is about to be replaced');
}

/** The container that should run now: started, restarted within its back-off, or killed when a probe condemned it. */
function serving(view: View): ContainerAim[] {
  const { record, facts } = view;
  const revision = findRevision(record, runningRevision(record));
  if (!revision) return [];
  const live = runningContainer(view);
  if (!live && !canRunAgain(view, revision)) return [];
  const aim = container(record, revision, servingWant(view, live), servingCause(view, live, revision));
  const correctDrift = record.state === 'Healing' && hasDrifted(view);
  const wished =
    facts.wish && correctDrift
      ? { ...revision.template, network: facts.wish.template.network }
      : revision.template;
  return [{ ...aim, revision: { ...revision, template: wished }, correctDrift, ...reloadSignal(view, live) }];
}

function servingWant(view: View, live: ObservedContainer | undefined): ContainerAim['want'] {
  if (isCondemned(view.record, live)) return 'Stopped';
  if (isLive(live)) return 'Running';
  if (hasCompleted(view, live)) return 'Untouched';
  return heldBack(view, live) === undefined ? 'Running' : 'Untouched';
}

function servingCause(view: View, live: ObservedContainer | undefined, revision: Revision): string {
  const { record } = view;
  if (record.condemned && isCondemned(record, live)) return record.condemned.reason;
  if (record.state === 'RollingBack') return `rollback: ${record.message}`;
  if (live?.state === 'exited' && live.startedAtMs > 0 && record.lastExit?.containerId === live.id) {
    const { code, oomKilled } = record.lastExit;
    return `exited with code ${code}${oomKilled ? ' (out of memory)' : ''}`;
  }
  if (live === undefined && record.currentRevision === revision.id) return 'its container is gone';
  return revision.cause;
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
  return named(view, stableRevision, 'Stopped', 'kept as the way back');
}

function stopped(view: View): ContainerAim[] {
  const { record } = view;
  if (record.currentRevision === record.targetRevision) return [];
  return named(view, record.currentRevision, 'Stopped', targetCause(view));
}

const targetCause = ({ record }: View): string => {
  const target = findRevision(record, record.targetRevision);
  return target ? `update to revision ${target.id}: ${target.cause}` : 'update';
};

function candidate(view: View, want: 'Created'): ContainerAim[] {
  const isBackedOff = view.nowMs < view.record.step.notBeforeMs;
  return named(view, view.record.targetRevision, isBackedOff ? 'Untouched' : want, targetCause(view));
}

function lastWords(view: View): ContainerAim[] {
  const aims = named(view, view.record.targetRevision, 'Untouched', view.record.message);
  return aims.map((aim) => ({ ...aim, captureLogs: true }));
}

function discardedTarget(view: View): ContainerAim[] {
  const { record } = view;
  const { targetRevision, currentRevision, stableRevision } = record;
  if (targetRevision === currentRevision || targetRevision === stableRevision) return [];
  if (!containerOf(view, targetRevision)) return [];
  const aims = named(view, record.targetRevision, 'Absent', `failed: ${record.message}`);
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
  const aims = named(view, targetRevision, 'Stopped', `failed: ${record.message}`);
  return aims.map((aim) => ({ ...aim, graceSeconds: FAILED_CANDIDATE_GRACE_SECONDS }));
}

function imageAim(view: View): { image?: ImageAim } {
  const { facts, record, nowMs } = view;
  const image = facts.wish?.image;
  if (!image || nowMs < record.step.notBeforeMs) return {};
  if (facts.wish?.imageKnown && !mustPull(view)) return {};
  return { image };
}
