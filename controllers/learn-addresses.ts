import type { ObjectKey } from '../src/api/key.ts';
import type { NetworkOwner } from '../src/state/hosts.ts';
import { ownFilter } from '../src/state/names.ts';
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
  for (const { name } of owners) {
    if (world.store.addresses.get(network, `${namespace}/${name}`) !== undefined) continue;
    const address = await liveAddress(world, { network, namespace, name });
    if (address !== undefined) learned.set(name, address);
  }
  return learned;
}

interface Whose {
  readonly network: string;
  readonly namespace: string;
  readonly name: string;
}

async function liveAddress(world: World, { network, namespace, name }: Whose): Promise<string | undefined> {
  const key = (kind: string): ObjectKey => ({ kind, namespace, name });
  const { containers } = await world.observer.observe(key('Agent'));
  const newestFirst = containers.toSorted((left, right) => right.createdAtMs - left.createdAtMs);
  const live = newestFirst.flatMap((container) => container.networks[network] ?? []);
  const asked = newestFirst.flatMap((container) => askedAddress(container, network) ?? []);
  const [pod] = await world.podman.listPods(ownFilter(world.installation(), key('PodGroup')));
  return live[0] ?? asked[0] ?? pod?.networks[network];
}

/** A container that does not run has no address, and says which one it gets. */
function askedAddress(container: ObservedContainer, network: string): string | undefined {
  const attachment = templateOf(container)?.network;
  return attachment?.mode === 'bridge'
    ? attachment.networks.find(({ name }) => name === network)?.ip
    : undefined;
}
