import { isRunning, type ObservedAgent, type ObservedContainer } from '../state/observed.ts';
import type { PublishedPort } from '../state/template.ts';
import type { Operation } from './operation.ts';

/** As it stands in the label of a pod too. */
export const portKey = (port: { readonly hostPort: number; readonly protocol: string }): string =>
  `${port.hostPort}/${port.protocol}`;

/** What the owner of a new container has to do with host ports already, by `portKey`. */
export interface OwnPorts {
  /** Nobody else can be in the way there. */
  readonly held: ReadonlySet<string>;
  /** Ids of what publishes them and does not run. */
  readonly idle: ReadonlyMap<string, readonly string[]>;
}

export function ownPorts({ containers, holder }: ObservedAgent): OwnPorts {
  const all = [...containers, ...(holder ? [holder.container] : [])];
  const idle = all.filter((container) => !isRunning(container));
  return { held: new Set(all.filter(isRunning).flatMap(keysOf)), idle: idsByPort(idle) };
}

const keysOf = ({ ports }: ObservedContainer): string[] => ports.map(portKey);

function idsByPort(containers: readonly ObservedContainer[]): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const container of containers)
    for (const key of keysOf(container)) found.set(key, [...(found.get(key) ?? []), container.id]);
  return found;
}

export const portChecks = (
  ports: readonly PublishedPort[],
  { held, idle }: OwnPorts,
  cause: string,
): Operation[] =>
  ports
    .filter((port) => !held.has(portKey(port)))
    .map((port) => ({ type: 'CheckPort', port, mayListen: idle.get(portKey(port)) ?? [], cause }));
