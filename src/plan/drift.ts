import { isRunning, type ObservedContainer } from '../state/observed.ts';
import type { AttachedNetwork, ContainerTemplate } from '../state/template.ts';
import type { Operation } from './operation.ts';

/**
 * What was changed behind our back and can be put right without a new container: its name and its networks.
 * Podman 4.3's `update` changes the cgroup but not what `inspect` says, so limits are not compared there.
 */
export function driftOperations(
  live: ObservedContainer,
  template: ContainerTemplate,
  name: string,
): Operation[] {
  return [...renameOperations(live, name), ...networkOperations(live, template)];
}

function renameOperations(live: ObservedContainer, name: string): Operation[] {
  if (live.name === name) return [];
  const cause = `was renamed to ${live.name}`;
  return [{ type: 'RenameContainer', id: live.id, name: live.name, to: name, cause }];
}

/** Only a running container says which networks it is on. */
function networkOperations(live: ObservedContainer, template: ContainerTemplate): Operation[] {
  if (template.network.mode !== 'bridge' || !isRunning(live)) return [];
  const wanted = template.network.networks;
  const surplus = Object.keys(live.networks).filter(
    (name) => !wanted.some((network) => network.name === name),
  );
  return [...connections(live, wanted), ...surplus.map((network) => disconnect(live, network))];
}

/** What holds a network namespace and runs: a container, a pod by its infra container, the holder of a name. */
type Attached = Pick<ObservedContainer, 'id' | 'name' | 'networks'>;

/** A start that was cut off may have left it without a network that it was made for. */
export const connections = (live: Attached, wanted: readonly AttachedNetwork[]): Operation[] =>
  wanted.filter(({ name }) => !(name in live.networks)).map((network) => connect(live, network));

const connect = ({ id, name }: Attached, network: AttachedNetwork): Operation => ({
  type: 'ConnectNetwork',
  id,
  name,
  network: network.name,
  aliases: network.aliases,
  ...(network.ip !== undefined && { ip: network.ip }),
  cause: `is not on network ${network.name}`,
});

const disconnect = ({ id, name }: ObservedContainer, network: string): Operation => ({
  type: 'DisconnectNetwork',
  id,
  name,
  network,
  cause: `is on network ${network}, which its manifest does not name`,
});
