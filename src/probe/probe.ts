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

/** Time as an argument, as the engine's clock has it. */
export interface ProbeClock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls back once; returns the cancel, safe to call twice. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** What every check is given beside its own settings; `signal` aborts at the probe's timeout. */
export interface CheckContext {
  readonly target: ProbeTarget;
  readonly open: OpenRoute;
  readonly signal: AbortSignal;
}

/**
 * Finds a way to a port of the target, or of another host when the probe names one.
 * Throws `ProbeUnavailable` when there is none, a connection's error when the way includes the connection.
 */
export type OpenRoute = (
  target: ProbeTarget,
  port: number,
  signal: AbortSignal,
  host?: string,
) => Promise<Route>;

export interface Route {
  /** For people: `10.88.0.5:8080`. */
  readonly where: string;
  /** For `net.connect`. A path carries exactly one connection, and the container has accepted it already. */
  readonly connect: { readonly host: string; readonly port: number } | { readonly path: string };
  close(): void;
}
