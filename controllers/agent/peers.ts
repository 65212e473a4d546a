import type { KeyString } from '../../src/api/key.ts';
import { keyString, type ObjectKey, parseKey } from '../../src/api/key.ts';
import type { Gate } from '../../src/plan/graph.ts';
import type { DesiredState } from '../../src/state/desired.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import type { Gating } from './facts.ts';
import { isRollingOut } from './machine.ts';

/** What other agents need to know of one: enough to wait for it, and to name the root cause. */
export interface Peer {
  readonly record: AgentRecord;
  readonly live: boolean;
  readonly ready: boolean;
  readonly suspended: boolean;
}

/** Nobody who waits for it has anything new to see. */
export const samePeer = (left: Peer, right: Peer): boolean =>
  left.live === right.live &&
  left.ready === right.ready &&
  left.suspended === right.suspended &&
  left.record.state === right.record.state &&
  left.record.reason === right.record.reason &&
  left.record.unit?.attempt === right.record.unit?.attempt &&
  left.record.unit?.waits === right.record.unit?.waits;

/** A peer, and whether its manifest changed without its having begun to follow. */
export interface SeenPeer extends Peer {
  readonly outdated: boolean;
}

export type Peers = ReadonlyMap<KeyString, SeenPeer>;

/** Two agents of one change may be looked at in any order: the one above must see that the one below has yet to move. */
export const seePeers = (peers: ReadonlyMap<KeyString, Peer>, objects: DesiredState['objects']): Peers =>
  new Map(
    [...peers].map(([key, peer]) => {
      const specHash = objects.get(key)?.specHash;
      return [key, { ...peer, outdated: specHash !== undefined && specHash !== peer.record.specHash }];
    }),
  );

/** An update of a serving agent that has not been promoted or rolled back. */
export function isUpdating({ record, outdated }: SeenPeer): boolean {
  if (record.currentRevision === undefined) return false;
  if (outdated || isRollingOut(record.state) || record.state === 'Pending') return true;
  return record.state === 'Blocked' && WAITS_FOR_OTHERS.has(record.reason);
}

const WAITS_FOR_OTHERS: ReadonlySet<string> = new Set([
  'WaitingForDependency',
  'WaitingForPodGroup',
  'RolloutLimit',
]);

export interface Slots {
  readonly namespace: string;
  /** How many updates of serving agents may be under way at once in a namespace. */
  readonly limit: number;
  /** Its canaries wait for a person's word, not for time to pass. */
  readonly needsApproval: (key: ObjectKey) => boolean;
  /** The pod that it moves to with others: all of them are one update. */
  readonly own: string | undefined;
}

/**
 * What waits for a person moves nothing, and may wait for days: it has no slot. Once approved it goes on at once, for
 * it serves with two revisions until then.
 */
export function rolloutSlot(
  records: readonly AgentRecord[],
  { namespace, limit, needsApproval, own }: Slots,
): Gating {
  const busy = records.filter(
    ({ key, currentRevision, state }) =>
      key.namespace === namespace &&
      currentRevision !== undefined &&
      isRollingOut(state) &&
      !(state === 'AwaitingApproval' && needsApproval(key)),
  );
  const updates = new Set(busy.map(({ key, unit }) => unit?.pod ?? keyString(key)));
  if (updates.size < limit || (own !== undefined && updates.has(own))) return { open: true };
  const message = `${updates.size} updates are under way in ${namespace}; waits for one to finish`;
  return { open: false, reason: 'RolloutLimit', message };
}

/** Those not seen since the controller started are as they were saved. */
export function everyRecord(peers: Peers, saved: readonly AgentRecord[]): readonly AgentRecord[] {
  const unseen = saved.filter(({ key }) => !peers.has(keyString(key)));
  return [...[...peers.values()].map(({ record }) => record), ...unseen];
}

/** Below it in the same change, also where it has yet to begin. */
export const isOfChange = (peer: SeenPeer | undefined, change: string | undefined): boolean =>
  peer !== undefined && (peer.outdated || (change !== undefined && peer.record.change === change));

const MAX_NAMES = 3;

/** May an agent with these gates go on? The worst closed gate speaks first, with its root cause. */
export function gatingOf(gates: readonly Gate[], peers: Peers): Gating {
  const closed = gates.flatMap((gate) => {
    const gating = gatingOfOne(gate, peers.get(gate.on));
    return gating.open ? [] : [gating];
  });
  const worst = closed.find(({ reason }) => reason !== 'WaitingForDependency') ?? closed[0];
  if (!worst) return { open: true };
  if (worst.reason !== 'WaitingForDependency') return worst;
  const names = closed.slice(0, MAX_NAMES).map(({ message }) => message);
  const more = closed.length > MAX_NAMES ? ` and ${closed.length - MAX_NAMES} more` : '';
  return { ...worst, message: `waits for ${names.join(', ')}${more}` };
}

type Closed = Extract<Gating, { open: false }>;

function gatingOfOne(gate: Gate, peer: SeenPeer | undefined): { open: true } | Closed {
  const { name } = parseKey(gate.on);
  if (!peer) return closedBy('WaitingForDependency', `${name} (not seen yet)`);
  if (isSatisfied(gate, peer)) return { open: true };
  const failed = hasFailed(peer);
  if (gate.optional && (failed || peer.suspended)) return { open: true };
  if (peer.suspended && !peer.live) {
    return closedBy('DependencySuspended', `${name} is suspended and down; resume it or drop the dependency`);
  }
  if (failed) return closedBy('DependencyFailed', rootCause(peer));
  return closedBy('WaitingForDependency', `${name} to be ${gate.condition} (${peer.record.state})`);
}

const closedBy = (reason: string, message: string): Closed => ({ open: false, reason, message });

function isSatisfied(gate: Gate, peer: SeenPeer): boolean {
  switch (gate.condition) {
    case 'Started':
      return peer.live;
    case 'Healthy':
      return peer.ready && !isUpdating(peer);
    case 'Completed':
      return peer.record.state === 'Completed';
  }
}

const hasFailed = ({ record, ready }: Peer): boolean =>
  (record.state === 'Failed' && !ready) ||
  record.state === 'Paused' ||
  (record.state === 'Blocked' && STAYS_BLOCKED.has(record.reason));

/** Waiting for one of these ends only by a person's hand. */
const STAYS_BLOCKED: ReadonlySet<string> = new Set(['DependencyFailed', 'NotYetSupported']);

/** A blocked agent already carries the name of the one below it: pass that on, not the middleman. */
const rootCause = ({ record }: Peer): string =>
  record.reason === 'DependencyFailed'
    ? record.message
    : `${record.key.name} is ${record.state}: ${record.reason}${record.message ? ` (${record.message})` : ''}`;
