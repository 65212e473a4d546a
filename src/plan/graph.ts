import type { Agent } from '../api/agent.ts';
import { agentKey, type KeyString, keyString } from '../api/key.ts';
import { type DesiredObject, type DesiredState, desiredOf } from '../state/desired.ts';

/** Why one agent waits for another. */
export interface Gate {
  readonly on: KeyString;
  readonly condition: 'Started' | 'Healthy' | 'Completed';
  /** A layer's edge gates only a start from not running; a dependency gates updates too. */
  readonly from: 'dependsOn' | 'layer';
  /** An edge to an optional agent orders, but is released when that agent fails. */
  readonly optional: boolean;
}

export interface DependencyGraph {
  readonly gates: ReadonlyMap<KeyString, readonly Gate[]>;
  /** The other way round: who may have waited for this agent. */
  readonly dependents: ReadonlyMap<KeyString, readonly KeyString[]>;
}

export function dependencyGraph(desired: Pick<DesiredState, 'objects'>): DependencyGraph {
  const agents = desiredOf(desired, 'Agent');
  const gates = new Map(agents.map((agent) => [keyString(agent.key), gatesOf(agent, agents)]));
  const dependents = new Map<KeyString, KeyString[]>();
  for (const [key, ownGates] of gates) {
    for (const { on } of ownGates) dependents.set(on, [...(dependents.get(on) ?? []), key]);
  }
  return { gates, dependents };
}

function gatesOf(agent: DesiredObject<Agent>, agents: readonly DesiredObject<Agent>[]): Gate[] {
  const { spec, metadata } = agent.manifest;
  const named = spec.dependsOn.map(({ name, condition }): Gate => {
    const on = keyString(agentKey(metadata.namespace, name));
    const target = agents.find((other) => keyString(other.key) === on);
    return { on, condition, from: 'dependsOn', optional: target?.manifest.spec.required === false };
  });
  return [...named, ...layerGates(agent, agents)];
}

/** A required agent of layer n waits for every required agent of the layers below. */
function layerGates(agent: DesiredObject<Agent>, agents: readonly DesiredObject<Agent>[]): Gate[] {
  const { spec, metadata } = agent.manifest;
  if (!spec.required) return [];
  const below = agents.filter(
    ({ manifest }) =>
      manifest.metadata.namespace === metadata.namespace &&
      manifest.spec.required &&
      manifest.spec.layer < spec.layer,
  );
  return below
    .filter(({ key }) => !spec.dependsOn.some(({ name }) => name === key.name))
    .map(({ key }) => ({ on: keyString(key), condition: 'Healthy', from: 'layer', optional: false }));
}

/** Keys in start order, dependencies first; within one rank by name. Stops go the other way round. */
export function startOrder(graph: DependencyGraph): KeyString[] {
  const ordered: KeyString[] = [];
  const seen = new Set<KeyString>();
  const visit = (key: KeyString): void => {
    if (seen.has(key)) return;
    seen.add(key);
    for (const { on } of graph.gates.get(key) ?? []) visit(on);
    if (graph.gates.has(key)) ordered.push(key);
  };
  for (const key of [...graph.gates.keys()].sort()) visit(key);
  return ordered;
}
