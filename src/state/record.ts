import type { Condition } from '../api/conditions.ts';
import type { ObjectKey } from '../api/key.ts';
import type { Backoff, ContainerExit, ReplicaRecord } from './replica.ts';
import type { ContainerTemplate, HolderTemplate } from './template.ts';

export type AgentState =
  | 'Pending'
  | 'Blocked'
  | 'Building'
  | 'Preparing'
  | 'StoppingOld'
  | 'Starting'
  | 'Verifying'
  | 'Promoting'
  | 'AwaitingApproval'
  | 'Monitoring'
  | 'Healthy'
  | 'Healing'
  | 'Degraded'
  | 'Failing'
  | 'RollingBack'
  | 'RolledBack'
  | 'Failed'
  | 'Paused'
  | 'Completed'
  | 'Terminating';

/** Where the manifest stood that made something: as precisely as its source can tell. */
export interface Origin {
  readonly file: string;
  readonly line: number;
  readonly commit?: string;
}

/** One resolved spec with its hash: what a rollout moves to and a rollback returns to. */
export interface Revision {
  /** First 8 hex digits of the template's hash. */
  readonly id: string;
  readonly hashVersion: number;
  readonly template: ContainerTemplate;
  readonly createdAtMs: number;
  /** What made it: the first deploy, or the field that changed. */
  readonly cause: string;
  /** Absent in what was rebuilt from labels, or kept by an older Rookery. */
  readonly origin?: Origin;
  readonly outcome: 'Pending' | 'Stable' | 'Failed' | 'Superseded';
  /** When it first stood the monitor window: only then is it something to go back to. */
  readonly stableAtMs?: number;
  /** The person's request that made it of a template that ran already; part of its id. */
  readonly restartedAtMs?: number;
  readonly failure?: RevisionFailure;
}

/** What set a rollout off. */
export type Trigger = 'Manifest' | 'Undo' | 'Restart' | 'Retry';

/** One way from a revision to another, and how it ended: the answer to "why was it replaced?". */
export interface Rollout {
  /** Absent when it never came to one: its image could not be had, or a person aborted it before. */
  readonly revision?: string;
  readonly from?: string;
  readonly trigger: Trigger;
  /** What differs, one line a field. */
  readonly changes: readonly string[];
  readonly origin?: Origin;
  readonly startedAtMs: number;
  readonly outcome: 'UnderWay' | 'Stable' | 'Failed' | 'RolledBack' | 'Superseded';
  readonly endedAtMs?: number;
  /** Why it failed. */
  readonly message?: string;
}

/** Why a revision was given up; kept on disk so that the same spec is not tried again by itself. */
export interface RevisionFailure {
  readonly reason: string;
  readonly message: string;
  readonly atMs: number;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  readonly logTail?: readonly string[];
  readonly lastProbe?: string;
}

export interface StepFailure {
  readonly operation: string;
  readonly reason: string;
  readonly message: string;
  readonly terminal: boolean;
  readonly atMs: number;
}

/** How the newest rollout replaces the old containers, and how far it has come. */
export type RolloutProgress =
  | { readonly strategy: 'Recreate' | 'BlueGreen' }
  | {
      readonly strategy: 'Canary';
      /** Replicas of the target, from ordinal 0 on, that are being tried or serve already. */
      readonly tried: number;
      /** Those of them that proved themselves and serve. */
      readonly promoted: number;
      /** First the canaries, then, once that was agreed to, the others one by one. */
      readonly stage: 'Canaries' | 'Others';
    };

/** A way from one pod to another, together with all that share it. */
export interface UnitProgress {
  readonly pod: string;
  /** Counts the tries at this pod: all of them try again together, or nobody does. */
  readonly attempt: number;
  /** It has done what its state asks for, and waits to leave it with the others. */
  readonly waits: boolean;
}

/** Where the agent's holder sent traffic when it was last seen. */
export interface TrafficRecord {
  /** By `replicaId`, sorted. */
  readonly routed: readonly string[];
  /** Who left the route and may still have requests under way. */
  readonly drainingUntilMs: Readonly<Record<string, number>>;
}

/** Everything about one agent that must survive a restart of the controller. Times are epoch milliseconds. */
export interface AgentRecord {
  readonly key: ObjectKey;
  readonly uid: string;
  readonly createdAtMs: number;
  readonly generation: number;
  readonly specHash: string;
  readonly observedGeneration: number;
  readonly state: AgentState;
  readonly stateEnteredAtMs: number;
  readonly reason: string;
  readonly message: string;
  readonly revisions: readonly Revision[];
  /** The newest last; absent in what an older Rookery kept. */
  readonly rollouts?: readonly Rollout[];
  /** What set off the rollout that is under way, or was last. */
  readonly trigger?: Trigger;
  /** Hash of what this generation asks for, its image not yet resolved: see `wishHash`. */
  readonly wishHash: string;
  /** The change to the manifests, or the image, that it follows: shared by all agents that one edit sent off. */
  readonly change?: string;
  /** The newest generation that was tried with it: one after that is a reason to try again what failed. */
  readonly triedGeneration?: number;
  /** The revision this generation asks for; absent until its image and inputs are known. */
  readonly targetRevision?: string;
  /** The revision whose container serves. */
  readonly currentRevision?: string;
  /** The newest revision that stood the monitor window. */
  readonly stableRevision?: string;
  /** Counts every container ever made for the agent; part of its name. */
  readonly attempt: number;
  /** Attempt number of the container that carries a revision, so that a kept one is found again. */
  readonly attempts: Readonly<Record<string, number>>;
  readonly deadlineAtMs?: number;
  /** Since when every replica that is judged has been ready. */
  readonly healthySinceMs?: number;
  /** Since when the rollout's clocks stand still: a dependency is not ready, or the agent is suspended. */
  readonly clocksStoppedAtMs?: number;
  /** Of all its containers so far. */
  readonly restarts: number;
  /** By `replicaId`. */
  readonly replicas: Readonly<Record<string, ReplicaRecord>>;
  readonly rollout?: RolloutProgress;
  /** The newest way to another pod that it went with its pod group. */
  readonly unit?: UnitProgress;
  readonly traffic?: TrafficRecord;
  /** What its holder is made from, for as long as it has one or may get it back. */
  readonly holder?: HolderTemplate;
  readonly step: Backoff;
  readonly stepFailure?: StepFailure;
  /** The newest of all its containers. */
  readonly lastExit?: ContainerExit;
  /** Digest of the mounted files that the running container was last told about: see `reload`. */
  readonly reloadDigest?: string;
  /** The dependency that was not ready when this agent was last looked at. */
  readonly lostDependency?: string;
  readonly pulledGeneration?: number;
  readonly rolledBackGeneration?: number;
  /** Why the rollout that is under way has no way back: told before it touched anything. */
  readonly noWayBack?: string;
  /** The newest requests of a person that were carried out: see `Acts`. */
  readonly retriedAtMs?: number;
  readonly restartedAtMs?: number;
  readonly abortedAtMs?: number;
  readonly conditions: readonly Condition[];
}
