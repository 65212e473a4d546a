import type { Agent } from '../api/agent.ts';
import { parseQuantity } from '../api/quantity.ts';
import type { DesiredObject } from './desired.ts';
import { hasHolder, type Share, splitHolder } from './holder.ts';
import { resolveEnv } from './resolve-env.ts';
import { resolveMounts } from './resolve-mounts.ts';
import { resolveNetwork } from './resolve-network.ts';
import type { MissingInput, ResolutionContext, Resolver } from './resolver.ts';
import type { ContainerSecurity, ContainerTemplate, PublishedPort, ResourceLimits } from './template.ts';

export type Resolution =
  | (Share & { readonly missing?: never })
  | { readonly missing: readonly MissingInput[]; readonly template?: never };

export type ResolvedImage = ContainerTemplate['image'];

/**
 * Turns an agent's spec into the containers it asks for. Pure: every input is in the context. Asked at every look at the
 * agent: from the same inputs it is the same object, so that its hashes are known too.
 */
export function resolveAgent(context: ResolutionContext, image: ResolvedImage): Resolution {
  const before = resolved.get(context.agent);
  if (before && isSame(before, { context, image })) return before.resolution;
  const resolution = resolve(context, image);
  resolved.set(context.agent, { context, image, resolution });
  return resolution;
}

interface Inputs {
  readonly context: ResolutionContext;
  readonly image: ResolvedImage;
}

const resolved = new WeakMap<DesiredObject, Inputs & { readonly resolution: Resolution }>();

const isSame = (left: Inputs, right: Inputs): boolean =>
  left.image.id === right.image.id &&
  left.image.reference === right.image.reference &&
  left.context.objects === right.context.objects &&
  left.context.provisions === right.context.provisions &&
  left.context.installation === right.context.installation;

function resolve(context: ResolutionContext, image: ResolvedImage): Resolution {
  const resolver: Resolver = { ...context, missing: [] };
  const template = buildTemplate(resolver, image);
  if (resolver.missing.length > 0) return { missing: resolver.missing };
  return hasHolder(context.agent.manifest.spec) ? splitHolder(template) : { template };
}

function buildTemplate(resolver: Resolver, image: ResolvedImage): ContainerTemplate {
  const { spec, metadata } = resolver.agent.manifest;
  const { network, hostsMount } = resolveNetwork(resolver);
  return {
    image,
    ...(spec.command && { command: spec.command }),
    ...(spec.args && { args: spec.args }),
    ...(spec.workingDir && { workingDir: spec.workingDir }),
    ...(network.mode === 'bridge' && { hostname: metadata.name }),
    ...resolveEnv(resolver),
    mounts: [...resolveMounts(resolver), ...hostsMount],
    network,
    ports: publishedPorts(spec.ports, network.mode === 'bridge'),
    resources: resourceLimits(spec.resources),
    devices: spec.devices,
    security: containerSecurity(spec.securityContext),
    ...(spec.stopSignal && { stopSignal: spec.stopSignal }),
    stopGraceSeconds: spec.terminationGracePeriodSeconds,
  };
}

/** With host networking or in a pod nothing is published here. */
export function publishedPorts(ports: Agent['spec']['ports'], publishes: boolean): PublishedPort[] {
  if (!publishes) return [];
  return ports.flatMap(({ containerPort, hostPort, hostIP, protocol }) =>
    hostPort === undefined
      ? []
      : [
          {
            containerPort,
            hostPort,
            hostIP,
            protocol: protocol === 'TCP' ? ('tcp' as const) : ('udp' as const),
          },
        ],
  );
}

const SHARES_PER_CPU = 1024;
const MIN_SHARES = 2;

function resourceLimits({ limits, requests }: Agent['spec']['resources']): ResourceLimits {
  return {
    ...(limits?.cpu !== undefined && { cpus: parseQuantity(limits.cpu) }),
    ...(requests?.cpu !== undefined && {
      cpuShares: Math.max(MIN_SHARES, Math.round(parseQuantity(requests.cpu) * SHARES_PER_CPU)),
    }),
    ...(limits?.memory !== undefined && { memoryBytes: Math.floor(parseQuantity(limits.memory)) }),
    ...(limits?.pids !== undefined && { pids: limits.pids }),
  };
}

function containerSecurity(context: Agent['spec']['securityContext']): ContainerSecurity {
  const user = userText(context.runAsUser, context.runAsGroup);
  const groups = [
    ...(context.fsGroup === undefined ? [] : [context.fsGroup]),
    ...(context.supplementalGroups ?? []),
  ];
  return {
    ...(user !== undefined && { user }),
    groups: groups.map(String),
    addCapabilities: context.capabilities?.add ?? [],
    dropCapabilities: context.privileged ? [] : (context.capabilities?.drop ?? ['ALL']),
    readOnlyRootFilesystem: context.readOnlyRootFilesystem,
    noNewPrivileges: !context.allowPrivilegeEscalation && !context.privileged,
    privileged: context.privileged,
  };
}

const userText = (user: number | undefined, group: number | undefined): string | undefined => {
  if (user === undefined) return group === undefined ? undefined : `0:${group}`;
  return group === undefined ? String(user) : `${user}:${group}`;
};
