import type { ObjectKey } from '../src/api/key.ts';
import type { NetworkOwner } from '../src/state/hosts.ts';
import { holderTemplateOf, isNameless } from '../src/state/holder.ts';
import { isOurs, ownFilter } from '../src/state/names.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import { templateOf } from './agent/rebuild.ts';
import type { World } from './world.ts';

/**
 * Addresses that owners have on a network already, though the address book does not say so: when it was lost, what
 * runs must keep its address, or adopting it would make all of it anew. Owner → address.
 */
export async function learnAddresses(
  world: World,
  { network, namespace }: { readonly network: string; readonly namespace: string },
  owners: readonly NetworkOwner[],
): Promise<ReadonlyMap<string, string>> {
  const learned = new Map<string, string>();
  const unknown = owners.filter(
    ({ name }) => world.store.addresses.get(network, `${namespace}/${name}`) === undefined,
  );
  if (unknown.length === 0) return learned;
  const pods = await world.podman.listPods(ownFilter(world.installation()));
  for (const { name } of unknown) {
    const pod = pods.find(({ labels }) => isOurs(world.installation(), podKey(namespace, name), labels));
    const address = (await liveAddress(world, { network, namespace, name })) ?? pod?.networks[network];
    if (address !== undefined) learned.set(name, address);
  }
  return learned;
}

const podKey = (namespace: string, name: string): ObjectKey => ({ kind: 'PodGroup', namespace, name });

interface Whose {
  readonly network: string;
  readonly namespace: string;
  readonly name: string;
}

async function liveAddress(world: World, { network, namespace, name }: Whose): Promise<string | undefined> {
  const { containers, holder } = await world.observer.observe({ kind: 'Agent', namespace, name });
  const held = holder && holderTemplateOf(holder.container)?.networks.find((one) => one.name === network)?.ip;
  const newestFirst = containers
    .filter((container) => !isReplica(container))
    .toSorted((left, right) => right.createdAtMs - left.createdAtMs);
  const live = newestFirst.flatMap((container) => container.networks[network] ?? []);
  const asked = newestFirst.flatMap((container) => askedAddress(container, network) ?? []);
  return held ?? live[0] ?? asked[0];
}

function isReplica(container: ObservedContainer): boolean {
  const template = templateOf(container);
  return template !== undefined && isNameless(template);
}

/** A container that does not run has no address, and says which one it gets. */
function askedAddress(container: ObservedContainer, network: string): string | undefined {
  const attachment = templateOf(container)?.network;
  return attachment?.mode === 'bridge'
    ? attachment.networks.find(({ name }) => name === network)?.ip
    : undefined;
}
