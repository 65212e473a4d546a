import type { KeyString, ObjectKey } from '../src/api/key.ts';
import type { Kind, ManifestOf } from '../src/api/kinds.ts';
import type { AgentStatus, ObjectStatus } from '../src/api/status.ts';
import type { DependencyGraph } from '../src/plan/graph.ts';
import type { ContainerFiles } from '../src/podman/container-files.ts';
import type { Execute } from '../src/podman/execute.ts';
import type { ImageCache } from '../src/podman/image-cache.ts';
import type { Observer } from '../src/podman/observer.ts';
import type { Podman } from '../src/podman/podman.ts';
import type { DesiredObject, DesiredState } from '../src/state/desired.ts';
import type { Installation } from '../src/state/names.ts';
import type { Provision, Provisions } from '../src/state/provision.ts';
import type { Store } from '../src/store/store.ts';

/** What every reconciler is given. Interfaces only: the composition root chooses what is behind them. */
export interface World {
  readonly desired: () => DesiredState;
  readonly graph: () => DependencyGraph;
  readonly graphOf: (desired: DesiredState) => DependencyGraph;
  readonly provisions: ProvisionBoard;
  readonly installation: () => Installation;
  readonly podman: Podman;
  readonly observer: Observer;
  readonly images: ImageCache;
  readonly execute: Execute;
  readonly store: Store;
  readonly files: ContainerFiles;
  readonly enqueue: (key: ObjectKey) => void;
  readonly publish: Publish;
  readonly rootless: boolean;
  /** Of serving agents, in a namespace. */
  readonly maxConcurrentRollouts: number;
  /** Changes with every boot of the host. */
  readonly bootId: string;
  readonly newUid: () => string;
}

/** As much of it as the facts of an agent are read from: to look changes nothing. */
export interface ReadableWorld
  extends Pick<World, 'desired' | 'graph' | 'installation' | 'maxConcurrentRollouts' | 'bootId'> {
  readonly provisions: Pick<ProvisionBoard, 'all'>;
  readonly images: Pick<ImageCache, 'inspect'>;
  readonly store: { readonly records: Pick<Store['records'], 'get' | 'list'> };
}

export interface ProvisionBoard {
  readonly all: () => Provisions;
  /** Tells everyone who may build on it, when it differs. */
  readonly set: (key: ObjectKey, provision: Provision) => void;
  readonly remove: (key: ObjectKey) => void;
}

export interface Publish {
  object(object: DesiredObject, state: { readonly uid: string; readonly status: ObjectStatus }): void;
  agent(publication: AgentPublication): void;
  removed(key: ObjectKey): void;
}

export interface AgentPublication {
  readonly key: ObjectKey;
  readonly object: DesiredObject | undefined;
  readonly uid: string;
  readonly generation: number;
  readonly createdAtMs: number;
  /** What a person asked for, beside the manifest's own. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly status: AgentStatus;
}

export function desiredObject<K extends Kind>(
  world: Pick<World, 'desired'>,
  kind: K,
  key: KeyString,
): DesiredObject<ManifestOf<K>> | undefined {
  const object = world.desired().objects.get(key);
  return object?.key.kind === kind ? (object as DesiredObject<ManifestOf<K>>) : undefined;
}
