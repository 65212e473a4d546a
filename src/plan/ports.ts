import { isRunning, type ObservedAgent } from '../state/observed.ts';
import type { PublishedPort } from '../state/template.ts';
import type { Operation } from './operation.ts';

/** As it stands in the label of a pod too. */
export const portKey = (port: { readonly hostPort: number; readonly protocol: string }): string =>
  `${port.hostPort}/${port.protocol}`;

/** The host ports that the agent has already: nobody else can be in the way there. */
export const heldPorts = ({ containers, holder }: ObservedAgent): ReadonlySet<string> =>
  new Set(
    [...containers, ...(holder ? [holder.container] : [])]
      .filter(isRunning)
      .flatMap(({ ports }) => ports.map(portKey)),
  );

export const portChecks = (
  ports: readonly PublishedPort[],
  held: ReadonlySet<string>,
  cause: string,
): Operation[] =>
  ports.filter((port) => !held.has(portKey(port))).map((port) => ({ type: 'CheckPort', port, cause }));
