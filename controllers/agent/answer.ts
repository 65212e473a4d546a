import type { ActRequest } from '../../src/api/act-request.ts';
import type { AgentSpec } from '../../src/api/agent.ts';
import type { Acts } from '../../src/state/acts.ts';
import type { Position } from '../../src/state/desired.ts';
import type { AgentRecord, Revision } from '../../src/state/record.ts';
import { revisionId } from '../../src/state/revision.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { RESTARTABLE, UNDER_WAY } from './asked.ts';
import { GAVE_UP } from './machine.ts';
import { findRevision } from './facts.ts';
import { hasProvedItself, revisionBefore } from './undo.ts';

/** Everything that decides whether a request makes sense now. */
export interface Situation {
  readonly record: AgentRecord;
  /** What holds already. */
  readonly acts: Acts;
  readonly spec: AgentSpec;
  readonly position: Position;
  /** What the manifest asks for, as far as it is known. */
  readonly wished: ContainerTemplate | undefined;
  readonly nowMs: number;
}

export type Answer =
  | { readonly acts: Acts; readonly message: string }
  /** Why not, and what to do instead. */
  | { readonly refused: string };

/** What a request makes of the acts. Pure: refused is what would mean nothing now. */
export function answerTo(request: ActRequest, situation: Situation): Answer {
  const { record, acts, spec } = situation;
  if (request.action === 'suspend') return suspend(request, situation);
  if (request.action === 'unsuspend') return unsuspend(situation);
  if (spec.suspend || acts.suspended)
    return refuse(situation, `is suspended, so nothing is changed for it; ${howToResume(situation)}`);
  switch (request.action) {
    case 'undo':
      return undo(request.toRevision, situation);
    case 'pause':
      return pause(situation);
    case 'resume':
      return resume(situation);
    case 'approve':
      return approve(situation);
    case 'abort':
      return abort(situation);
    case 'retry':
      return retry(situation);
    case 'restart':
      return RESTARTABLE.has(record.state)
        ? agree(situation, { restartedAtMs: situation.nowMs }, 'restarts')
        : refuse(situation, whyNoRestart(situation));
  }
}

const refuse = ({ record }: Situation, why: string): Answer => ({ refused: `${record.key.name} ${why}` });

const agree = ({ record, acts }: Situation, change: Partial<Acts>, what: string): Answer => ({
  acts: { ...acts, ...change },
  message: `${record.key.name} ${what}`,
});

const command = ({ record }: Situation, words: string): string =>
  `rookery ${words} ${record.key.name} -n ${record.key.namespace}`;

const howToResume = (situation: Situation): string =>
  situation.spec.suspend
    ? `set spec.suspend to false in ${situation.position.file}:${situation.position.line}`
    : `go on with: ${command(situation, 'resume')}`;

function suspend(
  { forSeconds, reason }: Extract<ActRequest, { action: 'suspend' }>,
  situation: Situation,
): Answer {
  const { nowMs } = situation;
  const untilMs = forSeconds === undefined ? undefined : nowMs + forSeconds * 1_000;
  const suspended = {
    sinceMs: nowMs,
    ...(untilMs !== undefined && { untilMs }),
    ...(reason !== undefined && { reason }),
  };
  const until = untilMs === undefined ? '' : ` until ${new Date(untilMs).toISOString()}`;
  return agree(situation, { suspended }, `is suspended${until}`);
}

function unsuspend(situation: Situation): Answer {
  const { suspended, ...rest } = situation.acts;
  if (situation.spec.suspend)
    return refuse(situation, `is suspended by its manifest; ${howToResume(situation)}`);
  if (!suspended) return refuse(situation, 'is not suspended');
  return agree({ ...situation, acts: rest }, {}, 'goes on');
}

function undo(toRevision: string | undefined, situation: Situation): Answer {
  const { record, wished } = situation;
  const from = findRevision(
    record,
    UNDER_WAY.has(record.state) ? (record.targetRevision ?? record.currentRevision) : record.currentRevision,
  );
  const chosen =
    toRevision === undefined
      ? from && revisionBefore(record.revisions, from)
      : record.revisions.find(({ id }) => id.startsWith(toRevision));
  if (!chosen) return refuse(situation, whyNone(situation, toRevision));
  const why = whyNoUndo(situation, chosen);
  if (why !== undefined) return refuse(situation, why);
  const { specHash, wishHash } = situation.acts;
  const base = { ...situation, acts: { specHash, ...(wishHash !== undefined && { wishHash }) } };
  if (wished && revisionId(wished) === revisionId(chosen.template))
    return agree(base, {}, `follows its manifest again, which asks for revision ${chosen.id}`);
  return agree(base, { undoToRevision: chosen.id }, `goes back to revision ${chosen.id}`);
}

const whyNone = (situation: Situation, toRevision: string | undefined): string =>
  toRevision === undefined
    ? `has no earlier revision that proved itself; ${seeHistory(situation)}`
    : `has no kept revision ${toRevision}; ${seeHistory(situation)}`;

const seeHistory = (situation: Situation): string => `see: ${command(situation, 'rollout history')}`;

function whyNoUndo(situation: Situation, chosen: Revision): string | undefined {
  const { record, acts, wished } = situation;
  if (chosen.outcome === 'Failed')
    return `cannot go back to revision ${chosen.id}, which failed; to try it again edit the manifest, or: ${command(situation, 'rollout retry')}`;
  if (!hasProvedItself(chosen))
    return `cannot go back to revision ${chosen.id}, which never proved itself; ${seeHistory(situation)}`;
  if (acts.undoToRevision === chosen.id) return `was taken back to revision ${chosen.id} already`;
  const runs =
    !UNDER_WAY.has(record.state) && record.currentRevision === chosen.id && acts.undoToRevision === undefined;
  if (runs && !GAVE_UP.has(record.state)) return `runs revision ${chosen.id} already`;
  const { network } = chosen.template;
  if (network.mode !== 'pod') return undefined;
  if (wished?.network.mode !== 'pod')
    return `cannot go back to revision ${chosen.id}, which was a member of a pod; put it into its pod group again first`;
  return isOfOtherPodOnly(chosen, wished)
    ? `cannot go back to revision ${chosen.id} alone, which differs only in its pod; ${howToMoveBack(situation)}`
    : undefined;
}

/** A container of it would be made in the pod of today, and so be what runs already, or is tried. */
const isOfOtherPodOnly = ({ id, template }: Revision, wished: ContainerTemplate): boolean =>
  revisionId(wished) !== id && revisionId({ ...template, network: wished.network }) === revisionId(wished);

const howToMoveBack = (situation: Situation): string =>
  UNDER_WAY.has(situation.record.state)
    ? `all of its pod group go back with: ${command(situation, 'rollout abort')}`
    : 'all of its pod group go back when the manifest of the group is taken back';

function pause(situation: Situation): Answer {
  const { record, acts, nowMs } = situation;
  if (acts.pausedAtMs !== undefined) return refuse(situation, 'is paused already');
  if (!UNDER_WAY.has(record.state))
    return refuse(
      situation,
      `has no rollout under way (${record.state}); to keep your hands off it for a while: ${command(situation, 'suspend')}`,
    );
  return agree(situation, { pausedAtMs: nowMs }, `is paused in ${record.state}`);
}

function resume(situation: Situation): Answer {
  const { pausedAtMs, undoToRevision, ...rest } = situation.acts;
  if (pausedAtMs === undefined && undoToRevision === undefined) {
    return situation.record.state === 'Paused'
      ? refuse(
          situation,
          `waits because its update failed; choose: ${command(situation, 'rollout retry|abort|undo')}`,
        )
      : refuse(situation, 'is neither paused nor taken back to an earlier revision');
  }
  return agree(
    { ...situation, acts: rest },
    {},
    pausedAtMs === undefined ? 'follows its manifest again' : 'goes on',
  );
}

function approve(situation: Situation): Answer {
  const { record, acts, spec } = situation;
  const { strategy, canary } = spec.rollout;
  const { targetRevision } = record;
  if (strategy !== 'Canary' || canary?.promotion !== 'Manual')
    return refuse(situation, 'needs no approval: only strategy Canary with promotion Manual does');
  if (record.state !== 'AwaitingApproval' || targetRevision === undefined)
    return refuse(situation, `has no canary that waits for approval (${record.state})`);
  if (acts.approvedRevision === targetRevision)
    return refuse(situation, `has revision ${targetRevision} approved already`);
  return agree(situation, { approvedRevision: targetRevision }, `may promote revision ${targetRevision}`);
}

function abort(situation: Situation): Answer {
  const { record, nowMs } = situation;
  const { state, targetRevision, currentRevision, stableRevision } = record;
  if (!UNDER_WAY.has(state) && state !== 'Paused')
    return refuse(
      situation,
      `has no rollout under way (${state}); to go back from a finished one: ${command(situation, 'rollout undo')}`,
    );
  const back = [stableRevision, currentRevision].find((id) => id !== undefined && id !== targetRevision);
  if (back === undefined)
    return refuse(situation, 'has no earlier revision to go back to: edit its manifest, or delete it');
  const { pausedAtMs: _, ...acts } = situation.acts;
  return agree({ ...situation, acts }, { abortedAtMs: nowMs }, `goes back to revision ${back}`);
}

function retry(situation: Situation): Answer {
  const { record, nowMs } = situation;
  const waits = [record.step, ...Object.values(record.replicas).map(({ crash }) => crash)].some(
    ({ notBeforeMs }) => notBeforeMs > nowMs,
  );
  if (!waits && !GAVE_UP.has(record.state))
    return refuse(
      situation,
      `has nothing that failed (${record.state}); for a new container: ${command(situation, 'rollout restart')}`,
    );
  const { abortedAtMs: _, ...acts } = situation.acts;
  return agree({ ...situation, acts }, { retryAtMs: nowMs }, 'tries again');
}

function whyNoRestart(situation: Situation): string {
  const { state } = situation.record;
  return UNDER_WAY.has(state)
    ? `is being rolled out (${state}), which makes a new container anyway; wait for it with: ${command(situation, 'rollout status')}`
    : `is ${state}; try the update again with: ${command(situation, 'rollout retry')}`;
}
