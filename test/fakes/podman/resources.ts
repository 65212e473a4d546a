import type { CreateNetwork, Podman } from '../../../src/podman/podman.ts';
import type { ObservedNetwork } from '../../../src/state/observed.ts';
import { overlap, rangeOf, textOf } from './addresses.ts';
import { connect } from './containers.ts';
import { failure, matches, requireContainer, requireValidName, type World } from './world.ts';

const SECRET_LIMIT_BYTES = 512_000;

type ResourceCalls = Pick<
  Podman,
  | 'listNetworks'
  | 'inspectNetwork'
  | 'createNetwork'
  | 'removeNetwork'
  | 'connectNetwork'
  | 'disconnectNetwork'
  | 'listVolumes'
  | 'inspectVolume'
  | 'createVolume'
  | 'removeVolume'
  | 'exportVolume'
  | 'restoreVolume'
  | 'listSecrets'
  | 'createSecret'
  | 'removeSecret'
>;

export const fakeResources = (world: World): ResourceCalls => ({
  ...networks(world),
  ...volumes(world),
  ...secrets(world),
});

function networks(world: World) {
  return {
    listNetworks: async (labels) =>
      [...world.networks.values()].filter((network) => matches(network.labels, labels)),
    inspectNetwork: async (name) => world.networks.get(name),
    createNetwork: async (request) => createNetwork(world, request),
    removeNetwork: async (name) => {
      const holders = [...world.containers.values(), ...world.pods.values()];
      if (holders.some((holder) => holder.attachments.has(name))) {
        throw failure('InUse', `"${name}" has associated containers with it: network is being used`);
      }
      const network = world.networks.get(name);
      if (network && world.networks.delete(name)) emitNetwork(world, network, 'remove');
    },
    connectNetwork: async (network, nameOrId, options) => {
      requireNetwork(world, network);
      const holder = findInfra(world, nameOrId) ?? requireContainer(world, nameOrId);
      connect(world, holder, { network, ...options });
      tellNetwork(world, holder, 'connect');
    },
    disconnectNetwork: async (network, nameOrId) => {
      requireNetwork(world, network);
      const holder = findInfra(world, nameOrId) ?? requireContainer(world, nameOrId);
      holder.attachments.delete(network);
      tellNetwork(world, holder, 'disconnect');
    },
  } satisfies Partial<Podman>;
}

const findInfra = (world: World, id: string) =>
  [...world.pods.values()].find(({ infraId }) => infraId === id);

/** Podman names the container in it, by its id. */
const tellNetwork = (world: World, { id, name }: { id: string; name: string }, action: string): void =>
  world.emit({ type: 'network', action, id, name, labels: {} });

function requireNetwork(world: World, name: string): void {
  if (world.networks.has(name)) return;
  throw failure('NotFound', `unable to find network with name or ID ${name}: network not found`, 404);
}

function createNetwork(world: World, request: CreateNetwork): ObservedNetwork {
  requireValidName(request.name);
  if (world.networks.has(request.name)) {
    const words = `network name ${request.name} already used: network already exists`;
    throw failure('NameInUse', words, 409);
  }
  const cidrs = request.subnets.length > 0 ? request.subnets : [freeSubnet(world)];
  for (const cidr of cidrs) {
    if (isSubnetTaken(world, cidr)) throw failure('InUse', `subnet ${cidr} is already used on the host`);
  }
  const network: ObservedNetwork = {
    name: request.name,
    id: world.newId(),
    driver: request.driver,
    labels: structuredClone(request.labels),
    subnets: cidrs.map((cidr) => ({ cidr, gateway: textOf(rangeOf(cidr)[0] + 1) })),
    internal: request.internal,
    dnsEnabled: request.dns,
    options: structuredClone(request.options),
  };
  world.networks.set(network.name, network);
  emitNetwork(world, network, 'create');
  return network;
}

const isSubnetTaken = (world: World, cidr: string): boolean =>
  [...world.networks.values()].some((network) => network.subnets.some((other) => overlap(other.cidr, cidr)));

function freeSubnet(world: World): string {
  for (let third = 1; third < 256; third += 1) {
    const cidr = `10.89.${third}.0/24`;
    if (!isSubnetTaken(world, cidr)) return cidr;
  }
  throw failure('Other', 'could not find free subnet from subnet pools');
}

const emitNetwork = (world: World, { id, name, labels }: ObservedNetwork, action: string): void =>
  world.emit({ type: 'network', action, id, name, labels });

function volumes(world: World) {
  return {
    listVolumes: async (labels) =>
      [...world.volumes.values()].filter((volume) => matches(volume.labels, labels)),
    inspectVolume: async (name) => world.volumes.get(name),
    createVolume: async ({ name, driver, options, labels }) => {
      requireValidName(name);
      if (world.volumes.has(name))
        throw failure('NameInUse', `volume with name ${name}: volume already exists`);
      const volume = { name, driver, ...structuredClone({ options, labels }), mountpoint: `/fake/${name}` };
      world.volumes.set(name, volume);
      world.emit({ type: 'volume', action: 'create', id: name, name, labels });
      return volume;
    },
    removeVolume: async (name) => {
      if (isVolumeUsed(world, name)) throw failure('InUse', `volume ${name}: volume is being used`, 409);
      const volume = world.volumes.get(name);
      if (!volume) return;
      world.volumes.delete(name);
      world.emit({ type: 'volume', action: 'remove', id: name, name, labels: volume.labels });
    },
    restoreVolume: async (name) => {
      if (!world.volumes.has(name))
        throw failure('NotFound', `volume ${name} not found: no such volume`, 404);
      const users = [...world.containers.values()].filter(({ state }) => state === 'running');
      const isUsed = users.some(({ request }) =>
        request.template.mounts.some((mount) => mount.type === 'volume' && mount.name === name),
      );
      if (isUsed) throw failure('InUse', `volume ${name} is being used`, 409);
    },
    exportVolume: async (name) => {
      if (!world.volumes.has(name))
        throw failure('NotFound', `volume ${name} not found: no such volume`, 404);
    },
  } satisfies Partial<Podman>;
}

const isVolumeUsed = (world: World, name: string): boolean => {
  const templates = [
    ...[...world.containers.values()].map((container) => container.request.template),
    ...[...world.pods.values()].map((pod) => pod.template),
  ];
  return templates.some(({ mounts }) =>
    mounts.some((mount) => mount.type === 'volume' && mount.name === name),
  );
};

/** A secret in use can be removed, as with the real one: containers hold copies. */
function secrets(world: World) {
  return {
    listSecrets: async (prefix) => [...world.secrets.keys()].filter((name) => name.startsWith(prefix)),
    createSecret: async (name, value) => {
      if (value.length === 0 || value.length >= SECRET_LIMIT_BYTES) {
        throw failure('BadRequest', 'secret data must be larger than 0 and less than 512000 bytes');
      }
      if (world.secrets.has(name)) throw failure('NameInUse', `${name}: secret name in use`);
      world.secrets.set(name, Uint8Array.from(value));
    },
    removeSecret: async (name) => void world.secrets.delete(name),
  } satisfies Partial<Podman>;
}
