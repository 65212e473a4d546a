import type { Agent } from '../api/agent.ts';
import type { PodGroup } from '../api/resources.ts';
import type { DesiredObject } from './desired.ts';
import { ownEntry } from './own-entry.ts';
import { networksOf } from './resolve-network.ts';

/** Someone who is called by name on a network. */
export interface NetworkOwner {
  readonly name: string;
  /** `Own`: an address of its own; `Host`: it is on the host's network; else the pod group whose address it shares. */
  readonly address: 'Own' | 'Host' | { readonly group: string };
}

interface Membership {
  readonly namespace: string;
  readonly network: string;
  readonly agents: readonly DesiredObject<Agent>[];
  readonly groups: readonly DesiredObject<PodGroup>[];
}

export function ownersOn({ namespace, network, agents, groups }: Membership): NetworkOwner[] {
  const isHere = ({ key }: DesiredObject, networks: readonly string[]): boolean =>
    key.namespace === namespace && networksOf(networks).includes(network);
  const groupsHere = groups.filter(
    (group) => !group.manifest.spec.hostNetwork && isHere(group, group.manifest.spec.networks),
  );
  const ownersOfGroups = groupsHere.map(({ key }): NetworkOwner => ({ name: key.name, address: 'Own' }));
  const ownersOfAgents = agents.flatMap((agent): NetworkOwner[] => {
    const { podGroup, hostNetwork, networks } = agent.manifest.spec;
    const { name } = agent.key;
    if (agent.key.namespace !== namespace) return [];
    if (podGroup !== undefined) {
      return groupsHere.some(({ key }) => key.name === podGroup)
        ? [{ name, address: { group: podGroup } }]
        : [];
    }
    if (hostNetwork) return [{ name, address: 'Host' }];
    return isHere(agent, networks) ? [{ name, address: 'Own' }] : [];
  });
  return [...ownersOfGroups, ...ownersOfAgents].sort((left, right) => (left.name < right.name ? -1 : 1));
}

interface HostsInput {
  readonly namespace: string;
  readonly owners: readonly NetworkOwner[];
  readonly addresses: Readonly<Record<string, string>>;
  /** Where the host answers; absent where it does not (rootless). */
  readonly gateway: string | undefined;
}

/** The `/etc/hosts` of everyone on a network: names that need no DNS server to be up. */
export function hostsFile({ namespace, owners, addresses, gateway }: HostsInput): string {
  const lines = owners.flatMap(({ name, address }) => {
    const ip = addressOf(name, address, { addresses, gateway });
    return ip === undefined ? [] : [`${ip}\t${name} ${name}.${namespace}`];
  });
  return `${['127.0.0.1\tlocalhost', '::1\tlocalhost', ...lines].join('\n')}\n`;
}

function addressOf(
  name: string,
  address: NetworkOwner['address'],
  { addresses, gateway }: Pick<HostsInput, 'addresses' | 'gateway'>,
): string | undefined {
  if (address === 'Own') return ownEntry(addresses, name);
  return address === 'Host' ? gateway : ownEntry(addresses, address.group);
}
