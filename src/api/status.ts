import type { Condition } from './conditions.ts';
import type { SourceStatus } from './source-status.ts';
import type { SyncWindowStatus } from './sync-window.ts';

/** `status` of an Agent as people and tools read it. */
export interface AgentStatus {
  readonly phase: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly currentRevision?: string;
  readonly targetRevision?: string;
  readonly stableRevision?: string;
  readonly ready: boolean;
  readonly replicas: number;
  readonly readyReplicas: number;
  readonly updatedReplicas: number;
  readonly restarts: number;
  readonly address?: string;
  readonly containerName?: string;
  readonly startedAt?: string;
  readonly nextRetryAt?: string;
  readonly lastExit?: { readonly code: number; readonly oomKilled: boolean; readonly at: string };
  /** What the newest plan would do or did, each line with its cause. */
  readonly lastPlan?: readonly string[];
  readonly revisions: readonly RevisionStatus[];
  readonly rollouts?: readonly RolloutStatus[];
  readonly conditions: readonly Condition[];
}

/** Where the manifest stood that made something. */
export interface OriginStatus {
  readonly file: string;
  readonly line: number;
  readonly commit?: string;
}

/** One way from a revision to another: the newest last. */
export interface RolloutStatus {
  readonly revision?: string;
  readonly from?: string;
  readonly trigger: string;
  readonly changes: readonly string[];
  readonly origin?: OriginStatus;
  readonly startedAt: string;
  readonly endedAt?: string;
  readonly outcome: string;
  readonly message?: string;
}

export interface RevisionStatus {
  readonly id: string;
  readonly outcome: string;
  readonly cause: string;
  readonly createdAt: string;
  readonly origin?: OriginStatus;
  readonly failure?: {
    readonly reason: string;
    readonly message: string;
    readonly at: string;
    readonly exitCode?: number;
    readonly oomKilled?: boolean;
    /** What its probes answered last. */
    readonly lastProbe?: string;
    readonly logTail?: readonly string[];
  };
}

/** `status` of every other kind. */
export interface ObjectStatus {
  readonly phase: string;
  readonly message: string;
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
}

/** An object as the API serves it: Kubernetes' shape. Values of Secrets are never in it. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly generation: number;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: unknown;
  readonly data?: unknown;
  readonly status?: AgentStatus | ObjectStatus;
}

/** Core `v1` Event. */
export interface EventObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly resourceVersion: string };
  readonly involvedObject: { readonly kind: string; readonly namespace: string; readonly name: string };
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
}

/** What `rookery plan` prints: every line is one call that would be made, with its cause. */
export interface PlanView {
  readonly changes: readonly {
    readonly object: string;
    readonly operation: string;
    readonly cause: string;
  }[];
  /** What stands in the way: manifest problems, blocked prunes, missing inputs. */
  readonly problems: readonly string[];
  /** Whether it would be done now. */
  readonly window?: SyncWindowStatus;
}

/** One agent as it runs and as the files ask for it, each resolved; absent where there is none. */
export interface AgentDiff {
  readonly object: string;
  readonly running?: object;
  readonly wished?: object;
  /** That runs. */
  readonly revision?: string;
  /** Of the file. */
  readonly origin?: OriginStatus;
  /** Why it cannot be told what the file asks for. */
  readonly problem?: string;
}

/** What `rookery diff` prints. */
export interface DiffView {
  readonly agents: readonly AgentDiff[];
  readonly problems: readonly string[];
}

/** A tar archive of what a deleted volume held. */
export interface VolumeExportView {
  /** `namespace/name` of the Volume. */
  readonly volume: string;
  readonly file: string;
  readonly exportedAt: string;
  readonly sizeBytes: number;
}

/** How `rookery apply` ends. */
export interface ConvergeView {
  readonly converged: boolean;
  /** Something is being reconciled at this moment, such as an image that is built. */
  readonly busy: boolean;
  readonly total: number;
  readonly healthy: number;
  readonly waitingFor: readonly {
    readonly object: string;
    readonly phase: string;
    readonly message: string;
    /** It holds nothing up. */
    readonly optional?: true;
  }[];
  readonly problems: readonly string[];
  /** What would be removed if somebody agreed, and why it is not. */
  readonly pruneBlocked?: { readonly message: string; readonly objects: readonly string[] };
  /** Where the manifests come from. */
  readonly source?: SourceStatus;
  /** Whether what is new is applied now. */
  readonly window?: SyncWindowStatus;
}
