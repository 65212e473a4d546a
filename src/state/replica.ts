import type { SavedVerdict } from './verdict.ts';

/** Which container of an agent: its revision, the attempt at it, and its place among the replicas, from 0. */
export interface ReplicaRef {
  readonly revision: string;
  readonly attempt: number;
  readonly ordinal: number;
}

/** `3f9c21ab-1-0`: as in the container's name. */
export const replicaId = ({ revision, attempt, ordinal }: ReplicaRef): string =>
  `${revision}-${attempt}-${ordinal}`;

/** What is remembered of one replica: each has a back-off and a verdict of its own. Times are epoch milliseconds. */
export interface ReplicaRecord {
  readonly crash: Backoff;
  readonly restarts: number;
  /** Exits while its revision was being tried. */
  readonly rolloutRestarts: number;
  readonly lastExit?: ContainerExit;
  /** Its run that a probe condemned; that exit is a crash whatever its code. */
  readonly condemned?: {
    readonly containerId: string;
    readonly startedAtMs: number;
    readonly reason: string;
  };
  /** It was ready once: until then it is awaited, from then on it is missed. */
  readonly joined?: true;
  /** It went down with the host in the middle of a rollout, and is awaited once more. */
  readonly rebooted?: true;
  /** The host's boot in which it is last known to have run; another one means a reboot. */
  readonly bootId?: string;
  /** The prober's last word, for the same run of the container after a restart of the controller. */
  readonly verdict?: SavedVerdict;
}

/** A failing step's own back-off; a crash has another. */
export interface Backoff {
  readonly failures: number;
  readonly notBeforeMs: number;
}

export interface ContainerExit {
  readonly containerId: string;
  readonly code: number;
  readonly oomKilled: boolean;
  readonly atMs: number;
  /** Its host went down and took it along, which is no crash: the boot in which that was found. */
  readonly rebootedInto?: string;
}

export const NEW_REPLICA: ReplicaRecord = {
  crash: { failures: 0, notBeforeMs: 0 },
  restarts: 0,
  rolloutRestarts: 0,
};
