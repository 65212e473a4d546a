import { signalNumberOf } from '../api/signals.ts';
import type { ContainerTemplate, Mount, PodTemplate, PublishedPort } from '../state/template.ts';
import type { AttachedNetwork, NetworkAttachment, ResourceLimits } from '../state/template.ts';
import { PodmanError } from './errors.ts';
import type { CreateContainer, Labels } from './podman.ts';
import { staticAddress } from './static-address.ts';

/** One file of the log; conmon starts it anew when it is full, so this bounds the disk and what `logs` can tell. */
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const CPU_PERIOD_MICROSECONDS = 100_000;
/** The kernel refuses less. */
const CPU_QUOTA_FLOOR_MICROSECONDS = 1_000;
type Json = Readonly<Record<string, unknown>>;

/**
 * libpod's SpecGenerator for a container. Podman 4.3 silently ignores a field it does not know, so every one of these
 * was seen to take effect, by inspect and from inside; the contract suite looks again.
 */
export function containerSpec(request: CreateContainer): Json {
  const { template } = request;
  return {
    name: request.name,
    image: template.image.id,
    labels: request.labels,
    annotations: request.annotations,
    ...processSpec(template),
    ...securitySpec(template),
    ...mountsSpec(template.mounts),
    ...networkSpec(template.network, template.ports),
    ...(template.hostname === undefined ? {} : { hostname: template.hostname }),
    ...(request.sysctls && { sysctl: request.sysctls }),
    ...devicesSpec(template.devices),
    resource_limits: resourcesSpec(template.resources),
    // The controller restarts, probes and keeps the back-off; Podman's own ways need systemd timers or have no back-off.
    restart_policy: 'no',
    healthconfig: { Test: ['NONE'] },
    sdnotifyMode: 'ignore',
    systemd: 'false',
    log_configuration: { driver: 'k8s-file', size: LOG_LIMIT_BYTES },
  };
}

/** Kubernetes' words: `command` replaces the image's entrypoint (and then its cmd too), `args` only the cmd. */
function processSpec(template: ContainerTemplate): Json {
  const { command, args } = template;
  return {
    ...(command?.length ? { entrypoint: command, command: args ?? [] } : {}),
    ...(!command?.length && args?.length ? { command: args } : {}),
    ...(template.workingDir === undefined ? {} : { work_dir: template.workingDir }),
    env: template.env,
    secret_env: template.secretEnv,
    stop_timeout: template.stopGraceSeconds,
    ...(template.stopSignal === undefined ? {} : { stop_signal: signalNumber(template.stopSignal) }),
  };
}

/**
 * libpod takes a signal's number, not its name.
 * @throws PodmanError BadRequest for a name that is none
 */
export function signalNumber(signal: string): number {
  const number = signalNumberOf(signal.toUpperCase().replace(/^SIG/, '')) ?? Number(signal);
  if (Number.isInteger(number) && number >= 1 && number <= 64) return number;
  throw new PodmanError('BadRequest', `unknown stop signal ${signal}; write it as SIGTERM, or as its number`);
}

function securitySpec(template: ContainerTemplate): Json {
  const { security } = template;
  return {
    ...(security.user === undefined ? {} : { user: security.user }),
    groups: security.groups,
    cap_add: security.addCapabilities.map(capability),
    cap_drop: security.dropCapabilities.map(capability),
    privileged: security.privileged,
    no_new_privileges: security.noNewPrivileges,
    read_only_filesystem: security.readOnlyRootFilesystem,
    // Without it 5.x makes /dev/shm read-only too; 4.3 does not know it and leaves /dev/shm writable.
    read_write_tmpfs: true,
  };
}

/** Kubernetes writes NET_ADMIN, Podman CAP_NET_ADMIN; ALL has no prefix in either. */
const capability = (name: string): string =>
  (/^(ALL$|CAP_)/i.test(name) ? name : `CAP_${name}`).toUpperCase();

export function mountsSpec(mounts: readonly Mount[]): Json {
  return {
    mounts: mounts.flatMap((mount) => fileMount(mount) ?? []),
    volumes: mounts.flatMap((mount) =>
      mount.type === 'volume'
        ? [
            {
              Name: mount.name,
              Dest: mount.target,
              Options: [mount.readOnly ? 'ro' : 'rw'],
              // Only 5.x knows it: `bindSubPaths` leaves it to nobody else.
              ...(mount.subPath === undefined ? {} : { SubPath: mount.subPath }),
            },
          ]
        : [],
    ),
    secrets: mounts.flatMap((mount) =>
      mount.type === 'secret'
        ? [{ source: mount.secret, target: mount.target, mode: mount.mode, uid: mount.uid, gid: mount.gid }]
        : [],
    ),
  };
}

function fileMount(mount: Mount): Json | undefined {
  if (mount.type === 'bind') {
    const options = ['rbind', mount.readOnly ? 'ro' : 'rw'];
    return { type: 'bind', source: mount.source, destination: mount.target, options };
  }
  if (mount.type !== 'tmpfs') return undefined;
  const size = mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`];
  const options = ['rw', 'nosuid', 'nodev', `mode=${mount.mode.toString(8)}`, ...size];
  return { type: 'tmpfs', source: 'tmpfs', destination: mount.target, options };
}

export function networkSpec(network: NetworkAttachment, ports: readonly PublishedPort[]): Json {
  switch (network.mode) {
    case 'host':
    case 'none':
      return { netns: { nsmode: network.mode } };
    case 'pod':
      return { pod: network.pod };
    case 'bridge':
      return {
        netns: { nsmode: 'bridge' },
        Networks: Object.fromEntries(
          network.networks.map((attached) => [attached.name, attachment(attached)]),
        ),
        portmappings: ports.map(portMapping),
      };
  }
}

const attachment = (attached: AttachedNetwork): Json => ({
  aliases: attached.aliases,
  ...staticAddress(attached.ip),
});

const portMapping = (port: PublishedPort): Json => ({
  container_port: port.containerPort,
  host_port: port.hostPort,
  host_ip: port.hostIP,
  protocol: port.protocol,
});

/** Swap equals memory: a container may not use more than its limit by swapping. */
export function resourcesSpec(limits: ResourceLimits): Json {
  const { cpus, cpuShares, memoryBytes, pids } = limits;
  return {
    ...(cpus === undefined && cpuShares === undefined ? {} : { cpu: cpuSpec(cpus, cpuShares) }),
    ...(memoryBytes === undefined ? {} : { memory: { limit: memoryBytes, swap: memoryBytes } }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
}

function cpuSpec(cpus: number | undefined, shares: number | undefined): Json {
  return {
    ...(cpus === undefined ? {} : { quota: cpuQuota(cpus), period: CPU_PERIOD_MICROSECONDS }),
    ...(shares === undefined ? {} : { shares }),
  };
}

const cpuQuota = (cpus: number): number =>
  Math.max(CPU_QUOTA_FLOOR_MICROSECONDS, Math.round(cpus * CPU_PERIOD_MICROSECONDS));

/** A CDI name (`vendor.com/class=name`) goes the same way as a path: Podman tells them apart. */
const devicesSpec = (devices: readonly string[]): Json =>
  devices.length === 0 ? {} : { devices: devices.map((path) => ({ path })) };

/** libpod's PodSpecGenerator. The pod outlives its members: it ends when it is removed. */
export function podSpec(name: string, template: PodTemplate, labels: Labels): Json {
  const { mounts, volumes } = mountsSpec(template.mounts);
  return {
    name,
    labels,
    hostname: template.hostname,
    shared_namespaces: template.sharedNamespaces,
    exit_policy: 'continue',
    mounts,
    volumes,
    ...networkSpec(template.network, template.ports),
  };
}
