import { BlockList } from 'node:net';
import type { Dial } from './dial.ts';
import type { PodmanError } from './errors.ts';
import { containerPath, inspectWire } from './inspect-container.ts';
import { insistOnStart } from './insist.ts';
import type { Podman } from './podman.ts';
import { refusalOf } from './refusal.ts';
import type { WireContainer } from './wire.ts';

/** Said by 4.3 and 5.4 of an address that has been given out, with the id of the container that it was given to. */
const GIVEN_TO = /requested ip address (\S+) is already allocated to container ID ([0-9a-f]{12,})/;

/** Said when a container on several networks is looked at whose connection to one of them was refused. */
const HALF_CONNECTED = /network inspection mismatch/;

/** Said to a second connection, also where the first was cut off before the container had anything of it. */
export const ALREADY_CONNECTED = /is already connected/;

type NetworkCalls = Pick<Podman, 'inspectNetwork' | 'connectNetwork' | 'disconnectNetwork'>;

interface Attachment {
  readonly network: string;
  readonly ip: string;
  readonly aliases: readonly string[];
}

/** The start that comes after it does these. */
const no = (): Promise<boolean> => Promise.resolve(false);

/** Gives a container its own addresses back; `false` when the refusal is about something else. */
export type ReclaimAddresses = (name: string, refusal: PodmanError) => Promise<boolean>;

/**
 * A service that is killed while it starts a container has given the addresses out and not noted to whom: every later
 * start is refused, for ever, because the container itself has them, or another of that address that was removed since.
 * Podman takes an address back only from a container with a network namespace. So it gets one, without these networks and
 * before its program runs; `connectNetwork` does the rest, also where this was cut off and the container runs without them.
 */
export function reclaimAddresses(dial: Dial, calls: NetworkCalls): ReclaimAddresses {
  const init = (name: string): Promise<unknown> =>
    insistOnStart(
      dial,
      { method: 'POST', path: `${containerPath(name)}/init`, what: `initialize container ${name}` },
      { mend: no, endWaiting: no, isOutOfPorts: no },
    );

  return async (name, refusal) => {
    if (!GIVEN_TO.test(refusal.message)) return false;
    const wire = await inspectWire(dial, name);
    const lost: Attachment[] = [];
    for (let said: PodmanError | undefined = refusal; said !== undefined; ) {
      const attachment: Attachment | undefined = await lostAddress(dial, calls, { wire, refusal: said });
      if (!attachment && said === refusal) return false;
      if (!attachment || lost.some(({ network }) => network === attachment.network)) throw said;
      lost.push(attachment);
      await calls.disconnectNetwork(attachment.network, name);
      said = await refusalOf(init(name));
    }
    for (const { network, ...options } of lost) await calls.connectNetwork(network, name, options);
    return true;
  };
}

/** Is it refused, or on the network without an address, because what it had there was forgotten half way? */
export async function isHalfConnected(
  dial: Dial,
  { network, container }: { readonly network: string; readonly container: string },
  refusal: PodmanError,
): Promise<boolean> {
  let wire: WireContainer | undefined;
  const unseen = await refusalOf(inspectWire(dial, container).then((seen) => (wire = seen)));
  if (unseen) return HALF_CONNECTED.test(unseen.message);
  if (!wire) return false;
  if (GIVEN_TO.test(refusal.message)) return isGivenToNobodyElse(dial, wire, refusal);
  const hasNamespace = wire.State?.Status === 'running' || wire.State?.Status === 'initialized';
  const attachment = wire.NetworkSettings?.Networks?.[network];
  const isOnNetwork = attachment !== undefined || ALREADY_CONNECTED.test(refusal.message);
  return hasNamespace && isOnNetwork && !attachment?.IPAddress;
}

/** To this very container, or to one that was removed before it gave the address back. */
async function isGivenToNobodyElse(
  dial: Dial,
  { Id }: WireContainer,
  { message }: PodmanError,
): Promise<boolean> {
  const owner = GIVEN_TO.exec(message)?.[2];
  return owner !== undefined && (Id.startsWith(owner) || !(await isThere(dial, owner)));
}

/** Working containers of builds have addresses too, and only this call knows them. */
async function isThere(dial: Dial, id: string): Promise<boolean> {
  const path = `${containerPath(id)}/exists`;
  const look = dial.call({
    method: 'GET',
    path,
    query: { external: true },
    what: `look for container ${id}`,
  });
  return (await refusalOf(look))?.kind !== 'NotFound';
}

interface Refused {
  readonly wire: WireContainer | undefined;
  readonly refusal: PodmanError;
}

/** The attachment that was refused, and whose address nobody else has. */
async function lostAddress(
  dial: Dial,
  { inspectNetwork }: NetworkCalls,
  { wire, refusal }: Refused,
): Promise<Attachment | undefined> {
  if (!wire || !(await isGivenToNobodyElse(dial, wire, refusal))) return undefined;
  const ip = GIVEN_TO.exec(refusal.message)?.[1] ?? '';
  for (const [network, { Aliases }] of Object.entries(wire.NetworkSettings?.Networks ?? {})) {
    const { subnets = [] } = (await inspectNetwork(network)) ?? {};
    if (!isWithin(ip, subnets)) continue;
    return { network, ip, aliases: (Aliases ?? []).filter((alias) => !wire.Id.startsWith(alias)) };
  }
  return undefined;
}

function isWithin(ip: string, subnets: readonly { readonly cidr: string }[]): boolean {
  const list = new BlockList();
  for (const { cidr } of subnets) {
    const [base = '', bits] = cidr.split('/');
    list.addSubnet(base, Number(bits), base.includes(':') ? 'ipv6' : 'ipv4');
  }
  return list.check(ip, ip.includes(':') ? 'ipv6' : 'ipv4');
}
