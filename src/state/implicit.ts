import { API_VERSION } from '../api/meta.ts';
import { keyString } from '../api/key.ts';
import { type Network, network } from '../api/resources.ts';
import { hashOf } from './canonical.ts';
import { type DesiredObject, desiredOf, type Snapshot } from './desired.ts';
import { DEFAULT_NETWORK, networksOf } from './resolve-network.ts';

/** Adds the network that a namespace has without anyone writing it down. */
export function withDefaultNetworks(snapshot: Snapshot): Snapshot {
  const agents = desiredOf(snapshot, 'Agent').filter(
    ({ manifest }) => !manifest.spec.hostNetwork && !manifest.spec.podGroup,
  );
  const groups = desiredOf(snapshot, 'PodGroup').filter(({ manifest }) => !manifest.spec.hostNetwork);
  const users = [...agents, ...groups].filter(({ manifest }) =>
    networksOf(manifest.spec.networks).includes(DEFAULT_NETWORK),
  );
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
