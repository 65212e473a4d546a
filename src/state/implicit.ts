import { API_VERSION } from '../api/meta.ts';
import { keyString } from '../api/key.ts';
import type { Manifest } from '../api/kinds.ts';
import { type Network, network } from '../api/resources.ts';
import { hashOf } from './canonical.ts';
import type { DesiredObject, Snapshot } from './desired.ts';
import { DEFAULT_NETWORK, networksOf } from './resolve-network.ts';

/** Adds the network that a namespace has without anyone writing it down. */
export function withDefaultNetworks(snapshot: Snapshot): Snapshot {
  const users = [...snapshot.objects.values()].filter(({ manifest }) => usesDefaultNetwork(manifest));
  const namespaces = [...new Set(users.map(({ key }) => key.namespace))];
  const added = namespaces
    .map((namespace) => defaultNetwork(namespace, snapshot.origin))
    .filter(({ key }) => !snapshot.objects.has(keyString(key)));
  if (added.length === 0) return snapshot;
  return {
    ...snapshot,
    objects: new Map([
      ...snapshot.objects,
      ...added.map((object) => [keyString(object.key), object] as const),
    ]),
  };
}

/** Though it names it nowhere. */
export function usesDefaultNetwork(manifest: Manifest): boolean {
  if (manifest.kind !== 'Agent' && manifest.kind !== 'PodGroup') return false;
  const { spec } = manifest;
  const isInPod = manifest.kind === 'Agent' && manifest.spec.podGroup !== undefined;
  return !spec.hostNetwork && !isInPod && networksOf(spec.networks).includes(DEFAULT_NETWORK);
}

function defaultNetwork(namespace: string, origin: string): DesiredObject<Network> {
  const manifest = network.parse({
    apiVersion: API_VERSION,
    kind: 'Network',
    metadata: { name: DEFAULT_NETWORK, namespace },
  });
  return {
    key: { kind: 'Network', namespace, name: DEFAULT_NETWORK },
    manifest,
    position: { file: origin, line: 1, column: 1 },
    specHash: hashOf(manifest.spec),
    inputs: { paths: {}, digests: {}, baseImages: [] },
  };
}
