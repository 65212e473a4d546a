import type { NetworkAttachment, PublishedPort } from '../../../src/state/template.ts';
import { type Attachment, type FakeContainer, type FakePod, failure, isUp, type World } from './world.ts';

/** Whatever holds a network namespace: a container of its own, or a pod. */
type Holder = FakeContainer | FakePod;

export function attachmentsOf(world: World, network: NetworkAttachment): Map<string, Attachment> {
  if (network.mode !== 'bridge') return new Map();
  for (const { name } of network.networks) {
    if (!world.networks.has(name)) {
      throw failure('NotFound', `unable to find network with name or ID ${name}: network not found`);
    }
  }
  return new Map(
    network.networks.map(({ name, ip, aliases }) => [name, { wantedIp: ip, aliases, ip: undefined }]),
  );
}

/** As netavark does it when a namespace is set up or a network is added: all addresses, or none and an error. */
export function assignAddresses(world: World, holder: Holder): void {
  const assigned: Attachment[] = [];
  try {
    for (const [name, attachment] of holder.attachments) {
      if (attachment.ip !== undefined) continue;
      attachment.ip = attachment.wantedIp
        ? claimed(world, name, attachment.wantedIp)
        : freeAddress(world, name);
      assigned.push(attachment);
    }
  } catch (error) {
    for (const attachment of assigned) attachment.ip = undefined;
    throw error;
  }
}

export function releaseAddresses(holder: Holder): void {
  for (const attachment of holder.attachments.values()) attachment.ip = undefined;
}

export const addressesOf = (holder: Holder): Record<string, string> =>
  Object.fromEntries(
    [...holder.attachments].flatMap(([name, { ip }]) => (ip === undefined ? [] : [[name, ip] as const])),
  );

function claimed(world: World, network: string, ip: string): string {
  const cidr = world.networks.get(network)?.subnets[0]?.cidr ?? '';
  if (!contains(cidr, ip)) {
    throw failure('BadRequest', `requested static ip ${ip} not in any subnet on network ${network}`);
  }
  if (takenOn(world, network).has(ip)) {
    throw failure('InUse', `IPAM error: requested ip address ${ip} is already allocated to container ID`);
  }
  return ip;
}

function freeAddress(world: World, network: string): string {
  const { cidr = '10.0.0.0/24', gateway } = world.networks.get(network)?.subnets[0] ?? {};
  const taken = takenOn(world, network);
  const [first, size] = rangeOf(cidr);
  for (let offset = 2; offset < size - 1; offset += 1) {
    const ip = textOf(first + offset);
    if (ip !== gateway && !taken.has(ip)) return ip;
  }
  throw failure('Other', `IPAM error: no free address on network ${network}`);
}

function takenOn(world: World, network: string): ReadonlySet<string> {
  const holders: Holder[] = [...world.containers.values(), ...world.pods.values()];
  const ips = holders.map((holder) => holder.attachments.get(network)?.ip);
  return new Set(ips.filter((ip) => ip !== undefined));
}

/** Podman looks only when it starts: two containers that want one port can both be created. */
export function requireFreePorts(world: World, ports: readonly PublishedPort[]): void {
  for (const port of ports) {
    const taken = portsInUse(world).some((other) => collide(port, other));
    if (taken || world.foreignPorts.has(port.hostPort)) {
      const where = `${port.hostIP}:${port.hostPort}`;
      throw failure(
        'PortInUse',
        `cannot listen on the TCP port: listen tcp4 ${where}: address already in use`,
      );
    }
  }
}

function portsInUse(world: World): PublishedPort[] {
  const containers = [...world.containers.values()].filter((container) => isUp(container.state));
  const pods = [...world.pods.values()].filter((pod) => isUp(pod.infraState));
  return [
    ...containers.flatMap((container) => container.request.template.ports),
    ...pods.flatMap((pod) => pod.template.ports),
  ];
}

const EVERYWHERE = new Set(['', '0.0.0.0', '::']);

const collide = (left: PublishedPort, right: PublishedPort): boolean =>
  left.hostPort === right.hostPort &&
  left.protocol === right.protocol &&
  (left.hostIP === right.hostIP || EVERYWHERE.has(left.hostIP) || EVERYWHERE.has(right.hostIP));

/** First address as a number, and how many there are. */
export function rangeOf(cidr: string): readonly [number, number] {
  const [ip = '', bits = '24'] = cidr.split('/');
  return [numberOf(ip), 2 ** (32 - Number(bits))];
}

export const overlap = (left: string, right: string): boolean => {
  const [leftFirst, leftSize] = rangeOf(left);
  const [rightFirst, rightSize] = rangeOf(right);
  return leftFirst < rightFirst + rightSize && rightFirst < leftFirst + leftSize;
};

const contains = (cidr: string, ip: string): boolean => overlap(cidr, `${ip}/32`);

const numberOf = (ip: string): number => ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

export const textOf = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
