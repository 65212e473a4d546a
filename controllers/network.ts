import { TerminalError } from '../src/api/errors.ts';
import { keyString, type ObjectKey } from '../src/api/key.ts';
import type { Network } from '../src/api/resources.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import { chooseAddress } from '../src/state/addresses.ts';
import { desiredOf } from '../src/state/desired.ts';
import { hostsFile, type NetworkOwner, ownersOn } from '../src/state/hosts.ts';
import { isOurs, ownerLabels, podmanName } from '../src/state/names.ts';
import type { ObservedNetwork } from '../src/state/observed.ts';
import type { NetworkFacts } from '../src/state/provision.ts';
import { learnAddresses } from './learn-addresses.ts';
import { conflict, createSharedReconciler, perform, type Subject } from './shared.ts';
import { changedOptions } from './options.ts';
import type { World } from './world.ts';

/** A network, the stable address of everyone on it, and the hosts file that names them. */
export const createNetworkReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, { kind: 'Network', ensure: ensureNetwork, remove: removeNetwork });

async function ensureNetwork(subject: Subject<'Network'>): Promise<NetworkFacts> {
  const { world, object } = subject;
  const { namespace, name } = object.key;
  const network = await existingNetwork(subject);
  const [subnet] = network.subnets;
  if (!subnet)
    throw new TerminalError(
      'NoSubnet',
      `network ${network.name} has no subnet; addresses cannot be given out`,
    );
  const agents = desiredOf(world.desired(), 'Agent');
  const groups = desiredOf(world.desired(), 'PodGroup');
  const owners = ownersOn({ namespace, network: name, agents, groups });
  const addresses = await giveAddresses(world, { network: network.name, namespace, subnet }, owners);
  const content = hostsFile({
    namespace,
    owners,
    addresses,
    gateway: world.rootless ? undefined : subnet.gateway,
  });
  const file = await world.files.writeHosts(network.name, content);
  return { kind: 'Network', podmanName: network.name, gateway: subnet.gateway, addresses, hostsFile: file };
}

interface Place {
  readonly network: string;
  readonly namespace: string;
  readonly subnet: ObservedNetwork['subnets'][number];
}

async function giveAddresses(
  world: World,
  { network, namespace, subnet }: Place,
  owners: readonly NetworkOwner[],
): Promise<Record<string, string>> {
  const own = owners.filter(({ address }) => address === 'Own');
  const learned = await learnAddresses(world, { network, namespace }, own);
  const give = (name: string): Promise<string> =>
    world.store.addresses.ensure(network, `${namespace}/${name}`, (taken) => {
      const before = learned.get(name);
      if (before !== undefined && !taken.has(before)) return before;
      return chooseAddress(subnet, new Set([...taken, ...learned.values()]));
    });
  const entries = await Promise.all(own.map(async ({ name }) => [name, await give(name)] as const));
  return Object.fromEntries(entries);
}

async function existingNetwork({
  world,
  object,
  uid,
  context,
}: Subject<'Network'>): Promise<ObservedNetwork> {
  const name = podmanName(object.key.namespace, object.key.name);
  const found = await world.podman.inspectNetwork(name);
  if (found) return checked(world, object.key, { found, spec: object.manifest.spec });
  const { driver, subnets, internal, dns, options } = object.manifest.spec;
  const labels = ownerLabels(world.installation(), object.key, uid);
  const cidrs = subnets.map(({ cidr }) => cidr);
  const create = {
    type: 'CreateNetwork',
    name,
    driver,
    subnets: cidrs,
    internal,
    dns,
    options,
    labels,
    cause: 'is not there',
  } as const;
  await perform(world, object.key, [create], context.signal);
  const made = await world.podman.inspectNetwork(name);
  if (!made) throw new Error(`network ${name} vanished right after it was created`);
  return made;
}

interface Found {
  readonly found: ObservedNetwork;
  readonly spec: Network['spec'];
}

/** A network cannot change while containers are on it, and addresses hang on its subnet: a person must decide. */
function checked(world: World, key: ObjectKey, { found, spec }: Found): ObservedNetwork {
  if (!isOurs(world.installation(), key, found.labels)) throw conflict(`network ${found.name}`);
  const wanted = spec.subnets.map(({ cidr }) => cidr).sort();
  const live = found.subnets.map(({ cidr }) => cidr).sort();
  const changed = [
    found.driver !== spec.driver && `driver ${found.driver} → ${spec.driver}`,
    found.internal !== spec.internal && `internal ${found.internal} → ${spec.internal}`,
    wanted.length > 0 && wanted.join() !== live.join() && `subnets ${live.join()} → ${wanted.join()}`,
    // Only a bridge has a name server: for the other drivers Podman decides.
    spec.driver === 'bridge' && found.dnsEnabled !== spec.dns && `dns ${found.dnsEnabled} → ${spec.dns}`,
    ...changedOptions(found.options, spec.options),
  ].filter(Boolean);
  if (changed.length === 0) return found;
  const message = `${keyString(key)} cannot change in place (${changed.join('; ')}); give it a new name, or take it back`;
  throw new TerminalError('ImmutableField', message);
}

async function removeNetwork(
  world: World,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const name = podmanName(key.namespace, key.name);
  const found = await world.podman.inspectNetwork(name);
  if (found && isOurs(world.installation(), key, found.labels)) {
    await perform(world, key, [{ type: 'RemoveNetwork', name, cause: 'its manifest was deleted' }], signal);
  }
  await world.files.removeHosts(name);
}
