import type { DependencyGraph } from '../plan/graph.ts';
import { startOrder } from '../plan/graph.ts';
import { type KeyString, keyString } from '../api/key.ts';
import { displayWidth, pad } from './width.ts';
import { type DesiredState, desiredOf } from '../state/desired.ts';

export interface GraphNode {
  readonly id: KeyString;
  readonly namespace: string;
  readonly name: string;
  readonly layer: number;
  readonly required: boolean;
  readonly needs: readonly { readonly id: KeyString; readonly name: string; readonly condition: string }[];
}

/** Agents in the order they start; what only their layers imply is left out. */
export function graphNodes(desired: Pick<DesiredState, 'objects'>, graph: DependencyGraph): GraphNode[] {
  const agents = new Map(desiredOf(desired, 'Agent').map((agent) => [keyString(agent.key), agent]));
  return startOrder(graph).flatMap((id) => {
    const agent = agents.get(id);
    if (!agent) return [];
    const { layer, required } = agent.manifest.spec;
    const own = (graph.gates.get(id) ?? []).filter(({ from }) => from === 'dependsOn');
    const needs = own.map(({ on, condition }) => ({
      id: on,
      name: on.slice(on.lastIndexOf('/') + 1),
      condition,
    }));
    return [{ id, namespace: agent.key.namespace, name: agent.key.name, layer, required, needs }];
  });
}

const NONE = 'no agents\n';

/** By layer, in the order they start: `coordinator  ← system-digital-twin, model-manager`. */
export function drawText(nodes: readonly GraphNode[]): string {
  if (nodes.length === 0) return NONE;
  const width = Math.max(...nodes.map(({ name }) => displayWidth(name)));
  return groups(nodes, ({ namespace }) => namespace)
    .map(([namespace, members]) => {
      const layers = groups(members, ({ layer }) => String(layer)).map(
        ([layer, agents]) => `  layer ${layer}\n${agents.map((agent) => textLine(agent, width)).join('')}`,
      );
      return `${namespace}\n${layers.join('')}`;
    })
    .join('\n');
}

function textLine({ name, required, needs }: GraphNode, width: number): string {
  const arrows = needs.map((need) => labelled(need.name, need.condition)).join(', ');
  const parts = [
    pad(name, width),
    ...(arrows === '' ? [] : [`← ${arrows}`]),
    ...(required ? [] : ['(optional)']),
  ];
  return `    ${parts.join('  ').trimEnd()}\n`;
}

const labelled = (name: string, condition: string): string =>
  condition === 'Healthy' ? name : `${name} (${condition})`;

/** Arrows point at what is needed; dashed boxes are optional. */
export function drawMermaid(nodes: readonly GraphNode[]): string {
  const ids = new Map(nodes.map(({ id }, index) => [id, `a${index}`]));
  const lines = groups(nodes, ({ namespace, layer }) => `${namespace}, layer ${layer}`).flatMap(
    ([title, members], index) => [
      `  subgraph g${index} ["${title}"]`,
      ...members.map(({ id, name, required }) =>
        required ? `    ${ids.get(id)}["${name}"]` : `    ${ids.get(id)}("${name}"):::optional`,
      ),
      '  end',
    ],
  );
  const edges = nodes.flatMap(({ id, needs }) =>
    needs
      .filter((need) => ids.has(need.id))
      .map((need) => `  ${ids.get(id)} -->${edgeLabel(need.condition, '|', '|')} ${ids.get(need.id)}`),
  );
  const style = nodes.some(({ required }) => !required) ? ['  classDef optional stroke-dasharray: 4'] : [];
  return `${['flowchart BT', ...lines, ...edges, ...style].join('\n')}\n`;
}

export function drawDot(nodes: readonly GraphNode[]): string {
  const clusters = groups(nodes, ({ namespace, layer }) => `${namespace}, layer ${layer}`).flatMap(
    ([title, members], index) => [
      `  subgraph cluster_${index} {`,
      `    label="${title}";`,
      ...members.map(
        ({ id, name, required }) => `    "${id}" [label="${name}"${required ? '' : ', style=dashed'}];`,
      ),
      '  }',
    ],
  );
  const edges = nodes.flatMap(({ id, needs }) =>
    needs.map((need) => `  "${id}" -> "${need.id}"${edgeLabel(need.condition, ' [label="', '"]')};`),
  );
  return `${['digraph agents {', '  rankdir=BT;', '  node [shape=box];', ...clusters, ...edges, '}'].join('\n')}\n`;
}

const edgeLabel = (condition: string, before: string, after: string): string =>
  condition === 'Healthy' ? '' : `${before}${condition}${after}`;

/** In the order of their keys; within one in the order they came. */
function groups(nodes: readonly GraphNode[], keyOf: (node: GraphNode) => string): [string, GraphNode[]][] {
  const found = new Map<string, GraphNode[]>();
  for (const node of nodes) found.set(keyOf(node), [...(found.get(keyOf(node)) ?? []), node]);
  return [...found].sort(([left], [right]) => (left < right ? -1 : 1));
}
