/**
 * What a container is made from: an agent's spec with every reference resolved. It holds names of secrets, never
 * their values. All of it needs a new container to change, save `networks` and `resources`: see `differences`.
 */
export interface ContainerTemplate {
  /** `reference` is what people read; `id` is the image's own sha256, what the container is created from. */
  readonly image: { readonly reference: string; readonly id: string };
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly hostname?: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variable → name of a Podman secret. */
  readonly secretEnv: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly network: NetworkAttachment;
  readonly ports: readonly PublishedPort[];
  readonly resources: ResourceLimits;
  readonly devices: readonly string[];
  readonly security: ContainerSecurity;
  readonly stopSignal?: string;
  readonly stopGraceSeconds: number;
}

export type Mount =
  | {
      readonly type: 'volume';
      readonly name: string;
      readonly target: string;
      readonly subPath?: string;
      readonly readOnly: boolean;
    }
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly contentDigest?: string;
      /** Made as a directory where it is missing. */
      readonly create?: true;
    }
  | { readonly type: 'tmpfs'; readonly target: string; readonly sizeBytes?: number; readonly mode: number }
  | {
      readonly type: 'secret';
      readonly secret: string;
      readonly target: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    };

export type NetworkAttachment =
  | { readonly mode: 'host' }
  | { readonly mode: 'none' }
  | { readonly mode: 'pod'; readonly pod: string }
  | { readonly mode: 'bridge'; readonly networks: readonly AttachedNetwork[] };

export interface AttachedNetwork {
  /** Podman's name of the network. */
  readonly name: string;
  /** A stable address, so that names in hosts files outlive every recreate. */
  readonly ip?: string;
  readonly aliases: readonly string[];
}

/** What a holder has in place of the replicas: the agent's names, its stable addresses, its published ports. */
export interface HolderTemplate {
  readonly networks: readonly AttachedNetwork[];
  readonly ports: readonly PublishedPort[];
}

export interface PublishedPort {
  readonly containerPort: number;
  readonly hostPort: number;
  readonly hostIP: string;
  readonly protocol: 'tcp' | 'udp';
}

export interface ResourceLimits {
  readonly cpus?: number;
  readonly cpuShares?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
}

export interface ContainerSecurity {
  readonly user?: string;
  readonly groups: readonly string[];
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
  readonly readOnlyRootFilesystem: boolean;
  readonly noNewPrivileges: boolean;
  readonly privileged: boolean;
}

/** A pod's own share: what its infra container holds for the members. */
export interface PodTemplate {
  readonly network: Exclude<NetworkAttachment, { mode: 'pod' }>;
  readonly ports: readonly PublishedPort[];
  readonly hostname: string;
  readonly sharedNamespaces: readonly string[];
  readonly mounts: readonly Mount[];
}

/** The pod that a container lives in, if it does. */
export const podIn = ({ network }: Pick<ContainerTemplate, 'network'>): string | undefined =>
  network.mode === 'pod' ? network.pod : undefined;

/** A container of which nothing is said. */
export const EMPTY_TEMPLATE: Omit<ContainerTemplate, 'image' | 'network'> = {
  env: {},
  secretEnv: {},
  mounts: [],
  ports: [],
  resources: {},
  devices: [],
  security: {
    groups: [],
    addCapabilities: [],
    dropCapabilities: [],
    readOnlyRootFilesystem: true,
    noNewPrivileges: true,
    privileged: false,
  },
  stopGraceSeconds: 0,
};
