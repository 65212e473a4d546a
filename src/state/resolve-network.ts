import { keyString } from '../api/key.ts';
import { ownEntry } from './own-entry.ts';
import { factsOf, type NetworkFacts } from './provision.ts';
import { type Resolver, reportMissing } from './resolver.ts';
import type { AttachedNetwork, Mount, NetworkAttachment } from './template.ts';

/** Every namespace has this network; an agent that names none is on it. */
export const DEFAULT_NETWORK = 'default';

interface ResolvedNetwork {
  readonly network: NetworkAttachment;
  readonly hostsMount: readonly Mount[];
}

export function resolveNetwork(resolver: Resolver): ResolvedNetwork {
  const { hostNetwork, podGroup } = resolver.agent.manifest.spec;
  if (podGroup) return podNetwork(resolver, podGroup);
  if (hostNetwork) return { network: { mode: 'host' }, hostsMount: [] };
  return bridgeNetwork(resolver);
}

export const networksOf = (names: readonly string[]): readonly string[] =>
  names.length > 0 ? names : [DEFAULT_NETWORK];

function podNetwork(resolver: Resolver, group: string): ResolvedNetwork {
  const namespace = resolver.agent.key.namespace;
  const facts = factsOf(
    resolver.provisions,
    keyString({ kind: 'PodGroup', namespace, name: group }),
    'PodGroup',
  );
  if (!facts) {
    reportMissing(resolver, 'PodGroup', group);
    return { network: { mode: 'none' }, hostsMount: [] };
  }
  const hostsMount = facts.hostsFile === undefined ? [] : [hostsFileMount(facts.hostsFile)];
  return { network: { mode: 'pod', pod: facts.podName }, hostsMount };
}

function bridgeNetwork(resolver: Resolver): ResolvedNetwork {
  const { namespace, name } = resolver.agent.key;
  const attached = networksOf(resolver.agent.manifest.spec.networks).flatMap((network) => {
    const facts = factsOf(
      resolver.provisions,
      keyString({ kind: 'Network', namespace, name: network }),
      'Network',
    );
    if (facts && ownEntry(facts.addresses, name)) return [facts];
    reportMissing(resolver, 'Network', network);
    return [];
  });
  const networks = attached.map((facts) => attachment(facts, namespace, name));
  return {
    network: { mode: 'bridge', networks },
    hostsMount: attached.slice(0, 1).map((facts) => hostsFileMount(facts.hostsFile)),
  };
}

function attachment(facts: NetworkFacts, namespace: string, name: string): AttachedNetwork {
  const ip = ownEntry(facts.addresses, name);
  return { name: facts.podmanName, ...(ip && { ip }), aliases: [name, `${name}.${namespace}`] };
}

/** Names live in a file that we edit in place: Podman 4.3's DNS stalls for seconds around starts and stops. */
const hostsFileMount = (source: string): Mount => ({
  type: 'bind',
  source,
  target: '/etc/hosts',
  readOnly: true,
});
