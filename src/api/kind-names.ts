import { type KeyString, keyString } from './key.ts';

/** What a kind is called; apart from its schema, which takes 60 ms to load. */
export interface KindNames {
  readonly kind: string;
  readonly apiVersion: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
}

const names = <const K extends string>(kind: K, plural: string, shortNames: readonly string[]) => ({
  kind,
  apiVersion: ['ConfigMap', 'Secret', 'ResourceQuota'].includes(kind) ? 'v1' : 'rookery.dev/v1alpha1',
  plural,
  singular: kind.toLowerCase(),
  shortNames,
});

export const kindNames = {
  Agent: names('Agent', 'agents', ['ag']),
  PodGroup: names('PodGroup', 'podgroups', ['pg']),
  Network: names('Network', 'networks', ['net']),
  Volume: names('Volume', 'volumes', ['vol']),
  Image: names('Image', 'images', ['img']),
  ConfigMap: names('ConfigMap', 'configmaps', ['cm']),
  Secret: names('Secret', 'secrets', []),
  ResourceQuota: names('ResourceQuota', 'resourcequotas', ['quota']),
} as const satisfies Readonly<Record<string, KindNames>>;

/** `agents`, `agent`, `ag` or `Agent`: what a person may type for a kind. */
export function findKind(word: string): KindNames | undefined {
  const lower = word.toLowerCase();
  return Object.values<KindNames>(kindNames).find(
    (entry) => entry.plural === lower || entry.singular === lower || entry.shortNames.includes(lower),
  );
}

/** `vol/data` or `Volume/ai-system/data`; undefined for what names no kind, no object, or more than one. */
export function findKey(word: string, defaultNamespace: string): KeyString | undefined {
  const [kind = '', ...steps] = word.split('/');
  const [namespace = '', name = ''] = steps.length === 1 ? [defaultNamespace, ...steps] : steps;
  const known = findKind(kind);
  return known && steps.length <= 2 && namespace !== '' && name !== ''
    ? keyString({ kind: known.kind, namespace, name })
    : undefined;
}
