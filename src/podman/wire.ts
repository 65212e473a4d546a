/** What we read of libpod's replies, in Podman's own spelling. Everything may be absent: Go omits, 4.3 and 5.x differ. */
export type WireLabels = Readonly<Record<string, string>> | null;

export interface WireContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Created?: string;
  readonly Image?: string;
  readonly Pod?: string;
  readonly State?: WireContainerState;
  readonly Config?: { readonly Labels?: WireLabels; readonly Annotations?: WireLabels };
  readonly HostConfig?: WireHostConfig;
  readonly Mounts?: readonly { readonly Type?: string; readonly Source?: string }[] | null;
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, WireAttachment>> | null;
  };
}

interface WireAttachment {
  readonly IPAddress?: string;
  readonly Aliases?: readonly string[] | null;
}

interface WireContainerState {
  readonly Status?: string;
  readonly Pid?: number;
  readonly ConmonPid?: number;
  readonly ExitCode?: number;
  readonly OOMKilled?: boolean;
  readonly Error?: string;
  readonly StartedAt?: string;
  readonly FinishedAt?: string;
}

export type WirePorts = Readonly<
  Record<string, readonly { readonly HostIp?: string; readonly HostPort?: string }[] | null>
> | null;

interface WireHostConfig {
  readonly NetworkMode?: string;
  readonly PortBindings?: WirePorts;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpuShares?: number;
  readonly Memory?: number;
  readonly PidsLimit?: number;
}

export interface WireContainerSummary {
  readonly Id: string;
  readonly Names?: readonly string[];
  readonly State?: string;
  readonly Pid?: number;
  readonly Labels?: WireLabels;
  readonly StartedAt?: number;
  readonly IsInfra?: boolean;
}

export interface WirePod {
  readonly Id: string;
  readonly Name: string;
  readonly State?: string;
  readonly Labels?: WireLabels;
  readonly InfraContainerID?: string;
  readonly Containers?: readonly { readonly Id: string }[];
}

export interface WireNetwork {
  readonly name: string;
  readonly id: string;
  readonly driver?: string;
  readonly labels?: WireLabels;
  readonly subnets?: readonly { readonly subnet?: string; readonly gateway?: string }[] | null;
  readonly internal?: boolean;
  readonly dns_enabled?: boolean;
  readonly options?: WireLabels;
}

export interface WireVolume {
  readonly Name: string;
  readonly Driver?: string;
  readonly Labels?: WireLabels;
  readonly Options?: WireLabels;
  readonly Mountpoint?: string;
}

export interface WireImage {
  readonly Id: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Labels?: WireLabels;
}

export interface WireEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly time?: number;
  readonly timeNano?: number;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}
