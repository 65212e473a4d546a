import type * as z from 'zod';
import { type Agent, agent } from './agent.ts';
import { type KindNames, kindNames } from './kind-names.ts';
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

export interface KindInfo extends KindNames {
  readonly kind: Kind;
  readonly schema: z.ZodType<Manifest>;
}

export const kinds: Readonly<Record<Kind, KindInfo>> = {
  Agent: { ...kindNames.Agent, schema: agent },
  PodGroup: { ...kindNames.PodGroup, schema: podGroup },
  Network: { ...kindNames.Network, schema: network },
  Volume: { ...kindNames.Volume, schema: volume },
  Image: { ...kindNames.Image, schema: image },
  ConfigMap: { ...kindNames.ConfigMap, schema: configMap },
  Secret: { ...kindNames.Secret, schema: secret },
  ResourceQuota: { ...kindNames.ResourceQuota, schema: resourceQuota },
};
