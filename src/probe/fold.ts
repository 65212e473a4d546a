import type { ContainerVerdict, ProbeKind } from '../state/verdict.ts';
import type { ProbeOutcome } from './probe.ts';

/** The result of one probe with the run of equal outcomes that may change it. */
export interface ProbeCounter {
  /** `undefined`: a startup probe that has neither succeeded nor failed yet. */
  readonly result: boolean | undefined;
  readonly streakOf: 'Success' | 'Failure' | undefined;
  readonly streak: number;
  readonly message: string | undefined;
}

export interface Thresholds {
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export type Counters = Readonly<Partial<Record<ProbeKind, ProbeCounter>>>;
export type Flags = Pick<ContainerVerdict, 'started' | 'ready' | 'live' | 'startupFailed'>;

/** Before its first result a container has not started, is not ready and is alive, as the kubelet has it. */
const FIRST_RESULT: Readonly<Record<ProbeKind, boolean | undefined>> = {
  startup: undefined,
  readiness: false,
  liveness: true,
};

export const firstCounter = (
  kind: ProbeKind,
  result = FIRST_RESULT[kind],
  message?: string,
): ProbeCounter => ({
  result,
  streakOf: undefined,
  streak: 0,
  message,
});

/** A probe that could not run says nothing: only its message is kept. */
export function fold(counter: ProbeCounter, outcome: ProbeOutcome, thresholds: Thresholds): ProbeCounter {
  const { verdict, message } = outcome;
  if (verdict === 'Unknown') return { ...counter, message };
  const streak = counter.streakOf === verdict ? counter.streak + 1 : 1;
  const threshold = verdict === 'Success' ? thresholds.successThreshold : thresholds.failureThreshold;
  const result = streak >= threshold ? verdict === 'Success' : counter.result;
  return { result, streakOf: verdict, streak, message };
}

/** What the counters of the declared probes say together. */
export function flagsOf({ startup, readiness, liveness }: Counters): Flags {
  const started = startup === undefined || startup.result === true;
  return {
    started,
    ready: started && (readiness === undefined || readiness.result === true),
    live: liveness === undefined || liveness.result !== false,
    startupFailed: startup?.result === false,
  };
}

/** The probes to run now. Startup gates the others, and what only a restart answers is not asked again. */
export function probesDue(counters: Counters): ProbeKind[] {
  const { started, startupFailed, live } = flagsOf(counters);
  if (startupFailed || !live) return [];
  if (!started) return ['startup'];
  return (['readiness', 'liveness'] as const).filter((kind) => counters[kind] !== undefined);
}

export const sameFlags = (left: Flags, right: Flags): boolean =>
  left.started === right.started &&
  left.ready === right.ready &&
  left.live === right.live &&
  left.startupFailed === right.startupFailed;
