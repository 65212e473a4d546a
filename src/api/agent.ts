import * as z from 'zod';
import { checkAgent } from './agent-rules.ts';
import { API_VERSION, objectMeta } from './meta.ts';
import { dnsLabel } from './names.ts';
import { evenIfPartlyWrong } from './one-of.ts';
import { probe } from './probe.ts';
import { SIGNAL_NAME } from './signals.ts';
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
  name: dnsLabel.describe('Name of another agent of the namespace.'),
  condition: z
    .enum(['Started', 'Healthy', 'Completed'])
    .default('Healthy')
    .describe('What is waited for: it runs, its probes succeed, or it ended with status 0.'),
});

const canary = z.strictObject({
  replicas: z.number().int().min(1).max(100).default(1).describe('Replicas that try the new revision.'),
  promotion: z.enum(['Auto', 'Manual']).default('Auto').describe('Whether a person must agree to go on.'),
});

const rollout = z.strictObject({
  strategy: z
    .enum(['Recreate', 'BlueGreen', 'Canary'])
    .default('Recreate')
    .describe(
      'How a new revision takes over: Recreate stops the old one first, BlueGreen starts all of the new beside all of the old and moves the name when it is proven, Canary does so with a few replicas first.',
    ),
  minHealthySeconds: seconds(10).describe('Seconds that a new revision must be healthy to be promoted.'),
  healthyDeadlineSeconds: z
    .number()
    .int()
    .min(1)
    .max(86_400)
    .default(300)
    .describe(
      'Seconds after which a new revision that is not healthy has failed; pulls and builds do not count.',
    ),
  monitorSeconds: seconds(60).describe('Seconds after the promotion in which a failure still rolls back.'),
  drainSeconds: z
    .number()
    .int()
    .min(0)
    .max(3600)
    .optional()
    .describe(
      'Seconds that a replica which gets no new requests any more may spend on those under way before it is stopped; 5 by default.',
    ),
  canary: canary.optional().describe('For strategy Canary.'),
  onFailure: z
    .enum(['Rollback', 'Pause'])
    .default('Rollback')
    .describe(
      'What a failed revision leads to: back to the last stable one, or a wait for a person, while what serves is looked after.',
    ),
  revisionHistoryLimit: z
    .number()
    .int()
    .min(2)
    .max(100)
    .default(10)
    .describe('Revisions that are remembered.'),
});

const reload = z
  .union(
    [
      z.literal('None'),
      z.strictObject({
        signal: z
          .string()
          .regex(new RegExp(`^${SIGNAL_NAME}$`), 'must be a signal without SIG, such as HUP')
          .describe('Signal to send, such as HUP.'),
      }),
    ],
    { error: 'must be None or {signal: NAME}' },
  )
  .meta({ 'x-kubernetes-preserve-unknown-fields': true });

const words = z.array(z.string()).max(256);

export const agentSpec = z
  .strictObject({
    layer: z
      .number()
      .int()
      .min(0)
      .max(3)
      .default(1)
      .describe(
        '0 infrastructure, 1 core, 2 secondary, 3 specialized. A required agent first starts when the required agents of the layers below are healthy.',
      ),
    required: z
      .boolean()
      .default(true)
      .describe('An agent that is not required never holds back another one.'),
    dependsOn: z
      .array(dependency)
      .max(64)
      .default([])
      .describe('Agents that must be there before this one starts.'),
    runtime: z
      .enum(['Container', 'Process', 'External'])
      .default('Container')
      .describe(
        'Container, a process on the host, or something that is only probed. Only Container is supported yet.',
      ),
    image: z
      .string()
      .min(1)
      .max(512)
      .optional()
      .describe('Image to run; with `build`, the tag the build gets.'),
    build: build.optional().describe('How the image is built here.'),
    podGroup: dnsLabel.optional().describe('PodGroup that this agent is a member of.'),
    command: words
      .optional()
      .describe("Program and arguments instead of the image's entry point, without a shell."),
    args: words.optional().describe("Arguments instead of the image's command."),
    workingDir: z.string().min(1).optional().describe('Directory the program starts in.'),
    env: z.array(envVar).max(512).default([]).describe('Environment variables; they win over `envFrom`.'),
    envFrom: z
      .array(envFromSource)
      .max(64)
      .default([])
      .describe('ConfigMaps and Secrets as environment variables.'),
    ports: z.array(port).max(64).default([]).describe('Ports of the container.'),
    volumeMounts: z.array(volumeMount).max(64).default([]).describe('Where the volumes appear.'),
    volumes: z.array(volumeSource).max(64).default([]).describe('What can be mounted.'),
    networks: z
      .array(dnsLabel)
      .max(8)
      .default([])
      .describe("Networks to be on; by default the namespace's own. Agents find each other there by name."),
    hostNetwork: z.boolean().default(false).describe("Use the host's network instead."),
    resources: resources.default({}).describe('Limits and requests.'),
    replicas: z
      .number()
      .int()
      .min(0)
      .max(100)
      .default(1)
      .describe(
        'Containers to run, all under the one name. Changing the number replaces none of them, but for strategy Recreate between one and several: one alone has the name itself.',
      ),
    imagePullPolicy: z
      .enum(['Never', 'IfNotPresent', 'Always'])
      .default('IfNotPresent')
      .describe('When the image is fetched from its registry.'),
    devices: z.array(z.string().min(1)).max(32).default([]).describe('Devices by path or CDI name.'),
    address: z.string().optional().describe('For runtime External: the host to probe.'),
    securityContext: securityContext
      .default(securityContext.parse({}))
      .describe('Privileges: none unless said otherwise.'),
    startupProbe: probe
      .optional()
      .describe('Until it succeeds the other probes wait; when it fails the container restarts.'),
    readinessProbe: probe.optional().describe('Whether the agent is Ready; its failure restarts nothing.'),
    livenessProbe: probe.optional().describe('When it fails the container restarts.'),
    restartPolicy: z
      .enum(['Always', 'OnFailure', 'Never'])
      .default('Always')
      .describe('After which exits the container is started again.'),
    terminationGracePeriodSeconds: seconds(30, 3600).describe('Seconds from the stop signal to the kill.'),
    stopSignal: z
      .string()
      .regex(new RegExp(`^SIG${SIGNAL_NAME}$`), 'must be a signal such as SIGTERM')
      .optional()
      .describe("Signal that asks to stop; by default the image's, else SIGTERM."),
    rollout: rollout.default(rollout.parse({})).describe('How a new revision comes in.'),
    driftPolicy: z
      .enum(['Correct', 'Report'])
      .default('Correct')
      .describe('Whether what was changed behind our back is put right or only told.'),
    reload: reload
      .optional()
      .describe(
        'What a change of a mounted ConfigMap or file leads to: None, or {signal: HUP}; by default a new revision. A changed Secret always is one: Podman copies it when the container is made.',
      ),
    suspend: z
      .boolean()
      .default(false)
      .describe('Nothing is changed for this agent while it is true; probes go on.'),
  })
  .superRefine(checkAgent, evenIfPartlyWrong)
  .meta({
    anyOf: [
      { required: ['image'] },
      { required: ['build'] },
      { required: ['runtime'], properties: { runtime: { enum: ['Process', 'External'] } } },
    ],
  });

export const agent = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal('Agent'),
  metadata: objectMeta,
  spec: agentSpec.describe('What is wanted.'),
});

export type Agent = z.output<typeof agent>;
export type AgentSpec = z.output<typeof agentSpec>;
