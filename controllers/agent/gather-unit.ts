import type { AgentSpec } from '../../src/api/agent.ts';
import { type KeyString, keyString, type ObjectKey, parseKey } from '../../src/api/key.ts';
import type { DependencyGraph, Gate } from '../../src/plan/graph.ts';
import { desiredOf, membersOf } from '../../src/state/desired.ts';
import { factsOf, podsKey } from '../../src/state/provision.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { podIn } from '../../src/state/template.ts';
import type { ReadableWorld } from '../world.ts';
import type { AgentFacts, Gating, GroupPods, Wish } from './facts.ts';
import { GAVE_UP } from './machine.ts';
import type { Peer, Peers } from './peers.ts';
import { isMoving, podOf } from './unit.ts';

export interface UnitInput {
  readonly world: ReadableWorld;
  readonly peers: Peers;
  readonly key: ObjectKey;
  readonly record: AgentRecord | undefined;
  readonly spec: AgentSpec | undefined;
}

type UnitFacts = Pick<AgentFacts, 'fellows' | 'startGating' | 'pods'>;

const OPEN: Gating = { open: true };

/** What a member of a pod group sees of its pod and of those in it; the same of a revision that still lives in one. */
export function unitFacts(input: UnitInput): UnitFacts {
  const { world, peers, key, record, spec } = input;
  const inPod = record?.revisions.some(({ template }) => podIn(template) !== undefined) ?? false;
  if (spec?.podGroup === undefined && !inPod) return { fellows: [], startGating: OPEN, pods: [] };
  const keys = fellowsOf(input);
  const fellows = keys.flatMap(
    (fellow) => peers.get(keyString(fellow))?.record ?? world.store.records.get(fellow) ?? [],
  );
  const own = new Set(keys.map(keyString));
  const gates = (world.graph().gates.get(keyString(key)) ?? []).filter(({ on }) => own.has(on));
  return { fellows, startGating: startGating(gates, peers), pods: podsOf(world, key.namespace) };
}

const fellowsOf = ({ world, key, spec }: UnitInput): readonly ObjectKey[] =>
  spec?.podGroup === undefined
    ? []
    : membersOf(world.desired(), key.namespace, spec.podGroup)
        .map(({ key: member }) => member)
        .filter(({ name }) => name !== key.name);

const podsOf = (world: ReadableWorld, namespace: string): readonly GroupPods[] =>
  desiredOf(world.desired(), 'PodGroup')
    .filter(({ key }) => key.namespace === namespace)
    .map(({ key: { name } }) => {
      const seen = factsOf(world.provisions.all(), keyString(podsKey(namespace, name)), 'Pods');
      return { name, ...(seen && { seen }) };
    });

/** In the order of the graph, but nobody waits for one that has failed. */
function startGating(gates: readonly Gate[], peers: Peers): Gating {
  const missing = gates.find((gate) => !isUp(gate, peers.get(gate.on)));
  if (!missing) return OPEN;
  const message = `waits for ${parseKey(missing.on).name}, which is in its pod`;
  return { open: false, reason: 'WaitingForDependency', message };
}

function isUp({ condition }: Gate, peer: Peer | undefined): boolean {
  if (!peer) return false;
  const { record, live, ready } = peer;
  if (GAVE_UP.has(record.state)) return true;
  const hasCompleted = record.state === 'Completed' || (!live && record.healthySinceMs !== undefined);
  switch (condition) {
    case 'Started':
      return live || hasCompleted;
    case 'Healthy':
      return ready || hasCompleted;
    case 'Completed':
      return hasCompleted;
  }
}

interface Placed {
  readonly wish: Wish | undefined;
  readonly record: AgentRecord | undefined;
}

/** The pod that it is to go to, with all that share the one it is in. */
export function podToMoveTo({ wish, record }: Placed): string | undefined {
  const pod = wish && podIn(wish.template);
  return record && pod !== undefined && isMoving(record, pod) ? pod : undefined;
}

/** A new pod must be there before it can be moved to, and its group's way there must be over for whoever is new in it. */
export function podGating({ wish, record }: Placed, pods: readonly GroupPods[]): Gating {
  const pod = wish && podIn(wish.template);
  if (pod === undefined || (record && podOf(record, record.currentRevision) === pod)) return OPEN;
  const isThere = pods.some(({ seen }) =>
    podToMoveTo({ wish, record }) === pod ? seen?.present.includes(pod) : seen?.running?.name === pod,
  );
  if (isThere) return OPEN;
  const message = `pod ${pod} is not there yet: its pod group is on the way to it, or went back`;
  return { open: false, reason: 'WaitingForPodGroup', message };
}

/**
 * What a move to another pod waits for: not for those that move with it, nor for whoever itself waits for one of those.
 * Within the pod the order is kept when they start.
 */
export function gatesOfMove(
  graph: DependencyGraph,
  own: KeyString,
  fellows: readonly AgentRecord[],
): readonly Gate[] {
  const above = new Set<KeyString>();
  const waiting = fellows.map(({ key }) => keyString(key));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (above.has(next)) continue;
    above.add(next);
    waiting.push(...(graph.dependents.get(next) ?? []));
  }
  return (graph.gates.get(own) ?? []).filter(({ on }) => !above.has(on));
}
