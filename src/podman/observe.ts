import type {
  ContainerState,
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedPod,
  ObservedVolume,
} from '../state/observed.ts';
import type { ResourceLimits } from '../state/template.ts';
import type { ContainerSummary } from './podman.ts';
import type {
  WireContainer,
  WireContainerSummary,
  WireImage,
  WireNetwork,
  WirePod,
  WirePorts,
  WireVolume,
} from './wire.ts';

const STATES: ReadonlySet<string> = new Set<ContainerState>([
  'created',
  'initialized',
  'running',
  'paused',
  'stopping',
  'exited',
  'removing',
]);

/**
 * `stopped` is a container that ended and is not yet cleaned up: to us it has exited. So has one that ran when its host
 * went down, which Podman before 5.0 takes for one that was never started.
 */
const stateOf = (status: string | undefined, startedAtMs: number): ContainerState => {
  if (status === 'stopped') return 'exited';
  if (status === 'created' || status === 'configured') return startedAtMs > 0 ? 'exited' : 'created';
  return STATES.has(status ?? '') ? (status as ContainerState) : 'unknown';
};

/** Go's zero time, year 1, means never. */
const timeMs = (text: string | undefined): number => Math.max(0, Date.parse(text ?? '') || 0);

export function observedContainer(wire: WireContainer): ObservedContainer {
  const { State: state = {}, Config: config = {}, HostConfig: host = {} } = wire;
  const startedAtMs = timeMs(state.StartedAt);
  return {
    id: wire.Id,
    name: wire.Name,
    labels: config.Labels ?? {},
    annotations: config.Annotations ?? {},
    state: stateOf(state.Status, startedAtMs),
    pid: state.Pid ?? 0,
    startedAtMs,
    finishedAtMs: timeMs(state.FinishedAt),
    createdAtMs: timeMs(wire.Created),
    exitCode: state.ExitCode ?? 0,
    oomKilled: state.OOMKilled ?? false,
    error: state.Error ?? '',
    imageId: bareId(wire.Image ?? ''),
    ...(wire.Pod ? { podId: wire.Pod } : {}),
    hostNetwork: host.NetworkMode === 'host',
    networks: addressesOf(wire),
    ports: portsOf(host.PortBindings ?? {}),
    resources: limitsOf(wire),
  };
}

/** Some replies write `sha256:` before an image's id, some do not; ours never do. */
export const bareId = (id: string): string => id.replace(/^sha256:/, '');

function addressesOf(wire: WireContainer): Record<string, string> {
  const networks = Object.entries(wire.NetworkSettings?.Networks ?? {});
  return Object.fromEntries(
    networks.flatMap(([name, { IPAddress }]) => (IPAddress ? [[name, IPAddress] as const] : [])),
  );
}

function portsOf(bindings: NonNullable<WirePorts>): ObservedContainer['ports'] {
  return Object.entries(bindings).flatMap(([key, hosts]) => {
    const [port, protocol = 'tcp'] = key.split('/');
    return (hosts ?? []).map(({ HostIp, HostPort }) => ({
      containerPort: Number(port),
      hostPort: Number(HostPort ?? 0),
      hostIP: HostIp ?? '',
      protocol,
    }));
  });
}

/** Podman's own default of pids, when nobody set any, reads as a limit too: 2048. */
function limitsOf(wire: WireContainer): ResourceLimits {
  const { CpuQuota = 0, CpuPeriod = 0, CpuShares = 0, Memory = 0, PidsLimit = 0 } = wire.HostConfig ?? {};
  return {
    ...(CpuQuota > 0 && CpuPeriod > 0 ? { cpus: CpuQuota / CpuPeriod } : {}),
    ...(CpuShares > 0 ? { cpuShares: CpuShares } : {}),
    ...(Memory > 0 ? { memoryBytes: Memory } : {}),
    ...(PidsLimit > 0 ? { pids: PidsLimit } : {}),
  };
}

export function containerSummary(wire: WireContainerSummary): ContainerSummary {
  const startedAtMs = Math.max(0, wire.StartedAt ?? 0) * 1_000;
  return {
    id: wire.Id,
    name: wire.Names?.[0] ?? '',
    state: stateOf(wire.State, startedAtMs),
    pid: wire.Pid ?? 0,
    labels: wire.Labels ?? {},
    startedAtMs,
  };
}

/** @param infra the pod's infra container, absent when somebody removed it */
export function observedPod(wire: WirePod, infra: ObservedContainer | undefined): ObservedPod {
  const infraId = wire.InfraContainerID ?? '';
  return {
    id: wire.Id,
    name: wire.Name,
    labels: wire.Labels ?? {},
    state: wire.State ?? 'Unknown',
    infraId,
    infraState: infra?.state ?? 'unknown',
    infraPid: infra?.pid ?? 0,
    infraStartedAtMs: infra?.startedAtMs ?? 0,
    containerIds: (wire.Containers ?? []).map(({ Id }) => Id).filter((id) => id !== infraId),
    networks: infra?.networks ?? {},
  };
}

export const observedNetwork = (wire: WireNetwork): ObservedNetwork => ({
  name: wire.name,
  id: wire.id,
  driver: wire.driver ?? '',
  labels: wire.labels ?? {},
  subnets: (wire.subnets ?? []).map(({ subnet, gateway }) => ({
    cidr: subnet ?? '',
    gateway: gateway ?? '',
  })),
  internal: wire.internal ?? false,
  dnsEnabled: wire.dns_enabled ?? false,
  options: wire.options ?? {},
});

export const observedVolume = (wire: WireVolume): ObservedVolume => ({
  name: wire.Name,
  labels: wire.Labels ?? {},
  driver: wire.Driver ?? '',
  options: wire.Options ?? {},
  mountpoint: wire.Mountpoint ?? '',
});

export const observedImage = (wire: WireImage): ObservedImage => ({
  id: bareId(wire.Id),
  references: wire.RepoTags ?? [],
  labels: wire.Labels ?? {},
});
