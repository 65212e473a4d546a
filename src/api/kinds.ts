import type { z } from 'zod';
import { type Agent, agent } from './agent.ts';
import {
  type ConfigMap,
  configMap,
  type Image,
  image,
  type Network,
  network,
  type PodGroup,
  podGroup,
  type ResourceQuota,
  resourceQuota,
  type Secret,
  secret,
  type Volume,
  volume,
} from './resources.ts';

export type Manifest = Agent | PodGroup | Network | Volume | Image | ConfigMap | Secret | ResourceQuota;
export type Kind = Manifest['kind'];
export type ManifestOf<K extends Kind> = Extract<Manifest, { kind: K }>;

export interface KindInfo {
  readonly kind: Kind;
  readonly apiVersion: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly schema: z.ZodType<Manifest>;
}

const info = (kind: Kind, schema: z.ZodType<Manifest>, plural: string, shortNames: string[]): KindInfo => ({
  kind,
  apiVersion: ['ConfigMap', 'Secret', 'ResourceQuota'].includes(kind) ? 'v1' : 'rookery.dev/v1alpha1',
  plural,
  singular: kind.toLowerCase(),
  shortNames,
  schema,
});

export const kinds: Readonly<Record<Kind, KindInfo>> = {
  Agent: info('Agent', agent, 'agents', ['ag']),
  PodGroup: info('PodGroup', podGroup, 'podgroups', ['pg']),
  Network: info('Network', network, 'networks', ['net']),
  Volume: info('Volume', volume, 'volumes', ['vol']),
  Image: info('Image', image, 'images', ['img']),
  ConfigMap: info('ConfigMap', configMap, 'configmaps', ['cm']),
  Secret: info('Secret', secret, 'secrets', []),
  ResourceQuota: info('ResourceQuota', resourceQuota, 'resourcequotas', ['quota']),
};

/** `agents`, `agent`, `ag` or `Agent`: what a person may type for a kind. */
export function findKind(word: string): KindInfo | undefined {
  const lower = word.toLowerCase();
  return Object.values(kinds).find(
    (entry) => entry.plural === lower || entry.singular === lower || entry.shortNames.includes(lower),
  );
}
