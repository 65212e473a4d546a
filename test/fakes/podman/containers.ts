import type { CreateContainer, Podman } from '../../../src/podman/podman.ts';
import type { ObservedContainer } from '../../../src/state/observed.ts';
import { addressesOf, assignAddresses, attachmentsOf } from './addresses.ts';
import {
  emitOf,
  endInfra,
  endProcess,
  sendSignal,
  startInfra,
  startProcess,
  stopProcess,
  wake,
} from './process.ts';
import {
  type FakeContainer,
  type FakePod,
  failure,
  findContainer,
  findPod,
  isUp,
  matches,
  requireContainer,
  requireFreeName,
  type World,
} from './world.ts';

/** Those that the tests send; Podman looks at a signal before it looks for the container. */
const SIGNALS: ReadonlySet<string> = new Set(['HUP', 'INT', 'KILL', 'TERM', 'USR1', 'USR2', '9', '15']);

/** Podman's own, where nothing was asked for. */
const DEFAULT_PIDS = 2_048;

type ContainerCalls = Pick<
  Podman,
  | 'listContainers'
  | 'inspectContainer'
  | 'createContainer'
  | 'endCutOffStart'
  | 'startContainer'
  | 'stopContainer'
  | 'killContainer'
  | 'removeContainer'
  | 'renameContainer'
  | 'updateContainer'
  | 'exec'
>;

export function fakeContainers(world: World): ContainerCalls {
  return {
    listContainers: async (labels) =>
      [...world.containers.values()]
        .filter((container) => matches(container.request.labels, labels))
        .map(({ id, name, state, pid, startedAtMs, request }) => ({
          id,
          name,
          state,
          pid,
          labels: request.labels,
          // The list tells whole seconds only.
          startedAtMs: Math.floor(startedAtMs / 1_000) * 1_000,
        })),

    inspectContainer: async (nameOrId) => {
      const container = findContainer(world, nameOrId);
      return container && observed(container);
    },

    createContainer: async (request) => ({ id: createContainer(world, request).id, warnings: [] }),

    endCutOffStart: async (nameOrId) => world.cutOff.delete(findContainer(world, nameOrId)?.id ?? ''),

    startContainer: async (nameOrId) => {
      const pod = [...world.pods.values()].find(({ infraId }) => infraId === nameOrId);
      if (pod) return startInfra(world, pod);
      const container = requireContainer(world, nameOrId);
      if (!isUp(container.state)) startProcess(world, container);
    },

    stopContainer: async (nameOrId, graceSeconds) => {
      const pod = [...world.pods.values()].find(({ infraId }) => infraId === nameOrId);
      if (pod) return endInfra(world, pod);
      const container = findContainer(world, nameOrId);
      if (container && isUp(container.state)) await stopProcess(world, container, graceSeconds);
    },

    killContainer: async (nameOrId, signal) => {
      if (!SIGNALS.has(signal.toUpperCase().replace(/^SIG/, '')))
        throw failure('BadRequest', `invalid signal: ${signal}`);
      const container = requireContainer(world, nameOrId);
      if (!isUp(container.state)) throw improperState('can only kill running containers');
      emitOf(world, container, 'kill');
      sendSignal(world, container, signal);
    },

    removeContainer: async (nameOrId) => {
      const container = findContainer(world, nameOrId);
      if (container) removeContainer(world, container);
      else world.ghosts.delete(nameOrId);
    },

    renameContainer: async (nameOrId, name) => {
      const container = requireContainer(world, nameOrId);
      if (container.name === name) return;
      requireFreeName(world, name);
      container.name = name;
      emitOf(world, container, 'rename');
    },

    // As 4.3: the cgroup changes, what inspect tells does not.
    updateContainer: async (nameOrId) => void requireContainer(world, nameOrId),

    exec: async (nameOrId, command, signal) => {
      signal.throwIfAborted();
      const container = requireContainer(world, nameOrId);
      if (!isUp(container.state)) throw improperState('can only create exec sessions on running containers');
      const program = world.program(container.request.template);
      return program.exec?.(command) ?? { exitCode: 0, output: '' };
    },
  };
}

const improperState = (words: string) => failure('Other', `${words}: container state improper`);

function createContainer(world: World, request: CreateContainer): FakeContainer {
  const { template } = request;
  requireImage(world, template.image.id);
  const podId = podOf(world, request);
  const attachments = attachmentsOf(world, template.network);
  requireSecrets(world, request);
  requireFreeName(world, request.name);
  makeVolumes(world, request);
  const container: FakeContainer = {
    id: world.newId(),
    name: request.name,
    // What the caller keeps and changes later must not change the container.
    request: structuredClone(request),
    createdAtMs: world.clock.now(),
    state: 'created',
    pid: 0,
    startedAtMs: 0,
    upSinceMs: 0,
    finishedAtMs: 0,
    exitCode: 0,
    oomKilled: false,
    podId,
    attachments,
    log: [],
    route: [],
    cancels: [],
    watchers: new Set(),
  };
  world.containers.set(container.id, container);
  emitOf(world, container, 'create');
  return container;
}

export function removeContainer(world: World, container: FakeContainer): void {
  endProcess(world, container, { exitCode: 137 });
  world.containers.delete(container.id);
  emitOf(world, container, 'remove');
  wake(container);
}

function requireImage(world: World, id: string): void {
  const known =
    world.images.has(id) || [...world.images.values()].some((image) => image.references.includes(id));
  if (!known) throw failure('ImageUnknown', `${id}: image not known`);
}

function podOf(world: World, request: CreateContainer): string | undefined {
  const { network } = request.template;
  if (network.mode !== 'pod') return undefined;
  const pod = findPod(world, network.pod);
  if (!pod) throw failure('NotFound', `no pod with name or ID ${network.pod} found: no such pod`);
  return pod.id;
}

function requireSecrets(world: World, { template }: CreateContainer): void {
  const mounted = template.mounts.flatMap((mount) => (mount.type === 'secret' ? [mount.secret] : []));
  for (const name of [...Object.values(template.secretEnv), ...mounted]) {
    if (!world.secrets.has(name))
      throw failure('NotFound', `no secret with name or id "${name}": no such secret`);
  }
}

/** A volume that is named and not there is made, without a label. */
function makeVolumes(world: World, { template }: CreateContainer): void {
  for (const mount of template.mounts) {
    if (mount.type !== 'volume' || world.volumes.has(mount.name)) continue;
    const { name } = mount;
    world.volumes.set(name, { name, labels: {}, driver: 'local', options: {}, mountpoint: `/fake/${name}` });
  }
}

export function observed(container: FakeContainer): ObservedContainer {
  const { request, podId, ...rest } = container;
  const { template } = request;
  return {
    id: rest.id,
    name: rest.name,
    labels: request.labels,
    annotations: request.annotations,
    state: rest.state,
    pid: rest.pid,
    startedAtMs: rest.startedAtMs,
    finishedAtMs: rest.finishedAtMs,
    createdAtMs: rest.createdAtMs,
    exitCode: rest.exitCode,
    oomKilled: rest.oomKilled,
    error: '',
    imageId: template.image.id,
    ...(podId === undefined ? {} : { podId }),
    hostNetwork: template.network.mode === 'host',
    networks: addressesOf(container),
    ports: template.ports.map((port) => ({ ...port })),
    resources: { pids: DEFAULT_PIDS, ...template.resources },
  };
}

/** A pod is connected by its infra container. */
export function connect(
  world: World,
  holder: FakeContainer | FakePod,
  wanted: { readonly network: string; readonly ip?: string; readonly aliases: readonly string[] },
): void {
  const { template } = 'request' in holder ? holder.request : holder;
  if (template.network.mode !== 'bridge') {
    throw failure('BadRequest', `container ${holder.name}: invalid network mode`);
  }
  if (holder.attachments.has(wanted.network)) return;
  holder.attachments.set(wanted.network, { wantedIp: wanted.ip, aliases: wanted.aliases, ip: undefined });
  if (!isUp('state' in holder ? holder.state : holder.infraState)) return;
  try {
    assignAddresses(world, holder);
  } catch (error) {
    holder.attachments.delete(wanted.network);
    throw error;
  }
}
