import type { Adapters } from '../../src/adapters.ts';
import { messageOf } from '../../src/api/errors.ts';
import { keyString } from '../../src/api/key.ts';
import type { Kind } from '../../src/api/kinds.ts';
import { assemble, type Engine } from '../../src/assemble.ts';
import type { SyncWindow } from '../../src/api/sync-window.ts';
import type { AgentStatus } from '../../src/api/status.ts';
import { DEFAULT_CONCURRENT_ROLLOUTS } from '../../src/config.ts';
import { recoverState, settleIntents } from '../../src/boot.ts';
import type { ProbeOutcome } from '../../src/probe/probe.ts';
import type { DesiredObject, ResolvedInputs, Snapshot } from '../../src/state/desired.ts';
import { DIRECTORY_ABSENCE_MS } from '../../src/state/merge-desired.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import type { Clock } from '../../src/manager/clock.ts';
import { storeError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import { desiredFrom } from './desired-objects.ts';
import { createFakePodman, type FakePodman, type Program } from './fake-podman.ts';
import {
  createIncarnation,
  type Incarnation,
  type Latency,
  type OnCrossing,
  type TearableFiles,
} from './incarnation.ts';
import { createRecordingLog, type RecordingLog } from './log.ts';
import { createMemoryFiles, type MemoryFiles, memoryStore, type Remains } from './memory-store.ts';
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts';

export interface SimulatedHost {
  readonly clock: SimulatedClock;
  readonly podman: FakePodman;
  readonly log: RecordingLog;
  readonly store: () => Store;
  readonly engine: () => Engine;
  /** Puts manifests in place; the controller notices as it would a file event. */
  apply(...manifests: readonly object[]): Promise<void>;
  remove(kind: Kind, name: string): Promise<void>;
  /** What a manifest says cannot be had, such as a Secret that is encrypted for somebody else; or it can again. */
  refuse(kind: Kind, name: string, message: string | undefined): Promise<void>;
  /** The manifests cannot be read, or can again. */
  loseRoot(error: string | undefined): Promise<void>;
  start(): Promise<void>;
  /** Starts it without waiting, and again while that fails: as a service manager would. */
  launch(): void;
  stop(): Promise<void>;
  /** It has not yet begun to reconcile. */
  isBooting(): boolean;
  /** The controller is gone between two instructions, and with it all that it was about to do; what it wrote stays. */
  crash(): void;
  /** The whole host restarts, and the controller with it. */
  reboot(): Promise<void>;
  /** The whole host restarts without a warning: what was not fsynced is old, new or torn, as `pick` says. */
  losePower(pick: (path: string) => Remains): Promise<void>;
  /** The state directory is lost; call it while nothing runs. */
  loseState(): void;
  /** The wall clock of the host and of Podman is set; time itself goes on as before. */
  jump(byMs: number): void;
  /** Every change of the state directory fails. */
  diskFull: boolean;
  /** What the state directory holds, and how much of it would survive a loss of power. */
  readonly disk: () => MemoryFiles;
  /** What every call to Podman takes; nothing by default. */
  latency: Latency;
  /** Called wherever the controller touches the world: it may be killed there. */
  onCrossing: OnCrossing;
  /** Called with every change of the state directory that is about to succeed. */
  onStateChange: (path: string, text: string) => void;
  status(name: string): AgentStatus | undefined;
  phases(): Record<string, string>;
  until(condition: () => boolean, limitMs?: number): Promise<void>;
  /** Names of the running containers, sorted. */
  running(): string[];
  /** The program of each agent, by the name in its env `AGENT`. */
  readonly programs: Map<string, (template: ContainerTemplate) => Program>;
  /** When what is new is applied; always, unless a test says so. */
  syncWindow: (nowMs: number) => SyncWindow;
  readonly takenPorts: Set<number>;
  /** What the next start of the controller is told. */
  maxConcurrentRollouts: number;
  /** What the source finds on the host for an object of this name: digests of directories, base images. */
  readonly inputs: Map<string, ResolvedInputs>;
  random: () => number;
}

export const NAMESPACE = 'sim';
export const IMAGE = 'localhost/agent:1';
const HOME = 'home';
const RELAUNCH_MS = 2_000;

/** A whole host in memory: the real controller on a fake Podman, a disk in memory and a clock that is told to move. */
export async function createSimulatedHost(): Promise<SimulatedHost> {
  const clock = createSimulatedClock();
  let skewMs = 0;
  const wall: Clock = { ...clock, now: () => clock.now() + skewMs, uptimeMs: clock.now };
  const programs: SimulatedHost['programs'] = new Map();
  const podman = createFakePodman({
    clock: wall,
    uptimeMs: () => clock.now(),
    program: (template) => programs.get(template.env['AGENT'] ?? '')?.(template) ?? {},
  });
  podman.controls.addImage(IMAGE);
  let disk = createMemoryFiles();
  const log = createRecordingLog();
  const manifests = new Map<string, DesiredObject>();
  const refused = new Map<string, string>();
  const takenPorts = new Set<number>();
  const inputs: SimulatedHost['inputs'] = new Map();
  let rootError: string | undefined;
  let notify = (): void => undefined;
  let store: Store | undefined;
  let engine: Engine | undefined;
  let incarnation: Incarnation | undefined;
  let boots = 1;

  const snapshot = (): Snapshot => ({
    objects: new Map(
      [...manifests].filter(([id]) => !refused.has(id)).map(([id, object]) => [id as never, object]),
    ),
    problems: [...refused].flatMap(([id, message]) => {
      const { key, position } = manifests.get(id) ?? {};
      return key && position ? [{ reason: 'InvalidManifest' as const, message, key, position }] : [];
    }),
    complete: true,
    ...(rootError !== undefined && { rootError }),
    origin: 'simulation',
    takenAtMs: wall.now(),
  });
  const probe = (containerId: string): ProbeOutcome => {
    try {
      return podman.controls.isReady(containerId)
        ? { verdict: 'Success', message: 'ok' }
        : { verdict: 'Failure', message: 'status is error' };
    } catch (error) {
      return { verdict: 'Unknown', message: messageOf(error) };
    }
  };
  const adapters: Omit<Adapters, 'traffic'> = {
    source: {
      absenceMs: DIRECTORY_ABSENCE_MS,
      read: () => Promise.resolve(snapshot()),
      watch: ({ onChange }) => {
        notify = onChange;
        return { close: () => Promise.resolve() };
      },
      fetch: () => Promise.resolve(),
      status: () => ({ type: 'Directory', origin: 'simulation' }),
      collect: () => Promise.resolve(),
    },
    runProbe: (_probe, { containerId }) => Promise.resolve(probe(containerId)),
    isPortFree: (_ip, port) => Promise.resolve(!takenPorts.has(port) && !podman.controls.isListenedOn(port)),
    architecture: 'x64',
    files: {
      configMapPaths: (name, digest) => ({
        directory: `/state/${name}/${digest}`,
        liveDirectory: `/state/${name}/live`,
      }),
      hostsPath: (network) => `/state/hosts/${network}`,
      writeConfigMap: (name, digest) =>
        Promise.resolve({ directory: `/state/${name}/${digest}`, liveDirectory: `/state/${name}/live` }),
      removeConfigMap: () => Promise.resolve(),
      writeHosts: (network) => Promise.resolve(`/state/hosts/${network}`),
      removeHosts: () => Promise.resolve(),
      volumeExports: () => Promise.resolve([]),
      volumeExport: (name) => Promise.resolve(`/state/exports/${name}.tar`),
    },
    random: () => host.random(),
    newUid: () => `uid-${(uids += 1)}`,
    close: () => Promise.resolve(),
  };
  let uids = 0;
  const watched: TearableFiles = {
    read: (path) => disk.read(path),
    list: (directory) => disk.list(directory),
    write: async (path, text, durability) => {
      if (host.diskFull) throw noSpace(path);
      host.onStateChange(path, text);
      return disk.write(path, text, durability);
    },
    append: async (path, text, durability) => {
      if (host.diskFull) throw noSpace(path);
      host.onStateChange(path, text);
      return disk.append(path, text, durability);
    },
    tear: (change, path, text) => disk.tear(change, path, text),
    remove: (path) => disk.remove(path),
    move: (from, to) => disk.move(from, to),
  };
  const crash = (): void => {
    incarnation?.kill();
    incarnation = undefined;
    engine = undefined;
  };
  const boot = async (): Promise<void> => {
    const life = createIncarnation({
      podman,
      traffic: podman.controls.traffic,
      files: watched,
      clock: wall,
      latency: () => host.latency,
      onCrossing: (crossing, what) => host.onCrossing(crossing, what),
    });
    incarnation = life;
    store = await memoryStore({ files: life.files, clock: life.clock });
    const { stateWasLost } = await recoverState(store, life.podman, { home: HOME, nowMs: wall.now() });
    await settleIntents(store, life.podman);
    engine = assemble({
      adapters: { ...adapters, traffic: life.traffic },
      store,
      podman: life.podman,
      rootless: false,
      maxConcurrentRollouts: host.maxConcurrentRollouts,
      bootId: `boot-${boots}`,
      home: HOME,
      stateWasLost,
      syncWindow: (nowMs) => host.syncWindow(nowMs),
      log,
      clock: life.clock,
    });
    await engine.start();
  };
  const start = async (): Promise<void> => {
    const booted = boot();
    await clock.settle();
    await booted;
    await clock.settle();
  };
  const launch = (): void => {
    if (incarnation) return;
    boot().catch(() => {
      crash();
      clock.setTimer(RELAUNCH_MS, launch);
    });
  };
  const bootAfter = async (goDown: () => void): Promise<void> => {
    crash();
    goDown();
    boots += 1;
    launch();
    await clock.settle();
  };
  const shutDown = async (): Promise<void> => {
    const ended = engine?.stop();
    await clock.settle();
    await ended;
    crash();
  };
  const status = (name: string): AgentStatus | undefined =>
    engine?.backend.objects.get('Agent', NAMESPACE, name)?.status as AgentStatus | undefined;
  const host: SimulatedHost = {
    clock,
    podman,
    log,
    programs,
    takenPorts,
    inputs,
    maxConcurrentRollouts: DEFAULT_CONCURRENT_ROLLOUTS,
    random: () => 0.5,
    store: () => store as Store,
    engine: () => engine as Engine,
    apply: async (...objects) => {
      for (const object of objects.map((one) => desiredFrom(one, inputs)))
        manifests.set(keyString(object.key), object);
      notify();
      await clock.settle();
    },
    remove: async (kind, name) => {
      manifests.delete(keyString({ kind, namespace: NAMESPACE, name }));
      notify();
      await clock.settle();
    },
    refuse: async (kind, name, message) => {
      const id = keyString({ kind, namespace: NAMESPACE, name });
      if (message === undefined) refused.delete(id);
      else refused.set(id, message);
      notify();
      await clock.settle();
    },
    loseRoot: async (error) => {
      rootError = error;
      notify();
      await clock.settle();
    },
    latency: () => ({ thereMs: 0, backMs: 0 }),
    onCrossing: () => undefined,
    onStateChange: () => undefined,
    start,
    launch,
    stop: shutDown,
    isBooting: () => engine === undefined,
    crash,
    reboot: () => bootAfter(podman.controls.reboot),
    losePower: (pick) => {
      disk = disk.afterPowerLoss(pick);
      return bootAfter(podman.controls.losePower);
    },
    jump: (byMs) => {
      skewMs += byMs;
    },
    diskFull: false,
    syncWindow: () => ({ open: true }),
    disk: () => disk,
    loseState: () => {
      disk = createMemoryFiles();
    },
    status,
    phases: () =>
      Object.fromEntries(
        [...manifests.values()]
          .filter(({ key }) => key.kind === 'Agent')
          .map(({ key }) => [key.name, status(key.name)?.phase ?? 'none']),
      ),
    until: (condition, limitMs = 600_000) => clock.advanceUntil(condition, limitMs),
    running: () =>
      podman.controls
        .containers()
        .filter(({ state }) => state === 'running')
        .map(({ name }) => name)
        .sort(),
  };
  return host;
}

const noSpace = (path: string): Error => {
  const error: NodeJS.ErrnoException = new Error('no space left on device');
  error.code = 'ENOSPC';
  return storeError(error, 'write', path);
};

/** An agent whose program is found by its name. */
export const agentManifest = (name: string, spec: object = {}, env: Record<string, string> = {}): object => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'Agent',
  metadata: { name, namespace: NAMESPACE },
  spec: {
    image: IMAGE,
    env: Object.entries({ AGENT: name, ...env }).map(([key, value]) => ({ name: key, value })),
    readinessProbe: { tcpSocket: { port: 5000 }, periodSeconds: 1, failureThreshold: 2 },
    rollout: { minHealthySeconds: 2, monitorSeconds: 10, healthyDeadlineSeconds: 60 },
    ...spec,
  },
});
