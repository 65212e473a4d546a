import type { Probe } from '../api/probe.ts';

/** Where a container's ports are answered, as far as the prober can reach it. */
export interface ProbeTarget {
  readonly containerId: string;
  readonly startedAtMs: number;
  /** The process whose network namespace has the container's addresses; 0 when unknown. */
  readonly pid: number;
  /** An address of the container, or undefined for host networking (then 127.0.0.1 of the host). */
  readonly ip?: string;
  /** Named container ports, for probes that say a port by name. */
  readonly namedPorts: Readonly<Record<string, number>>;
}

/** `Unknown`: the probe could not run; it counts neither for nor against the container. */
export interface ProbeOutcome {
  readonly verdict: 'Success' | 'Failure' | 'Unknown';
  readonly message: string;
}

/** Runs one probe once. Never throws; ends by the probe's own timeout or the signal. */
export type RunProbe = (probe: Probe, target: ProbeTarget, signal: AbortSignal) => Promise<ProbeOutcome>;
