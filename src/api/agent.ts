import { z } from 'zod';
import { API_VERSION, objectMeta } from './meta.ts';
import { dnsLabel } from './names.ts';
import { probe } from './probe.ts';
import {
  build,
  envFromSource,
  envVar,
  port,
  resources,
  securityContext,
  volumeMount,
  volumeSource,
} from './workload.ts';

const seconds = (fallback: number, maximum = 86_400) =>
  z.number().int().min(0).max(maximum).default(fallback);

const dependency = z.strictObject({
  name: dnsLabel,
  condition: z.enum(['Started', 'Healthy', 'Completed']).default('Healthy'),
});

const rollout = z.strictObject({
  strategy: z.enum(['Recreate', 'BlueGreen', 'Canary']).default('Recreate'),
  minHealthySeconds: seconds(10),
  healthyDeadlineSeconds: z.number().int().min(1).max(86_400).default(300),
  monitorSeconds: seconds(60),
  canary: z
    .strictObject({
      replicas: z.number().int().min(1).max(100).default(1),
      promotion: z.enum(['Auto', 'Manual']).default('Auto'),
    })
    .optional(),
  onFailure: z.enum(['Rollback', 'Pause']).default('Rollback'),
  revisionHistoryLimit: z.number().int().min(2).max(100).default(10),
});

const reload = z.union([z.literal('None'), z.strictObject({ signal: z.string().regex(/^[A-Z0-9]+$/) })]);

export const agentSpec = z
  .strictObject({
    layer: z.number().int().min(0).max(3).default(1),
    required: z.boolean().default(true),
    dependsOn: z.array(dependency).max(64).default([]),
    runtime: z.enum(['Container', 'Process', 'External']).default('Container'),
    image: z.string().min(1).max(512).optional(),
    build: build.optional(),
    podGroup: dnsLabel.optional(),
    command: z.array(z.string()).max(256).optional(),
    args: z.array(z.string()).max(256).optional(),
    workingDir: z.string().min(1).optional(),
    env: z.array(envVar).max(512).default([]),
    envFrom: z.array(envFromSource).max(64).default([]),
    ports: z.array(port).max(64).default([]),
    volumeMounts: z.array(volumeMount).max(64).default([]),
    volumes: z.array(volumeSource).max(64).default([]),
    networks: z.array(dnsLabel).max(8).default([]),
    hostNetwork: z.boolean().default(false),
    resources: resources.default({}),
    replicas: z.number().int().min(0).max(100).default(1),
    imagePullPolicy: z.enum(['Never', 'IfNotPresent', 'Always']).default('IfNotPresent'),
    devices: z.array(z.string().min(1)).max(32).default([]),
    address: z.string().optional(),
    securityContext: securityContext.default(securityContext.parse({})),
    startupProbe: probe.optional(),
    readinessProbe: probe.optional(),
    livenessProbe: probe.optional(),
    restartPolicy: z.enum(['Always', 'OnFailure', 'Never']).default('Always'),
    terminationGracePeriodSeconds: seconds(30, 3600),
    stopSignal: z
      .string()
      .regex(/^SIG[A-Z0-9+]+$/)
      .optional(),
    rollout: rollout.default(rollout.parse({})),
    driftPolicy: z.enum(['Correct', 'Report']).default('Correct'),
    reload: reload.optional(),
    suspend: z.boolean().default(false),
  })
  .superRefine((spec, context) => {
    const hasImage = spec.image !== undefined || spec.build !== undefined;
    if (spec.runtime === 'Container' && !hasImage) {
      context.addIssue({ code: 'custom', path: ['image'], message: 'needs image or build' });
    }
    const declared = new Set(spec.volumes.map((volume) => volume.name));
    for (const [index, mount] of spec.volumeMounts.entries()) {
      if (declared.has(mount.name)) continue;
      const path = ['volumeMounts', index, 'name'];
      context.addIssue({ code: 'custom', path, message: `no volume "${mount.name}" in spec.volumes` });
    }
  });

export const agent = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Agent'),
  metadata: objectMeta,
  spec: agentSpec,
});

export type Agent = z.output<typeof agent>;
export type AgentSpec = z.output<typeof agentSpec>;
export type Dependency = AgentSpec['dependsOn'][number];
export type Rollout = AgentSpec['rollout'];
