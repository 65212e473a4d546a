import { z } from 'zod';
import { absolutePath, configKey, dnsLabel, envName, portNumber } from './names.ts';
import { quantity } from './quantity.ts';

/** The parts of a workload that Kubernetes' core `v1` already names. */

const keyRef = z.strictObject({ name: dnsLabel, key: configKey, optional: z.boolean().default(false) });
const sourceRef = z.strictObject({ name: dnsLabel, optional: z.boolean().default(false) });

export const envVar = z
  .strictObject({
    name: envName,
    value: z.string().optional(),
    valueFrom: z
      .strictObject({ secretKeyRef: keyRef.optional(), configMapKeyRef: keyRef.optional() })
      .refine(
        (from) => (from.secretKeyRef === undefined) !== (from.configMapKeyRef === undefined),
        'must have exactly one of secretKeyRef or configMapKeyRef',
      )
      .optional(),
  })
  .refine(
    (env) => env.value === undefined || env.valueFrom === undefined,
    'must not have both value and valueFrom',
  );

export const envFromSource = z
  .strictObject({
    prefix: z.string().optional(),
    configMapRef: sourceRef.optional(),
    secretRef: sourceRef.optional(),
  })
  .refine(
    (from) => (from.configMapRef === undefined) !== (from.secretRef === undefined),
    'must have exactly one of configMapRef or secretRef',
  );

export const port = z.strictObject({
  name: z.string().min(1).max(15).optional(),
  containerPort: portNumber,
  hostPort: portNumber.optional(),
  hostIP: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1'),
  protocol: z.enum(['TCP', 'UDP']).default('TCP'),
});

export const volumeMount = z.strictObject({
  name: dnsLabel,
  mountPath: absolutePath,
  subPath: z.string().min(1).optional(),
  readOnly: z.boolean().default(false),
});

const keyToPath = z.strictObject({ key: configKey, path: z.string().min(1) });
const fileMode = z.number().int().min(0).max(0o777);

const VOLUME_SOURCES = ['volume', 'configMap', 'secret', 'hostPath', 'emptyDir'] as const;

export const volumeSource = z
  .strictObject({
    name: dnsLabel,
    volume: z.strictObject({ claimName: dnsLabel }).optional(),
    configMap: z
      .strictObject({
        name: dnsLabel,
        items: z.array(keyToPath).optional(),
        defaultMode: fileMode.optional(),
      })
      .optional(),
    secret: z
      .strictObject({
        secretName: dnsLabel,
        items: z.array(keyToPath).optional(),
        defaultMode: fileMode.optional(),
      })
      .optional(),
    hostPath: z
      .strictObject({
        path: z.string().min(1),
        type: z.enum(['File', 'Directory', 'DirectoryOrCreate']).optional(),
      })
      .optional(),
    emptyDir: z
      .strictObject({ sizeLimit: quantity.optional(), medium: z.enum(['', 'Memory']).optional() })
      .optional(),
  })
  .refine(
    (volume) => VOLUME_SOURCES.filter((source) => volume[source] !== undefined).length === 1,
    'must have exactly one of volume, configMap, secret, hostPath or emptyDir',
  );

const limits = z.strictObject({
  cpu: quantity.optional(),
  memory: quantity.optional(),
  pids: z.number().int().min(1).optional(),
});

export const resources = z.strictObject({
  limits: limits.optional(),
  requests: z.strictObject({ cpu: quantity.optional(), memory: quantity.optional() }).optional(),
});

const id = z.number().int().min(0).max(2_147_483_647);
const capabilities = z.strictObject({
  add: z.array(z.string()).max(64).optional(),
  drop: z.array(z.string()).max(64).optional(),
});

/** Least privilege unless said otherwise: see `semantics.md`; every default here is the strict one. */
export const securityContext = z.strictObject({
  runAsUser: id.optional(),
  runAsGroup: id.optional(),
  fsGroup: id.optional(),
  supplementalGroups: z.array(id).max(32).optional(),
  capabilities: capabilities.optional(),
  readOnlyRootFilesystem: z.boolean().default(true),
  allowPrivilegeEscalation: z.boolean().default(false),
  privileged: z.boolean().default(false),
});

export const build = z.strictObject({
  context: z.string().min(1),
  containerfile: z.string().min(1).default('Containerfile'),
  args: z.record(z.string().min(1), z.string()).default({}),
  target: z.string().min(1).optional(),
});

export type Build = z.output<typeof build>;
export type Port = z.output<typeof port>;
export type VolumeSource = z.output<typeof volumeSource>;
export type VolumeMount = z.output<typeof volumeMount>;
export type EnvVar = z.output<typeof envVar>;
export type EnvFromSource = z.output<typeof envFromSource>;
export type SecurityContext = z.output<typeof securityContext>;
export type Resources = z.output<typeof resources>;
