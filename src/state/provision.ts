import type { KeyString, ObjectKey } from '../api/key.ts';

/** What the reconcilers of the shared kinds have made ready, by key: all that an agent's own container builds on. */
export type Provisions = ReadonlyMap<KeyString, Provision>;

export type Provision =
  | { readonly ready: true; readonly facts: ProvisionFacts }
  | { readonly ready: false; readonly reason: string; readonly message: string; readonly terminal: boolean };

export type ProvisionFacts =
  | NetworkFacts
  | ImageFacts
  | PodFacts
  | PodsFacts
  | { readonly kind: 'Volume'; readonly podmanName: string }
  | { readonly kind: 'Secret' }
  | ConfigMapFacts;

export interface ConfigMapFacts {
  readonly kind: 'ConfigMap';
  /** Named by content: a new content is a new directory, and a rollback finds the old one. */
  readonly directory: string;
  /** One directory for all contents, swapped in place: for agents that say `reload`. */
  readonly liveDirectory: string;
  readonly digest: string;
}

export interface NetworkFacts {
  readonly kind: 'Network';
  readonly podmanName: string;
  readonly gateway: string;
  /** Owner's name (agent or pod group) → its stable address. */
  readonly addresses: Readonly<Record<string, string>>;
  /** The hosts file that containers of this network share; rewritten in place when names come and go. */
  readonly hostsFile: string;
}

export interface ImageFacts {
  readonly kind: 'Image';
  readonly id: string;
  readonly inputHash: string;
}

/** The pod that a group's manifest asks for. */
export interface PodFacts {
  readonly kind: 'PodGroup';
  readonly podName: string;
  readonly hostsFile?: string;
  readonly move: GroupMove;
}

/** How far a group has come with its members' way from one pod to another. */
export type GroupMove =
  | { readonly type: 'None' }
  | { readonly type: 'UnderWay' | 'RolledBack'; readonly message: string };

/** What there is of a group, whatever its manifest asks for: told by itself, for the one may fail without the other. */
export interface PodsFacts {
  readonly kind: 'Pods';
  /** Those that containers can be made and started in. */
  readonly present: readonly string[];
  /** The one whose infra container runs. */
  readonly running?: { readonly name: string; readonly ip?: string };
}

export const podsKey = (namespace: string, group: string): ObjectKey => ({
  kind: 'Pods',
  namespace,
  name: group,
});

/** Narrows a provision to the facts of one kind; `undefined` while it is not ready. */
export function factsOf<K extends ProvisionFacts['kind']>(
  provisions: Provisions,
  key: KeyString,
  kind: K,
): Extract<ProvisionFacts, { kind: K }> | undefined {
  const provision = provisions.get(key);
  if (!provision?.ready || provision.facts.kind !== kind) return undefined;
  return provision.facts as Extract<ProvisionFacts, { kind: K }>;
}
