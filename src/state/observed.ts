import type { ResourceLimits } from './template.ts';

export type ContainerState =
  | 'created'
  | 'initialized'
  | 'running'
  | 'paused'
  | 'stopping'
  | 'exited'
  | 'removing'
  | 'unknown';

/** One of our containers as `inspect` tells it. Times are epoch milliseconds; 0 means never. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: ContainerState;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly createdAtMs: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Podman's own word for why it did not start. */
  readonly error: string;
  readonly imageId: string;
  readonly podId?: string;
  readonly hostNetwork: boolean;
  /** Network name → address; empty while it does not run. */
  readonly networks: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIP: string;
    readonly protocol: string;
  }[];
  readonly resources: ResourceLimits;
}

export interface ObservedPod {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
  readonly infraId: string;
  readonly infraState: ContainerState;
  readonly infraPid: number;
  readonly infraStartedAtMs: number;
  readonly containerIds: readonly string[];
  readonly networks: Readonly<Record<string, string>>;
}

export interface ObservedNetwork {
  readonly name: string;
  readonly id: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly subnets: readonly { readonly cidr: string; readonly gateway: string }[];
  readonly internal: boolean;
  readonly dnsEnabled: boolean;
  readonly options: Readonly<Record<string, string>>;
}

export interface ObservedVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly driver: string;
  readonly options: Readonly<Record<string, string>>;
  readonly mountpoint: string;
}

export interface ObservedImage {
  readonly id: string;
  readonly references: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What runs for one agent, and when the looking began: never act on one that began before the last action. */
export interface ObservedAgent {
  /** Its replicas; the holder is none. */
  readonly containers: readonly ObservedContainer[];
  readonly holder?: ObservedHolder;
  /** Left where a person renamed one while it was being started: the next start makes another. */
  readonly spareHolders?: readonly ObservedContainer[];
  readonly observedAtMs: number;
}

export interface ObservedHolder {
  readonly container: ObservedContainer;
  /** Addresses that traffic goes to now; none after the holder was started again. */
  readonly route: readonly string[];
}

/** True when Podman says `running` and the process really is there; a killed conmon leaves the state for ever. */
export const isRunning = (container: ObservedContainer): boolean =>
  container.state === 'running' || container.state === 'paused' || container.state === 'stopping';

/** Left half made by a create or a start that was cut off: starting it again is not to be relied on. */
export const isHalfMade = ({ state }: ObservedContainer): boolean =>
  state === 'initialized' || state === 'unknown' || state === 'removing';

/** For a sort: those that run first, then the newest. */
export const runningThenNewest = (left: ObservedContainer, right: ObservedContainer): number =>
  Number(isRunning(right)) - Number(isRunning(left)) || right.createdAtMs - left.createdAtMs;

export const holdersOf = ({ holder, spareHolders = [] }: ObservedAgent): readonly ObservedContainer[] =>
  holder ? [holder.container, ...spareHolders] : spareHolders;
