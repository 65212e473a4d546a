import type { AgentSpec } from '../../src/api/agent.ts';
import type { ObjectKey } from '../../src/api/key.ts';
import type { ImageAim } from '../../src/plan/aim.ts';
import type { Acts } from '../../src/state/acts.ts';
import { isRunning, type ObservedAgent, type ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord, Origin, Revision } from '../../src/state/record.ts';
import type { PodsFacts } from '../../src/state/provision.ts';
import type { MissingInput } from '../../src/state/resolver.ts';
import type { ContainerTemplate, HolderTemplate } from '../../src/state/template.ts';
import type { ContainerVerdict } from '../../src/state/verdict.ts';

/** What the spec asks for; `image.id` is empty until the image is in local storage. */
export interface Wish {
  readonly template: ContainerTemplate;
  /** What a container of its own has in place of the replicas, where there may be several. */
  readonly holder?: HolderTemplate;
  readonly imageKnown: boolean;
  /** How to get the image when it is not there, or must be looked for again. */
  readonly image?: ImageAim;
  /** Digest of mounted files that an agent with `reload` is told about instead of being replaced. */
  readonly reloadDigest: string;
}

/** May the agent start (or be updated) now? */
export type Gating =
  | { readonly open: true }
  | { readonly open: false; readonly reason: string; readonly message: string };

/** Everything about one agent that `decide` may look at, read at one instant. */
export interface AgentFacts {
  readonly key: ObjectKey;
  /** Absent: its manifest is gone and the prune guards let it go. */
  readonly spec: AgentSpec | undefined;
  readonly specHash: string;
  readonly wish: Wish | undefined;
  readonly missing: readonly MissingInput[];
  readonly gating: Gating;
  /** Gate of a start after a reboot, layers included. */
  readonly bootGating: Gating;
  /** Name of a dependency that is not Ready now. */
  readonly dependencyDown: string | undefined;
  /** The change that it follows, or is about to: see `changeOf`. */
  readonly change?: string;
  /** Why the stable revision could not be gone back to, if so. */
  readonly noWayBack?: string;
  readonly suspended: boolean;
  /** What a person asked for outside the files, as far as it still holds. */
  readonly acts: Acts;
  /** Where its manifest stands. */
  readonly origin: Origin | undefined;
  readonly observed: ObservedAgent;
  readonly verdictOf: (container: ObservedContainer) => ContainerVerdict | undefined;
  readonly bootId: string;
  /** The records of the others that its manifest puts into one pod with it. */
  readonly fellows: readonly AgentRecord[];
  /** May it start in a pod that was switched to, for what its fellows must do before? */
  readonly startGating: Gating;
  /** The pod groups of its namespace, and what there is of each. */
  readonly pods: readonly GroupPods[];
}

export interface GroupPods {
  readonly name: string;
  /** Absent: nobody has looked yet. */
  readonly seen?: PodsFacts;
}

/** What the judging functions read: the record as it is now, and the facts. */
export interface View {
  readonly record: AgentRecord;
  readonly facts: AgentFacts;
  readonly nowMs: number;
}

export const findRevision = (record: AgentRecord, id: string | undefined): Revision | undefined =>
  record.revisions.find((revision) => revision.id === id);

/** Which container of a revision counts: every attempt at it made another one. */
export const attemptOf = ({ attempts }: AgentRecord, revision: string): number => attempts[revision] ?? 0;

/** Milliseconds; 0 for an agent whose manifest is gone. */
export const rolloutMs = ({ facts }: View, setting: RolloutSetting): number =>
  (facts.spec?.rollout[setting] ?? 0) * 1000;

type RolloutSetting = 'minHealthySeconds' | 'monitorSeconds' | 'healthyDeadlineSeconds';

/** The revision that is judged in this state: its replicas should run. None while one is swapped for another. */
export function runningRevision(record: AgentRecord): string | undefined {
  switch (record.state) {
    case 'Starting':
    case 'Verifying':
    case 'AwaitingApproval':
      return record.targetRevision;
    case 'Failed':
      return record.currentRevision ?? record.targetRevision;
    case 'StoppingOld':
    case 'Failing':
    case 'Paused':
    case 'Completed':
    case 'Terminating':
      return undefined;
    default:
      return record.currentRevision;
  }
}

/** The revision that answers; while a person is asked nobody is judged, and what was not touched goes on. */
export const servingRevision = (record: AgentRecord): string | undefined =>
  record.state === 'Paused' ? record.currentRevision : runningRevision(record);

export const isLive = (container: ObservedContainer | undefined): container is ObservedContainer =>
  container !== undefined && isRunning(container);

export function isReady({ facts }: View, container: ObservedContainer | undefined): boolean {
  if (!isLive(container) || container.state === 'paused') return false;
  const verdict = facts.verdictOf(container);
  return verdict !== undefined && verdict.started && verdict.ready && verdict.live;
}

/** Why a probe wants this container restarted, if one does. */
export function condemnation({ facts }: View, container: ObservedContainer | undefined): string | undefined {
  if (!isLive(container)) return undefined;
  const verdict = facts.verdictOf(container);
  if (verdict?.startupFailed) return 'its startup probe failed';
  return verdict && !verdict.live ? 'its liveness probe failed' : undefined;
}
