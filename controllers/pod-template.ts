import { WaitingError } from '../src/api/errors.ts';
import { keyString } from '../src/api/key.ts';
import type { PodGroup } from '../src/api/resources.ts';
import { hashOf } from '../src/state/canonical.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import { POD_REVISION_LENGTH, podName } from '../src/state/names.ts';
import { ownEntry } from '../src/state/own-entry.ts';
import { factsOf } from '../src/state/provision.ts';
import { publishedPorts } from '../src/state/resolve.ts';
import { networksOf } from '../src/state/resolve-network.ts';
import type { NetworkAttachment, PodTemplate } from '../src/state/template.ts';
import type { World } from './world.ts';

/** Named by what it is: another network or port is another pod, because containers cannot move. */
export interface ResolvedPod {
  readonly name: string;
  readonly revision: string;
  readonly template: PodTemplate;
  readonly hostsFile: string | undefined;
}

type Group = DesiredObject<PodGroup>;

export function resolvePod(world: Pick<World, 'provisions'>, group: Group): ResolvedPod {
  const { key, manifest } = group;
  const { spec } = manifest;
  const { network, hostsFile } = spec.hostNetwork
    ? { network: { mode: 'host' } as const, hostsFile: undefined }
    : bridge(world, group);
  const template: PodTemplate = {
    network,
    ports: publishedPorts(spec.ports, !spec.hostNetwork),
    hostname: key.name,
    sharedNamespaces: spec.sharedNamespaces,
    mounts: [],
  };
  const revision = hashOf(template).slice(0, POD_REVISION_LENGTH);
  return { name: podName(key.namespace, key.name, revision), revision, template, hostsFile };
}

function bridge(
  world: Pick<World, 'provisions'>,
  { key, manifest }: Group,
): { network: Extract<NetworkAttachment, { mode: 'bridge' }>; hostsFile: string | undefined } {
  const attached = networksOf(manifest.spec.networks).map((network) => {
    const id = keyString({ kind: 'Network', namespace: key.namespace, name: network });
    const facts = factsOf(world.provisions.all(), id, 'Network');
    const ip = facts && ownEntry(facts.addresses, key.name);
    if (!facts || ip === undefined)
      throw new WaitingError('NetworkNotReady', `network ${network} is not ready yet`, 1_000);
    return {
      facts,
      attachment: { name: facts.podmanName, ip, aliases: [key.name, `${key.name}.${key.namespace}`] },
    };
  });
  return {
    network: { mode: 'bridge', networks: attached.map(({ attachment }) => attachment) },
    hostsFile: attached[0]?.facts.hostsFile,
  };
}
