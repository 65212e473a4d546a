import * as z from 'zod';
import { absolutePath, configKey, dnsLabel, envName, portNumber, relativePath } from './names.ts';
import { evenIfPartlyWrong, exactlyOneOf, isObject } from './one-of.ts';
import { quantity } from './quantity.ts';

/** The parts of a workload that Kubernetes' core `v1` already names. */

const optional = z.boolean().default(false).describe('Go on without it when it is missing.');
const sourceName = dnsLabel.describe('Name of the ConfigMap or Secret.');
const keyRef = z.strictObject({
  name: sourceName,
  key: configKey.describe('Key whose value is taken.'),
  optional,
});
const sourceRef = z.strictObject({ name: sourceName, optional });

const valueFrom = exactlyOneOf(
  z.strictObject({
    secretKeyRef: keyRef.optional().describe("Value of a Secret's key."),
    configMapKeyRef: keyRef.optional().describe("Value of a ConfigMap's key."),
  }),
  ['secretKeyRef', 'configMapKeyRef'],
);

export const envVar = z
  .strictObject({
    name: envName.describe('Name of the variable.'),
    value: z.string().optional().describe('Value; numbers and booleans in quotes.'),
    valueFrom: valueFrom.optional().describe('Where the value comes from instead.'),
  })
  .refine((env) => !isObject(env) || env.value === undefined || env.valueFrom === undefined, {
    error: 'must not have both value and valueFrom',
    ...evenIfPartlyWrong,
  })
  .meta({ not: { required: ['value', 'valueFrom'] } });

export const envFromSource = exactlyOneOf(
  z.strictObject({
    prefix: z.string().optional().describe('Put before each name.'),
    configMapRef: sourceRef.optional().describe('Every key of a ConfigMap.'),
    secretRef: sourceRef.optional().describe('Every key of a Secret.'),
  }),
  ['configMapRef', 'secretRef'],
);

export const port = z.strictObject({
  name: z.string().min(1).max(15).optional().describe('Name that probes may use.'),
  containerPort: portNumber.describe('Port in the container.'),
  hostPort: portNumber.optional().describe('Port of the host that is published; none by default.'),
  hostIP: z
    .union([z.ipv4(), z.ipv6()], { error: 'must be an IP address' })
    .default('127.0.0.1')
    .describe('Address of the host that the port is published on.'),
  protocol: z.enum(['TCP', 'UDP']).default('TCP').describe('Protocol of the port.'),
});

export const volumeMount = z.strictObject({
  name: dnsLabel.describe("Name of one of the agent's `volumes`."),
  mountPath: absolutePath.describe('Where it appears in the container.'),
  subPath: relativePath
    .optional()
    .describe('A path within the volume, ConfigMap or Secret instead of its top.'),
  readOnly: z.boolean().default(false).describe('The container may not write to it.'),
});

const keyToPath = z.strictObject({
  key: configKey.describe('Key of the ConfigMap or Secret.'),
  path: relativePath.describe('Path of its file below the mount.'),
});
const items = z
  .array(keyToPath)
  .optional()
  .describe('Only these keys, each at its path; by default all of them.');
const defaultMode = z
  .number()
  .int()
  .min(0)
  .max(0o777)
  .optional()
  .describe('Mode of the files, such as 0644.');

const VOLUME_SOURCES = ['volume', 'configMap', 'secret', 'hostPath', 'emptyDir'] as const;

export const volumeSource = exactlyOneOf(
  z.strictObject({
    name: dnsLabel.describe('Name that `volumeMounts` use.'),
    volume: z
      .strictObject({ claimName: dnsLabel.describe('Name of the Volume.') })
      .optional()
      .describe('A Volume object.'),
    configMap: z
      .strictObject({ name: dnsLabel.describe('Name of the ConfigMap.'), items, defaultMode })
      .optional()
      .describe('The keys of a ConfigMap as files.'),
    secret: z
      .strictObject({ secretName: dnsLabel.describe('Name of the Secret.'), items, defaultMode })
      .optional()
      .describe('The keys of a Secret as files.'),
    hostPath: z
      .strictObject({
        path: z
          .string()
          .min(1)
          .describe("Path on the host, relative to the manifest's own file, within the allowed roots."),
        type: z
          .enum(['File', 'Directory', 'DirectoryOrCreate'])
          .optional()
          .describe('What must be there; DirectoryOrCreate makes what is missing.'),
      })
      .optional()
      .describe(
        'A file or directory of the host. Contents that are only mounted read-only (at most 1,000 files and 10 MB) are part of the revision: a change recreates the agent.',
      ),
    emptyDir: z
      .strictObject({
        sizeLimit: quantity.optional().describe('Most it may hold, such as 64Mi.'),
        medium: z.enum(['', 'Memory']).optional().describe('It is in memory either way.'),
      })
      .optional()
      .describe('Empty at every start, in memory.'),
  }),
  VOLUME_SOURCES,
);

const limits = z.strictObject({
  cpu: quantity.optional().describe('Cores, such as "0.5", 500m or 2.'),
  memory: quantity.optional().describe('Bytes, such as 512Mi.'),
  pids: z.number().int().min(1).optional().describe('Processes and threads.'),
});

const requests = z.strictObject({
  cpu: quantity.optional().describe('Cores; they become CPU shares, the priority when the host is full.'),
  memory: quantity.optional().describe('Bytes; for people, Podman has no use for it.'),
});

export const resources = z.strictObject({
  limits: limits.optional().describe('Most that the container may use.'),
  requests: requests.optional().describe('What the container needs.'),
});

const id = z.number().int().min(0).max(2_147_483_647);
const capabilities = z.strictObject({
  add: z.array(z.string()).max(64).optional().describe('Capabilities to have, such as NET_BIND_SERVICE.'),
  drop: z
    .array(z.string())
    .max(64)
    .optional()
    .describe('Capabilities to go without; all of them are dropped by default.'),
});

/** Least privilege unless said otherwise; every default here is the strict one. */
export const securityContext = z.strictObject({
  runAsUser: id.optional().describe("User id; by default the image's."),
  runAsGroup: id.optional().describe("Group id; by default the image's."),
  fsGroup: id.optional().describe('A further group id, which mounted secrets belong to.'),
  supplementalGroups: z.array(id).max(32).optional().describe('Further group ids.'),
  capabilities: capabilities.optional().describe('Linux capabilities.'),
  readOnlyRootFilesystem: z
    .boolean()
    .default(true)
    .describe("The image's files cannot be written; /tmp and /run are in memory then."),
  allowPrivilegeEscalation: z.boolean().default(false).describe('Programs may gain privileges (setuid).'),
  privileged: z.boolean().default(false).describe('Nearly everything that root on the host may do.'),
});

export const build = z.strictObject({
  context: z
    .string()
    .min(1)
    .describe("Directory of the build, relative to the manifest's own file, within the allowed roots."),
  containerfile: z.string().min(1).default('Containerfile').describe('Path within the context.'),
  args: z.record(z.string().min(1), z.string()).default({}).describe("Values of the Containerfile's ARGs."),
  target: z.string().min(1).optional().describe('Stage to stop at; by default the last.'),
});

export type Build = z.output<typeof build>;
export type VolumeSource = z.output<typeof volumeSource>;
export type VolumeMount = z.output<typeof volumeMount>;
export type EnvVar = z.output<typeof envVar>;
export type EnvFromSource = z.output<typeof envFromSource>;
