import { agentKey, keyString } from '../api/key.ts';
import type { ManifestOf } from '../api/kinds.ts';
import type { ManifestProblem } from '../state/desired.ts';
import type { LoadedObject } from './load.ts';
import type { FieldPath } from './nodes.ts';
import { problemAt } from './problem.ts';

type Agent = ManifestOf<'Agent'>;

interface AgentNode {
  readonly agent: Agent;
  readonly loaded: LoadedObject;
}

interface WaitGraph {
  readonly agents: ReadonlyMap<string, AgentNode>;
  /** What a node waits for; a node is an agent, or the gate that a layer forms for the layers above it. */
  readonly waitsFor: (node: string) => readonly string[];
}

/** Circles of agents that wait for each other, by their dependencies or their layers: none of them could ever start. */
export function checkCycles(loaded: readonly LoadedObject[]): ManifestProblem[] {
  const graph = waitGraph(loaded);
  const reported = new Set<string>();
  const problems: ManifestProblem[] = [];
  for (const cycle of findCycles(graph)) {
    const members = cycle.filter((node) => graph.agents.has(node) && !reported.has(node));
    for (const member of members) {
      reported.add(member);
      problems.push(cycleProblem(graph, cycle, member));
    }
  }
  return problems;
}

const gate = (namespace: string, layer: number): string => `layer ${layer} of ${namespace}`;

/** Gates stand for "every required agent of the layers below", which as edges would be the square of the agents. */
function waitGraph(loaded: readonly LoadedObject[]): WaitGraph {
  const agents = new Map<string, AgentNode>();
  const edges = new Map<string, string[]>();
  const connect = (from: string, to: string) => edges.set(from, [...(edges.get(from) ?? []), to]);
  for (const item of loaded) {
    const { manifest: agent } = item.object;
    if (agent.kind !== 'Agent') continue;
    const key = keyString(item.object.key);
    const { namespace } = item.object.key;
    const { layer, required, dependsOn } = agent.spec;
    agents.set(key, { agent, loaded: item });
    for (const { name } of dependsOn) connect(key, keyString(agentKey(namespace, name)));
    if (!required) continue;
    connect(gate(namespace, layer), key);
    for (let below = layer - 1; below >= 0; below -= 1) connect(key, gate(namespace, below));
  }
  return { agents, waitsFor: (node) => edges.get(node) ?? [] };
}

/** One cycle for every edge that leads back to where the search came from; one at a time, they may be long and many. */
function* findCycles(graph: WaitGraph): Generator<readonly string[]> {
  const done = new Set<string>();
  const places = new Map<string, number>();
  for (const start of [...graph.agents.keys()].sort()) {
    if (done.has(start)) continue;
    const trail = [{ node: start, next: 0 }];
    places.set(start, 0);
    while (trail.length > 0) {
      const step = trail.at(-1);
      const target = step && graph.waitsFor(step.node)[step.next++];
      if (!step || target === undefined) {
        if (step) done.add(step.node);
        if (step) places.delete(step.node);
        trail.pop();
        continue;
      }
      const back = places.get(target);
      if (back !== undefined) yield trail.slice(back).map(({ node }) => node);
      else if (!done.has(target)) {
        places.set(target, trail.length);
        trail.push({ node: target, next: 0 });
      }
    }
  }
}

/** More of a circle than a person follows; a thousand agents in one would make a message of as many each. */
const MOST_LINKS = 10;

function cycleProblem(graph: WaitGraph, cycle: readonly string[], member: string): ManifestProblem {
  const start = cycle.indexOf(member);
  const turned = [...cycle.slice(start), ...cycle.slice(0, start)];
  const agents = turned.filter((node) => graph.agents.has(node));
  const links = agents.slice(0, MOST_LINKS).map((from, index) => {
    const to = agents[(index + 1) % agents.length] ?? from;
    return linkText(graph, { from, to, isDirect: turned[(turned.indexOf(from) + 1) % turned.length] === to });
  });
  const more = agents.length > MOST_LINKS ? ` and ${agents.length - MOST_LINKS} more` : '';
  const { loaded, agent } = graph.agents.get(member) as AgentNode;
  const message = `dependency cycle: ${links.join(', ')}${more}`;
  const path = fieldOf(agent, graph.agents.get(agents[1] ?? member)?.agent);
  return problemAt(loaded.document, { reason: 'DependencyCycle', message, path, key: loaded.object.key });
}

interface Link {
  readonly from: string;
  readonly to: string;
  readonly isDirect: boolean;
}

function linkText({ agents }: WaitGraph, { from, to, isDirect }: Link): string {
  const [left, right] = [agents.get(from)?.agent, agents.get(to)?.agent];
  if (!left || !right) return '';
  if (from === to) return `${left.metadata.name} depends on itself`;
  if (isDirect) return `${left.metadata.name} depends on ${right.metadata.name}`;
  return `${left.metadata.name} (layer ${left.spec.layer}) waits for ${right.metadata.name} (layer ${right.spec.layer})`;
}

/** The dependency that closes the circle, or the layer where no dependency does. */
function fieldOf(agent: Agent, next: Agent | undefined): FieldPath {
  const index = agent.spec.dependsOn.findIndex(({ name }) => name === next?.metadata.name);
  return index >= 0 ? ['spec', 'dependsOn', index, 'name'] : ['spec', 'layer'];
}
