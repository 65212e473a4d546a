import type { ObjectKey } from '../api/key.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

/**
 * What the probes of one run of a container say together. Without probes a container is started and ready as soon as it runs.
 * Once `live` is false or `startupFailed` is true it stays so until the container runs anew: only a restart answers it.
 */
export interface ContainerVerdict {
  /** The startup probe succeeded, or there is none; until then the other probes do not run. */
  readonly started: boolean;
  readonly ready: boolean;
  readonly live: boolean;
  readonly startupFailed: boolean;
  /** Epoch milliseconds at which one of the four last changed. */
  readonly sinceMs: number;
  /** The newest outcome of each probe in words for a person, a probe that could not run included. */
  readonly messages: Readonly<Partial<Record<ProbeKind, string>>>;
}

/** A verdict with the run it belongs to, to be kept over a restart of the controller. */
export interface SavedVerdict {
  readonly key: ObjectKey;
  readonly containerId: string;
  readonly startedAtMs: number;
  readonly verdict: ContainerVerdict;
}
