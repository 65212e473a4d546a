import { z } from 'zod';
import { API_VERSION, objectMeta } from './meta.ts';
import { configKey, dnsLabel } from './names.ts';
import { quantity } from './quantity.ts';
import { build, port } from './workload.ts';

const options = z.record(z.string(), z.string()).default({});
const id = z.number().int().min(0).max(2_147_483_647);

const networkSpec = z.strictObject({
  driver: z.enum(['bridge', 'macvlan', 'ipvlan']).default('bridge'),
  subnets: z
    .array(z.strictObject({ cidr: z.union([z.cidrv4(), z.cidrv6()]) }))
    .max(8)
    .default([]),
  internal: z.boolean().default(false),
  dns: z.boolean().default(true),
  options,
});

const volumeSpec = z.strictObject({
  retention: z.enum(['Retain', 'Delete']).default('Retain'),
  accessMode: z.enum(['Shared', 'Exclusive']).default('Shared'),
  driver: z.string().min(1).default('local'),
  options,
  owner: z.strictObject({ uid: id, gid: id }).optional(),
});

const podGroupSpec = z.strictObject({
  networks: z.array(dnsLabel).max(8).default([]),
  ports: z.array(port).max(64).default([]),
  hostNetwork: z.boolean().default(false),
  sharedNamespaces: z
    .array(z.enum(['net', 'ipc', 'uts', 'pid']))
    .max(4)
    .default(['net', 'ipc']),
});

const IMAGE_SOURCES = ['build', 'rootfs', 'pull'] as const;

const imageSpec = z
  .strictObject({
    tag: z.string().min(1).max(512),
    build: build.optional(),
    rootfs: z.strictObject({ tar: z.string().min(1) }).optional(),
    pull: z.strictObject({ reference: z.string().min(1).max(512) }).optional(),
  })
  .refine(
    (spec) => IMAGE_SOURCES.filter((source) => spec[source] !== undefined).length === 1,
    'must have exactly one of build, rootfs or pull',
  );

const rookeryObject = <K extends string, S extends z.ZodType>(kind: K, spec: S) =>
  z.strictObject({ apiVersion: z.literal(API_VERSION), kind: z.literal(kind), metadata: objectMeta, spec });

export const network = rookeryObject('Network', networkSpec.default(networkSpec.parse({})));
export const volume = rookeryObject('Volume', volumeSpec.default(volumeSpec.parse({})));
export const podGroup = rookeryObject('PodGroup', podGroupSpec.default(podGroupSpec.parse({})));
export const image = rookeryObject('Image', imageSpec);

const coreObject = <K extends string>(kind: K) => ({
  apiVersion: z.literal('v1'),
  kind: z.literal(kind),
  metadata: objectMeta,
});

const base64 = z.base64();

export const configMap = z.strictObject({
  ...coreObject('ConfigMap'),
  data: z.record(configKey, z.string()).default({}),
  binaryData: z.record(configKey, base64).default({}),
  immutable: z.boolean().optional(),
});

export const secret = z.strictObject({
  ...coreObject('Secret'),
  type: z.string().optional(),
  data: z.record(configKey, base64).default({}),
  stringData: z.record(configKey, z.string()).default({}),
  immutable: z.boolean().optional(),
});

export const resourceQuota = z.strictObject({
  ...coreObject('ResourceQuota'),
  spec: z.strictObject({
    hard: z.strictObject({
      'limits.cpu': quantity.optional(),
      'limits.memory': quantity.optional(),
      pods: quantity.optional(),
    }),
  }),
});

export type Network = z.output<typeof network>;
export type Volume = z.output<typeof volume>;
export type PodGroup = z.output<typeof podGroup>;
export type Image = z.output<typeof image>;
export type ConfigMap = z.output<typeof configMap>;
export type Secret = z.output<typeof secret>;
export type ResourceQuota = z.output<typeof resourceQuota>;
