import type { AgentPublication, Publish } from '../controllers/world.ts';
import type { ObjectKey } from './api/key.ts';
import { kinds } from './api/kinds.ts';
import type { Manifest } from './api/kinds.ts';
import type { ApiObject, ObjectStatus } from './api/status.ts';
import type { DesiredObject } from './state/desired.ts';

interface Registry {
  publish(
    object: Omit<ApiObject, 'metadata'> & { metadata: Omit<ApiObject['metadata'], 'resourceVersion'> },
  ): void;
  remove(kind: string, namespace: string, name: string): void;
}

/** Turns what the controllers say into the objects that the API serves. */
export function createPublisher(registry: Registry, now: () => number): Publish {
  const firstSeen = new Map<string, number>();
  const seenAtMs = (uid: string): number => {
    const atMs = firstSeen.get(uid) ?? now();
    firstSeen.set(uid, atMs);
    return atMs;
  };
  return {
    object: (object, { uid, status }) =>
      registry.publish(sharedObject(object, { uid, status, atMs: seenAtMs(uid) })),
    agent: (publication) => registry.publish(agentObject(publication)),
    removed: ({ kind, namespace, name }: ObjectKey) => registry.remove(kind, namespace, name),
  };
}

function metadataOf(
  key: ObjectKey,
  manifest: Manifest | undefined,
  ours: Readonly<Record<string, string>> = {},
) {
  const annotations = { ...manifest?.metadata.annotations, ...ours };
  return {
    name: key.name,
    namespace: key.namespace,
    ...(manifest?.metadata.labels && { labels: manifest.metadata.labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  };
}

function agentObject({ key, object, uid, generation, createdAtMs, annotations, status }: AgentPublication) {
  const manifest = object?.manifest;
  return {
    apiVersion: kinds.Agent.apiVersion,
    kind: 'Agent',
    metadata: {
      ...metadataOf(key, manifest, annotations),
      uid,
      generation,
      creationTimestamp: new Date(createdAtMs).toISOString(),
    },
    ...(manifest && 'spec' in manifest && { spec: manifest.spec }),
    status,
  };
}

interface SharedState {
  readonly uid: string;
  readonly status: ObjectStatus;
  readonly atMs: number;
}

function sharedObject({ key, manifest }: DesiredObject, { uid, status, atMs }: SharedState) {
  return {
    apiVersion: manifest.apiVersion,
    kind: key.kind,
    metadata: {
      ...metadataOf(key, manifest),
      uid,
      generation: 1,
      creationTimestamp: new Date(atMs).toISOString(),
    },
    ...('spec' in manifest && { spec: manifest.spec }),
    ...dataOf(manifest),
    status,
  };
}

/** Names of a Secret's entries, never their values. */
function dataOf(manifest: Manifest): { data?: Record<string, string> } {
  if (manifest.kind === 'ConfigMap') return { data: manifest.data };
  if (manifest.kind !== 'Secret') return {};
  const names = Object.keys({ ...manifest.data, ...manifest.stringData, ...manifest.encryptedData });
  return { data: Object.fromEntries(names.map((name) => [name, ''])) };
}
