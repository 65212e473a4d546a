import type { Peers, SeenPeer } from '../../controllers/agent/peers.ts';
import { desiredObject, type ReadableWorld } from '../../controllers/world.ts';
import type { AgentSpec } from '../../src/api/agent.ts';
import { type KeyString, keyString, type ObjectKey } from '../../src/api/key.ts';
import { dependencyGraph } from '../../src/plan/graph.ts';
import { type DesiredState, EMPTY_DESIRED, type ResolvedInputs } from '../../src/state/desired.ts';
import type { Provision } from '../../src/state/provision.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { desiredFrom } from './desired-objects.ts';
import { agentManifest } from './simulated-host.ts';

/** Of an agent beside the twin of `agent-views.ts`. */
export const manifestOf = (name: string, spec: object = {}, namespace = 'ns'): object => ({
  ...agentManifest(name, spec),
  metadata: { name, namespace },
});

export const podGroupOf = (name: string, namespace = 'ns'): object => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'PodGroup',
  metadata: { name, namespace },
  spec: {},
});

export interface Surroundings {
  readonly manifests?: readonly object[];
  /** What manifests point at, by the object's name. */
  readonly inputs?: ReadonlyMap<string, ResolvedInputs>;
  readonly desired?: Partial<DesiredState>;
  readonly provisions?: ReadonlyMap<KeyString, Provision>;
  readonly records?: readonly AgentRecord[];
  /** In local storage: reference → id. */
  readonly images?: Readonly<Record<string, string>>;
  readonly maxConcurrentRollouts?: number;
}

/** What is looked at of a host, none of which changes. */
export function aReadableWorld({
  manifests = [],
  inputs = new Map(),
  desired = {},
  provisions = new Map(),
  records = [],
  images = {},
  maxConcurrentRollouts = 4,
}: Surroundings): ReadableWorld {
  const objects = new Map(
    manifests.map((one) => desiredFrom(one, inputs)).map((object) => [keyString(object.key), object]),
  );
  const state: DesiredState = { ...EMPTY_DESIRED, origin: '/manifests', objects, ...desired };
  const installation = { id: 'here', hmacKey: new Uint8Array(32) };
  return {
    desired: () => state,
    graph: () => dependencyGraph(state),
    installation: () => installation,
    maxConcurrentRollouts,
    bootId: 'boot',
    provisions: { all: () => provisions },
    images: {
      inspect: async (reference) => {
        const id = images[reference];
        return id === undefined ? undefined : { id, references: [reference], labels: {} };
      },
    },
    store: {
      records: {
        get: (key) => records.find((record) => keyString(record.key) === keyString(key)),
        list: () => records,
      },
    },
  };
}

export type PeerFacts = Partial<SeenPeer> & Pick<SeenPeer, 'record'>;

/** Agents that were looked at, each well unless something else is said. */
export const peersOf = (...peers: readonly PeerFacts[]): Peers =>
  new Map(
    peers.map((peer) => [
      keyString(peer.record.key),
      { live: true, ready: true, suspended: false, outdated: false, ...peer },
    ]),
  );

export const specIn = (world: ReadableWorld, key: ObjectKey): AgentSpec | undefined =>
  desiredObject(world, 'Agent', keyString(key))?.manifest.spec;
