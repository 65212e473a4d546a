import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/manager/clock.ts';
import { PodmanError, type PodmanErrorKind } from '../../../src/podman/errors.ts';
import type { CreateContainer, Labels, LogLine, PodmanEvent } from '../../../src/podman/podman.ts';
import type {
  ContainerState,
  ObservedImage,
  ObservedNetwork,
  ObservedVolume,
} from '../../../src/state/observed.ts';
import type { ContainerTemplate, PodTemplate } from '../../../src/state/template.ts';

/** What the process of a container does; everything unsaid is well-behaved: it runs until it is asked to stop. */
export interface Program {
  readonly exitAfterMs?: number;
  /** Of an exit by itself; 0 by default. */
  readonly exitCode?: number;
  readonly ignoresTerm?: boolean;
  /** How long it takes to obey SIGTERM; at once by default. */
  readonly stopAfterMs?: number;
  /** Of an exit on SIGTERM; 0 by default. */
  readonly stopExitCode?: number;
  /** `controls.isReady` says yes from here on; at once by default. */
  readonly readyAfterMs?: number;
  /** ... and no from here on. */
  readonly unreadyAfterMs?: number;
  /** The start fails with these words, as for a command that is not in the image. */
  readonly cannotRun?: string;
  readonly output?: readonly Omit<LogLine, 'atMs'>[];
  readonly exec?: (command: readonly string[]) => { readonly exitCode: number; readonly output: string };
}

export interface FakeContainer {
  readonly id: string;
  name: string;
  readonly request: CreateContainer;
  readonly createdAtMs: number;
  state: ContainerState;
  pid: number;
  startedAtMs: number;
  /** By `World.uptimeMs`. */
  upSinceMs: number;
  finishedAtMs: number;
  exitCode: number;
  oomKilled: boolean;
  readonly podId: string | undefined;
  /** Network → what was asked for, and the address while it runs. */
  readonly attachments: Map<string, Attachment>;
  readonly log: LogLine[];
  /** Where the rules in its network namespace send what comes in. */
  route: readonly string[];
  /** Timers of the running process; cancelled with it. */
  cancels: (() => void)[];
  /** Woken by every line and every change of state. */
  readonly watchers: Set<() => void>;
}

export interface Attachment {
  readonly wantedIp: string | undefined;
  readonly aliases: readonly string[];
  ip: string | undefined;
}

export interface FakePod {
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  readonly template: PodTemplate;
  readonly infraId: string;
  infraState: ContainerState;
  infraPid: number;
  infraStartedAtMs: number;
  readonly attachments: Map<string, Attachment>;
}

export interface World {
  readonly clock: Clock;
  uptimeMs(): number;
  readonly containers: Map<string, FakeContainer>;
  readonly pods: Map<string, FakePod>;
  readonly networks: Map<string, ObservedNetwork>;
  readonly volumes: Map<string, ObservedVolume>;
  readonly secrets: Map<string, Uint8Array>;
  readonly images: Map<string, ObservedImage>;
  /** What a call that was cut off left half written → the reference that cannot be looked at, nor images be listed, meanwhile. */
  readonly brokenImages: Map<string, string | undefined>;
  /** Names that storage without a container takes: it cannot be looked at, only removed by its name. */
  readonly ghosts: Set<string>;
  /** Ids of what its runtime has made, when whoever asked died before that was noted: it has its ports, and runs to nobody. */
  readonly cutOff: Set<string>;
  /** What `pullImage` finds: reference → labels. */
  readonly registry: Map<string, Labels>;
  /** Ports that a process outside of Podman listens on. */
  readonly foreignPorts: Set<number>;
  program: (template: ContainerTemplate) => Program;
  emit(event: Omit<PodmanEvent, 'atMs'>): void;
  newId(): string;
  newPid(): number;
}

export const fakeId = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Podman's words at the end, as the real one has them. */
export const failure = (kind: PodmanErrorKind, message: string, statusCode = 500): PodmanError =>
  new PodmanError(kind, message, statusCode);

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export function requireValidName(name: string): void {
  if (!NAME.test(name)) throw failure('BadRequest', `names must match ${NAME.source}: invalid argument`);
}

export const matches = (actual: Labels, wanted: Labels): boolean =>
  Object.entries(wanted).every(([name, value]) => actual[name] === value);

export function findContainer(world: World, nameOrId: string): FakeContainer | undefined {
  const byId = world.containers.get(nameOrId);
  return byId ?? [...world.containers.values()].find((container) => container.name === nameOrId);
}

export function requireContainer(world: World, nameOrId: string): FakeContainer {
  const found = findContainer(world, nameOrId);
  if (!found)
    throw failure('NotFound', `no container with name or ID "${nameOrId}" found: no such container`, 404);
  return found;
}

export function findPod(world: World, nameOrId: string): FakePod | undefined {
  return world.pods.get(nameOrId) ?? [...world.pods.values()].find((pod) => pod.name === nameOrId);
}

/** Containers and pods share their names. */
export function requireFreeName(world: World, name: string): void {
  requireValidName(name);
  const taken =
    findContainer(world, name)?.name === name ||
    findPod(world, name)?.name === name ||
    world.ghosts.has(name);
  if (taken) throw failure('NameInUse', `the name "${name}" is in use: that name is already in use`);
}

export const isUp = (state: ContainerState): boolean => state === 'running' || state === 'stopping';

export const sleep = (clock: Clock, durationMs: number): Promise<void> =>
  new Promise((resolve) => void clock.setTimer(durationMs, resolve));
