import * as z from 'zod';
import { API_VERSION, objectMeta } from './meta.ts';
import { configKey, dnsLabel } from './names.ts';
import { exactlyOneOf } from './one-of.ts';
import { quantity } from './quantity.ts';
import { build, port } from './workload.ts';

const options = z.record(z.string(), z.string()).default({}).describe('Options of the driver.');
const id = z.number().int().min(0).max(2_147_483_647);

const cidr = z
  .union([z.cidrv4(), z.cidrv6()], { error: 'must be a subnet such as 10.90.0.0/24' })
  .describe('Addresses of the subnet, such as 10.90.0.0/24.');

const networkSpec = z.strictObject({
  driver: z.enum(['bridge', 'macvlan', 'ipvlan']).default('bridge').describe("Podman's network driver."),
  subnets: z
    .array(z.strictObject({ cidr }))
    .max(8)
    .default([])
    .describe('Subnets; by default Podman chooses one.'),
  internal: z.boolean().default(false).describe('No way out to other networks.'),
  dns: z.boolean().default(true).describe('Agents find each other by name.'),
  options,
});

const volumeSpec = z.strictObject({
  retention: z
    .enum(['Retain', 'Delete'])
    .default('Retain')
    .describe('What becomes of the data when the manifest is removed.'),
  accessMode: z
    .enum(['Shared', 'Exclusive'])
    .default('Shared')
    .describe('Exclusive: at most one running container may mount it.'),
  driver: z.string().min(1).default('local').describe("Podman's volume driver."),
  options,
  owner: z
    .strictObject({ uid: id.describe('User id.'), gid: id.describe('Group id.') })
    .optional()
    .describe('Who owns its top directory; by default root.'),
});

const podGroupSpec = z.strictObject({
  networks: z
    .array(dnsLabel)
    .max(8)
    .default([])
    .describe("Networks of the pod; by default the namespace's own. The group's name is its name there."),
  ports: z.array(port).max(64).default([]).describe('Ports of all members; published here and only here.'),
  hostNetwork: z.boolean().default(false).describe("Use the host's network instead."),
  sharedNamespaces: z
    .array(z.enum(['net', 'ipc', 'uts', 'pid']))
    .max(4)
    .default(['net', 'ipc'])
    .describe('Linux namespaces that the members share.'),
});

const imageSpec = exactlyOneOf(
  z.strictObject({
    tag: z.string().min(1).max(512).describe('Name that the image gets; what other builds are FROM.'),
    build: build.optional().describe('Build it from a Containerfile.'),
    rootfs: z
      .strictObject({
        tar: z
          .string()
          .min(1)
          .describe(
            "Archive of a root file system, relative to the manifest's own file, within the allowed roots.",
          ),
      })
      .optional()
      .describe('Import it from an archive.'),
    pull: z
      .strictObject({ reference: z.string().min(1).max(512).describe('Image of a registry.') })
      .optional()
      .describe('Pull it and give it the tag.'),
  }),
  ['build', 'rootfs', 'pull'],
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

/** Kubernetes' decoder skips line breaks, as a YAML block ends with one. */
const base64 = z
  .string()
  .overwrite((text) => text.replace(/[\r\n]/g, ''))
  .check(z.base64());

/** Armored, as `age --armor` writes it. */
const ageArmored = z
  .string()
  .regex(
    /^-----BEGIN AGE ENCRYPTED FILE-----\r?\n[A-Za-z0-9+/=\r\n]+-----END AGE ENCRYPTED FILE-----\s*$/,
    'must be armored age text: rookery secrets encrypt',
  );

export const configMap = z.strictObject({
  ...coreObject('ConfigMap'),
  data: z.record(configKey, z.string()).default({}).describe('Texts by key.'),
  binaryData: z.record(configKey, base64).default({}).describe('Bytes by key, in base64.'),
  immutable: z.boolean().optional().describe('A promise of its author; nothing depends on it.'),
});

export const secret = z.strictObject({
  ...coreObject('Secret'),
  type: z.string().optional().describe('Kind of secret, for people and tools.'),
  data: z.record(configKey, base64).default({}).describe('Values by key, in base64.'),
  stringData: z
    .record(configKey, z.string())
    .default({})
    .describe('Values by key as they are; they win over `data`.'),
  encryptedData: z
    .record(configKey, ageArmored)
    .default({})
    .describe('Values by key, each encrypted by age: what may lie in git. `rookery secrets` writes them.'),
  immutable: z.boolean().optional().describe('A promise of its author; nothing depends on it.'),
});

export const resourceQuota = z.strictObject({
  ...coreObject('ResourceQuota'),
  spec: z.strictObject({
    hard: z
      .strictObject({
        'limits.cpu': quantity.optional().describe('Cores.'),
        'limits.memory': quantity.optional().describe('Bytes.'),
        pods: quantity.optional().describe('Number of containers.'),
      })
      .describe('Ceilings on the sum over the namespace. Not supported yet.'),
  }),
});

export type Network = z.output<typeof network>;
export type Volume = z.output<typeof volume>;
export type PodGroup = z.output<typeof podGroup>;
export type Image = z.output<typeof image>;
export type ConfigMap = z.output<typeof configMap>;
export type Secret = z.output<typeof secret>;
export type ResourceQuota = z.output<typeof resourceQuota>;
