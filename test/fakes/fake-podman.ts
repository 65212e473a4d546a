import type { Clock } from '../../src/manager/clock.ts';
import type { Labels, Podman } from '../../src/podman/podman.ts';
import type { Traffic } from '../../src/podman/traffic.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { fakeContainers, observed } from './podman/containers.ts';
import { addImage, fakeImages } from './podman/images.ts';
import { fakePods } from './podman/pods.ts';
import { endInfra, endProcess, loseProcess, writeLog } from './podman/process.ts';
import { fakeResources } from './podman/resources.ts';
import { fakeTraffic } from './podman/traffic.ts';
import { createEventBus, type DeliverEvent, type EventBus, readLog } from './podman/streams.ts';
import {
  failure,
  fakeId,
  findContainer,
  findPod,
  isUp,
  type Program,
  requireContainer,
  sleep,
  type World,
} from './podman/world.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';

export type { Program } from './podman/world.ts';
export type { DeliverEvent } from './podman/streams.ts';

export interface FakeCall {
  readonly method: keyof Podman;
  readonly args: readonly unknown[];
  readonly atMs: number;
}

/** May throw a `PodmanError`, or wait: before the call, so that nothing happens, or after it, so that it did. */
export type FaultHook = (call: FakeCall) => void | Promise<void>;

export interface FakePodmanOptions {
  /** The host's wall clock: what Podman stamps things with. */
  readonly clock: Clock;
  /** Time as processes live it, whatever the wall clock is set to; the clock's own by default. */
  readonly uptimeMs?: () => number;
  readonly program?: (template: ContainerTemplate) => Program;
}

export interface FakeControls {
  /** Every call so far, in order; assign `[]` to forget. */
  calls: FakeCall[];
  beforeCall: FaultHook;
  afterCall: FaultHook;
  /** How long a call takes; 0 (the default) answers without the clock. */
  latencyMs: (call: FakeCall) => number;
  /** What processes do; also of containers that exist already, from their next start or signal on. */
  setProgram(program: (template: ContainerTemplate) => Program): void;
  setDelivery(deliver: DeliverEvent): void;
  /** @returns the image's id */
  addImage(reference: string, labels?: Labels): string;
  /** A commit is cut off: until what it left is removed nothing is listed, and `hidden` cannot be looked at. Alone it is in nobody's way. */
  breakImage(hidden?: string): void;
  /** A create is cut off: it leaves storage without a container, which takes the name. */
  leaveGhost(name: string): void;
  ghosts(): string[];
  /** Makes a reference known to `pullImage`. */
  serveImage(reference: string, labels?: Labels): void;
  /** A process that is none of Podman's listens there. */
  occupyPort(port: number): void;
  freePort(port: number): void;
  /** Podman's service dies in the start of a container, after its runtime made it and before that is noted. */
  cutOffStart(nameOrId: string): void;
  /** By a container whose start was cut off. */
  isListenedOn(port: number): boolean;
  /** The process of a container ends behind everybody's back. */
  kill(nameOrId: string, exitCode: number, options?: { readonly oom?: boolean }): void;
  killInfra(pod: string): void;
  log(nameOrId: string, text: string, stream?: 'stdout' | 'stderr'): void;
  /** What a probe would find, by the container's program. */
  isReady(nameOrId: string): boolean;
  /** All containers, stopped ones too, without a call. */
  containers(): ObservedContainer[];
  /** Id and name of all containers, without a look at anything else of them. */
  names(): Iterable<readonly [id: string, name: string]>;
  /** The name of the container or pod of this id. */
  nameOf(id: string): string | undefined;
  /** The same Podman, for a person: nothing is recorded, and nothing made to fail. */
  readonly byHand: Podman;
  secretValue(name: string): Uint8Array | undefined;
  /** A holder was told where to send traffic. */
  onRoute: (holderId: string, to: readonly string[]) => void;
  /** The rules in the network namespaces of its containers. */
  readonly traffic: Traffic;
  /** Until `up`: every call fails with `Unreachable`, and event streams break. Containers go on. */
  down(): void;
  up(): void;
  /** The host restarts: nothing runs any more, what was stopped is remembered. */
  reboot(): void;
  /** A reboot in which nobody sees the end of a container. */
  losePower(): void;
}

export type FakePodman = Podman & { readonly controls: FakeControls };

/** Podman in memory: the same interface, the same refusals, time by the clock. The contract suite keeps it honest. */
export function createFakePodman(options: FakePodmanOptions): FakePodman {
  const bus = createEventBus(options.clock);
  const world = createWorld(options, bus);
  const state = { isDown: false };
  const calls: Podman = {
    ping: async () => ({ apiVersion: '4.3.1' }),
    info: async () => INFO,
    ...fakeContainers(world),
    ...fakePods(world),
    ...fakeResources(world),
    ...fakeImages(world),
    logs: (name, logOptions, signal) => readLog(world, name, logOptions, signal),
    events: (sinceMs, signal) => bus.events(sinceMs, signal),
  };
  const controls = Object.assign(createControls(world, bus, state), { byHand: calls });
  return { ...guarded(world, calls, controls, state), controls };
}

const INFO = {
  version: '4.3.1',
  rootless: false,
  cgroupVersion: 'v2',
  cgroupControllers: ['cpu', 'memory', 'pids'],
  runRoot: '/fake/run',
  graphRoot: '/fake/storage',
  storageDriver: 'overlay',
  networkBackend: 'netavark',
} as const;

function createWorld(options: FakePodmanOptions, bus: EventBus): World {
  const { clock, program = () => ({}), uptimeMs = () => clock.now() } = options;
  let ids = 0;
  let pids = 1_000;
  return {
    clock,
    uptimeMs,
    containers: new Map(),
    pods: new Map(),
    networks: new Map(),
    volumes: new Map(),
    secrets: new Map(),
    images: new Map(),
    brokenImages: new Map(),
    ghosts: new Set(),
    cutOff: new Set(),
    registry: new Map(),
    foreignPorts: new Set(),
    program,
    emit: (event) => bus.emit(event),
    newId: () => fakeId(`object ${(ids += 1)}`),
    newPid: () => (pids += 1),
  };
}

function createControls(
  world: World,
  bus: EventBus,
  state: { isDown: boolean },
): Omit<FakeControls, 'byHand'> {
  const controls: Omit<FakeControls, 'byHand'> = {
    calls: [],
    beforeCall: () => {},
    afterCall: () => {},
    latencyMs: () => 0,
    setProgram: (program) => {
      world.program = program;
    },
    setDelivery: (deliver) => bus.setDelivery(deliver),
    addImage: (reference, labels = {}) => addImage(world, reference, { labels, contents: reference }),
    breakImage: (hidden) => void world.brokenImages.set(world.newId(), hidden),
    leaveGhost: (name) => void world.ghosts.add(name),
    ghosts: () => [...world.ghosts],
    serveImage: (reference, labels = {}) => void world.registry.set(reference, labels),
    occupyPort: (port) => void world.foreignPorts.add(port),
    freePort: (port) => void world.foreignPorts.delete(port),
    cutOffStart: (nameOrId) => {
      const container = findContainer(world, nameOrId);
      if (container && !isUp(container.state)) world.cutOff.add(container.id);
    },
    isListenedOn: (port) =>
      [...world.containers.values()].some(
        ({ id, request }) =>
          world.cutOff.has(id) && request.template.ports.some(({ hostPort }) => hostPort === port),
      ),
    kill: (nameOrId, exitCode, { oom = false } = {}) =>
      endProcess(world, requireContainer(world, nameOrId), { exitCode, oomKilled: oom }),
    killInfra: (name) => {
      const pod = findPod(world, name);
      if (pod) endInfra(world, pod);
    },
    log: (nameOrId, text, stream = 'stdout') =>
      writeLog(world, requireContainer(world, nameOrId), { stream, text }),
    isReady: (nameOrId) => isReady(world, nameOrId),
    containers: () => [...world.containers.values()].map(observed),
    names: () => [...world.containers].map(([id, { name }]) => [id, name] as const),
    nameOf: (id) => (world.containers.get(id) ?? world.pods.get(id))?.name,
    secretValue: (name) => world.secrets.get(name),
    onRoute: () => {},
    traffic: fakeTraffic(world, (holderId, to) => controls.onRoute(holderId, to)),
    down: () => {
      state.isDown = true;
      bus.disconnectAll();
    },
    up: () => {
      state.isDown = false;
    },
    reboot: () => {
      world.cutOff.clear();
      for (const container of world.containers.values()) endProcess(world, container, { exitCode: 0 });
      for (const pod of world.pods.values()) endInfra(world, pod);
    },
    losePower: () => {
      world.cutOff.clear();
      for (const container of world.containers.values()) loseProcess(world, container);
      for (const pod of world.pods.values()) endInfra(world, pod);
    },
  };
  return controls;
}

function isReady(world: World, nameOrId: string): boolean {
  const container = requireContainer(world, nameOrId);
  if (!isUp(container.state)) return false;
  const { readyAfterMs = 0, unreadyAfterMs = Number.POSITIVE_INFINITY } = world.program(
    container.request.template,
  );
  const runningMs = world.uptimeMs() - container.upSinceMs;
  return runningMs >= readyAfterMs && runningMs < unreadyAfterMs;
}

type Method = (...args: unknown[]) => unknown;

/** Every call is recorded, may be made to fail, and may take its time; a stream only before its first item. */
function guarded(
  world: World,
  calls: Podman,
  controls: FakeControls,
  state: { readonly isDown: boolean },
): Podman {
  const enter = async (method: keyof Podman, args: readonly unknown[]): Promise<FakeCall> => {
    const call = { method, args, atMs: world.clock.now() };
    controls.calls.push(call);
    const latencyMs = controls.latencyMs(call);
    const wasDown = state.isDown;
    if (latencyMs > 0) await sleep(world.clock, latencyMs);
    if (state.isDown && !wasDown && method === 'startContainer') controls.cutOffStart(String(args[0]));
    if (state.isDown) throw failure('Unreachable', `Podman could not ${method}: connect ECONNREFUSED`);
    await controls.beforeCall(call);
    return call;
  };
  const asPromise =
    (method: keyof Podman, call: Method): Method =>
    async (...args) => {
      const entered = await enter(method, args);
      const result = await call(...args);
      await controls.afterCall(entered);
      return result;
    };
  const asStream = (method: keyof Podman, call: Method): Method =>
    async function* (...args) {
      await enter(method, args);
      yield* call(...args) as AsyncIterable<unknown>;
    };
  const wrap = ([name, call]: [string, unknown]): [string, Method] => {
    const method = name as keyof Podman;
    const isStream = method === 'logs' || method === 'events';
    return [name, isStream ? asStream(method, call as Method) : asPromise(method, call as Method)];
  };
  return Object.fromEntries(Object.entries(calls).map(wrap)) as unknown as Podman;
}
