import type {
  ObservedContainer,
  ObservedImage,
  ObservedNetwork,
  ObservedPod,
  ObservedVolume,
} from '../state/observed.ts';
import type { ContainerTemplate, PodTemplate, ResourceLimits } from '../state/template.ts';

export interface StartOptions {
  /** All paths of the host that it mounts, where they are known: saves asking for them. */
  readonly binds?: readonly string[] | undefined;
}

/** The only door to Podman: every method is one API call (or the bounded stream of one), none decides anything. */
export interface Podman {
  /** 0.5 ms; the liveness check. */
  ping(signal?: AbortSignal): Promise<{ readonly apiVersion: string }>;
  info(): Promise<PodmanInfo>;

  /** Names and states only, of containers that are no pod's infra container; `labels` are `key=value` pairs that must all match. */
  listContainers(labels: Labels): Promise<ContainerSummary[]>;
  /** `undefined` when there is none of that name or id. */
  inspectContainer(nameOrId: string): Promise<ObservedContainer | undefined>;
  createContainer(
    request: CreateContainer,
  ): Promise<{ readonly id: string; readonly warnings: readonly string[] }>;
  /** Ends what still waits for a start of it that was cut off, and has its ports; false where nothing does. */
  endCutOffStart(nameOrId: string): Promise<boolean>;
  /** Already running is success. */
  startContainer(nameOrId: string, options?: StartOptions): Promise<void>;
  /** Sends the stop signal, then SIGKILL after the grace. Already stopped or absent is success. */
  stopContainer(nameOrId: string, graceSeconds: number): Promise<void>;
  /** Fails for a container that does not run. */
  killContainer(nameOrId: string, signal: string): Promise<void>;
  /** Force: also clears the storage ghosts that a killed create leaves. Absent is success. */
  removeContainer(nameOrId: string): Promise<void>;
  renameContainer(nameOrId: string, name: string): Promise<void>;
  updateContainer(nameOrId: string, limits: ResourceLimits): Promise<void>;
  /** Output of both streams, the first 64 KiB. An aborted command is killed. */
  exec(
    nameOrId: string,
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly output: string }>;
  logs(nameOrId: string, options: LogOptions, signal: AbortSignal): AsyncIterable<LogLine>;

  listPods(labels: Labels): Promise<ObservedPod[]>;
  inspectPod(nameOrId: string): Promise<ObservedPod | undefined>;
  createPod(name: string, template: PodTemplate, labels: Labels): Promise<{ readonly id: string }>;
  /** Kills and removes its members too. Absent is success, as for every removal below. */
  removePod(nameOrId: string): Promise<void>;

  listNetworks(labels: Labels): Promise<ObservedNetwork[]>;
  inspectNetwork(name: string): Promise<ObservedNetwork | undefined>;
  createNetwork(request: CreateNetwork): Promise<ObservedNetwork>;
  removeNetwork(name: string): Promise<void>;
  /** Already connected is success. */
  connectNetwork(
    network: string,
    container: string,
    options: { readonly ip?: string; readonly aliases: readonly string[] },
  ): Promise<void>;
  disconnectNetwork(network: string, container: string): Promise<void>;

  listVolumes(labels: Labels): Promise<ObservedVolume[]>;
  inspectVolume(name: string): Promise<ObservedVolume | undefined>;
  createVolume(request: CreateVolume): Promise<ObservedVolume>;
  removeVolume(name: string): Promise<void>;
  /** A tar archive; the file appears when it is whole. */
  exportVolume(name: string, toFile: string): Promise<void>;
  /** Puts what an export holds into an empty volume that no running or paused container has. */
  restoreVolume(name: string, fromFile: string): Promise<void>;

  /** Podman 4.3 keeps no labels on secrets: they are ours by the prefix of their name. */
  listSecrets(prefix: string): Promise<string[]>;
  createSecret(name: string, value: Uint8Array): Promise<void>;
  removeSecret(name: string): Promise<void>;

  /** By reference or id; `undefined` when it is not in local storage. */
  inspectImage(reference: string): Promise<ObservedImage | undefined>;
  listImages(labels: Labels): Promise<ObservedImage[]>;
  /** An image that was left half written, without a manifest and a name: while there is one, images cannot be listed. */
  findBrokenImage(): Promise<string | undefined>;
  pullImage(reference: string, onProgress: Progress, signal: AbortSignal): Promise<{ readonly id: string }>;
  buildImage(
    request: BuildImage,
    onProgress: Progress,
    signal: AbortSignal,
  ): Promise<{ readonly id: string }>;
  importImage(request: ImportImage, signal: AbortSignal): Promise<{ readonly id: string }>;
  tagImage(id: string, reference: string): Promise<void>;
  removeImage(reference: string): Promise<void>;

  /** Hints only: any may be lost, doubled or reordered. Ends (or throws) when the connection does. */
  events(sinceMs: number, signal: AbortSignal): AsyncIterable<PodmanEvent>;
}

export type Labels = Readonly<Record<string, string>>;
export type Progress = (line: string) => void;

export interface PodmanInfo {
  readonly version: string;
  readonly rootless: boolean;
  readonly cgroupVersion: 'v1' | 'v2';
  readonly cgroupControllers: readonly string[];
  readonly runRoot: string;
  readonly graphRoot: string;
  readonly storageDriver: string;
  readonly networkBackend: string;
}

export interface ContainerSummary {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly pid: number;
  readonly labels: Labels;
  readonly startedAtMs: number;
}

export interface CreateContainer {
  readonly name: string;
  readonly template: ContainerTemplate;
  readonly labels: Labels;
  readonly annotations: Labels;
  /** Of its network namespace. */
  readonly sysctls?: Labels;
}

export interface CreateNetwork {
  readonly name: string;
  readonly driver: string;
  readonly subnets: readonly string[];
  readonly internal: boolean;
  readonly dns: boolean;
  readonly options: Labels;
  readonly labels: Labels;
}

export interface CreateVolume {
  readonly name: string;
  readonly driver: string;
  readonly options: Labels;
  readonly labels: Labels;
}

export interface BuildImage {
  readonly tags: readonly string[];
  readonly contextDir: string;
  readonly containerfile: string;
  readonly args: Labels;
  readonly target?: string;
  readonly labels: Labels;
}

export type ImportImage = {
  readonly reference: string;
  /** Containerfile instructions, such as `LABEL a=b` or `ENV PATH=/usr/bin`. */
  readonly changes: readonly string[];
} & ({ readonly tarFile: string } | { readonly archive: Buffer });

export interface LogOptions {
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly timestamps: boolean;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly atMs?: number;
}

export interface PodmanEvent {
  readonly type: 'container' | 'pod' | 'network' | 'volume' | 'image' | 'secret' | 'system';
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly labels: Labels;
  readonly atMs: number;
}
