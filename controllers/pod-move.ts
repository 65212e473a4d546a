import { labels } from '../src/api/labels.ts';
import type { LivePod, PodsAim } from '../src/plan/plan-pods.ts';
import { areOfOneGroup } from '../src/state/names.ts';
import { isRunning, type ObservedContainer } from '../src/state/observed.ts';
import type { GroupMove } from '../src/state/provision.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { hasFailedAt, isMoving, newestAttempt, podOf, POD_GROUP_FAILED } from './agent/unit.ts';

export interface MoveScene {
  /** The pod that the group's manifest asks for. */
  readonly wanted: string;
  readonly pods: readonly LivePod[];
  /** Whoever has a revision in one of them, or is to have one. */
  readonly sharers: readonly AgentRecord[];
}

export type Place = Pick<PodsAim, 'keep' | 'cause'> & {
  readonly run?: string;
  /** The new pod is to be there. */
  readonly isTried: boolean;
  readonly move: GroupMove;
};

/**
 * Which pod of a group should run, read off how far its members have come: the one that all of them are to run in. While
 * they are to run in different ones, somebody has yet to follow, and nothing is started or stopped. Pure.
 */
export function placeOf(scene: MoveScene): Place {
  const { wanted, sharers } = scene;
  const movers = sharers.filter((record) => isMoving(record, wanted));
  const attempt = newestAttempt(movers, wanted);
  const failed = movers.filter((record) => attempt > 0 && hasFailedAt(record, { pod: wanted, attempt }));
  const run = whichRuns(scene, movers.length > 0 ? movers : sharers, failed.length > 0);
  const isTried = failed.length === 0 || run === wanted;
  const isHeld = failed.length > 0 && failed.every(({ state }) => state === 'Paused');
  const needed = sharers.flatMap((record) =>
    [record.currentRevision, record.stableRevision].flatMap((id) => podOf(record, id) ?? []),
  );
  const staysWanted = isTried || isHeld;
  const keep = new Set([...needed, ...(staysWanted ? [wanted] : []), ...(run === undefined ? [] : [run])]);
  if (!staysWanted && run !== undefined) keep.delete(wanted);
  return {
    ...(run !== undefined && { run }),
    keep,
    isTried,
    cause: failed.length > 0 ? 'its pod group goes back' : 'its pod group moves',
    move: moveOf({ movers, failed, wanted }),
  };
}

const ownerOf = ({ labels: found }: ObservedContainer): string => found[labels.name] ?? '';

function whichRuns(
  { wanted, pods, sharers }: MoveScene,
  voters: readonly AgentRecord[],
  goesBack: boolean,
): string | undefined {
  const votes = new Set(voters.flatMap((record) => voteOf(record, { wanted, pods })));
  if (votes.size === 0) return wanted;
  const [place] = votes;
  if (votes.size > 1 || place === UNDECIDED || place === undefined) return undefined;
  if (place !== wanted && !pods.some(({ name }) => name === place)) return undefined;
  const moving = new Set(voters.map(({ key }) => key.name));
  // Who never served is in nobody's way, and who is new in the new pod has nothing to go back to.
  const mustEnd = (pod: string, agent: string): boolean =>
    moving.has(agent) || (!goesBack && sharers.some((one) => one.key.name === agent && servesIn(one, pod)));
  const isBusy = pods.some(
    ({ name, infraState, members }) =>
      name !== place &&
      infraState === 'running' &&
      members.some((one) => isRunning(one) && mustEnd(name, ownerOf(one))),
  );
  return isBusy ? undefined : place;
}

const servesIn = (record: AgentRecord, pod: string): boolean => podOf(record, record.currentRevision) === pod;

const UNDECIDED = '?';

const GOES_ON: ReadonlySet<AgentState> = new Set([
  'StoppingOld',
  'Starting',
  'Verifying',
  'Promoting',
  'AwaitingApproval',
  'Monitoring',
]);
const HAS_NO_SAY: ReadonlySet<AgentState> = new Set(['Completed', 'Terminating']);

/** Where it is to run; nothing from who is in no pod of the group, or has nothing that runs. */
function voteOf(record: AgentRecord, { wanted, pods }: Pick<MoveScene, 'wanted' | 'pods'>): string[] {
  const current = podOf(record, record.currentRevision);
  const target = podOf(record, record.targetRevision);
  if (current === undefined || HAS_NO_SAY.has(record.state)) return [];
  const isBetween = target !== undefined && target !== current;
  if (isBetween && isHeldAt(target, { record, pods })) return [UNDECIDED];
  const said = GOES_ON.has(record.state) ? target : current;
  return said !== undefined && areOfOneGroup(said, wanted) ? [said] : [];
}

const isHeldAt = (
  target: string,
  { record: { state }, pods }: { readonly record: AgentRecord; readonly pods: readonly LivePod[] },
): boolean => state === 'Failing' || (state === 'Paused' && hasRun(pods, target));

/** Until it has, nobody has made room for it: who serves does so in the old one. */
const hasRun = (pods: readonly LivePod[], pod: string): boolean =>
  pods.some(({ name, infraState }) => name === pod && infraState !== 'created');

interface Way {
  readonly movers: readonly AgentRecord[];
  readonly failed: readonly AgentRecord[];
  readonly wanted: string;
}

/** For a person. */
function moveOf({ movers, failed, wanted }: Way): GroupMove {
  const root = failed.find(({ reason }) => reason !== POD_GROUP_FAILED) ?? failed[0];
  if (root) {
    const { key, reason, message } = root;
    return {
      type: 'RolledBack',
      message: `did not move to pod ${wanted}: ${key.name} failed: ${reason} (${message}); edit the group or one of its members, or have ${key.name} tried again`,
    };
  }
  if (movers.length === 0) return { type: 'None' };
  const names = movers.map(({ key }) => key.name).sort();
  return { type: 'UnderWay', message: `moves to pod ${wanted} with ${names.join(', ')}` };
}
