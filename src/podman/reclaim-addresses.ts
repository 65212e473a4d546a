import { BlockList } from 'node:net';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import { containerPath } from './inspect-container.ts';
import type { Podman } from './podman.ts';
import type { WireContainer } from './wire.ts';

/** Said by 4.3 and 5.4 of an address that has been given out, with the id of the container that it was given to. */
const GIVEN_TO = /requested ip address (\S+) is already allocated to container ID ([0-9a-f]{12,})/;

type NetworkCalls = Pick<Podman, 'inspectNetwork' | 'connectNetwork' | 'disconnectNetwork'>;

interface Attachment {
  readonly network: string;
  readonly ip: string;
  readonly aliases: readonly string[];
}

/** Gives a container its own addresses back; `false` when the refusal is about something else. */
export type ReclaimAddresses = (name: string, refusal: PodmanError) => Promise<boolean>;

/**
 * A service that is killed while it starts a container has given the addresses out and not noted to whom: every later
 * start is refused, for ever, because the container itself has them. Podman takes an address back only from a container
 * with a network namespace. So it gets one, without these networks and before its program runs; the refused attempt to
 * connect is what makes the disconnection count.
 */
export function reclaimAddresses(dial: Dial, calls: NetworkCalls): ReclaimAddresses {
  const init = (name: string): Promise<unknown> =>
    dial.call({ method: 'POST', path: `${containerPath(name)}/init`, what: `initialize container ${name}` });

  return async (name, refusal) => {
    if (!GIVEN_TO.test(refusal.message)) return false;
    const wire = await inspect(dial, name);
    const lost: Attachment[] = [];
    for (let said: PodmanError | undefined = refusal; said !== undefined; ) {
      const attachment: Attachment | undefined = await lostAddress(calls, wire, said);
      if (!attachment && said === refusal) return false;
      if (!attachment || lost.some(({ network }) => network === attachment.network)) throw said;
      lost.push(attachment);
      await calls.disconnectNetwork(attachment.network, name);
      said = await refusalOf(init(name));
    }
    for (const { network, ...options } of lost) {
      await refusalOf(calls.connectNetwork(network, name, options));
      await refusalOf(calls.disconnectNetwork(network, name));
      await calls.connectNetwork(network, name, options);
    }
    return true;
  };
}

const inspect = async (dial: Dial, name: string): Promise<WireContainer | undefined> =>
  (
    await dial.call<WireContainer>({
      method: 'GET',
      path: `${containerPath(name)}/json`,
      what: `inspect container ${name}`,
    })
  ).body;

/** Podman's "no", as a value; anything else is thrown on. */
const refusalOf = (call: Promise<unknown>): Promise<PodmanError | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => {
      if (error instanceof PodmanError && error.statusCode !== undefined) return error;
      throw error;
    },
  );

/** The attachment that was refused because this very container has its address. */
async function lostAddress(
  { inspectNetwork }: NetworkCalls,
  wire: WireContainer | undefined,
  { message }: PodmanError,
): Promise<Attachment | undefined> {
  const [, ip = '', owner = ''] = GIVEN_TO.exec(message) ?? [];
  if (!wire || owner === '' || !wire.Id.startsWith(owner)) return undefined;
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
