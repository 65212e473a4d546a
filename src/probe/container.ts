import type { Probe } from '../api/probe.ts';
import { messageOf } from '../api/errors.ts';
import { canonicalJson } from '../state/canonical.ts';
import type { ContainerVerdict, ProbeKind } from '../state/verdict.ts';
import { firstCounter, flagsOf, fold, type ProbeCounter, probesDue, sameFlags } from './fold.ts';
import { unknown } from './outcome.ts';
import type { ProbeClock, ProbeOutcome, ProbeTarget, RunProbe } from './probe.ts';
import { firstDueAtMs, nextDueAtMs } from './schedule.ts';
import { startWorker, type Worker } from './worker.ts';

const KINDS = ['startup', 'readiness', 'liveness'] as const;
/** A check ends by its own timeout; this is for one that does not. */
const GIVE_UP_AFTER_MS = 5_000;

export type Probes = Readonly<Partial<Record<ProbeKind, Probe>>>;

/** The probing of one run of a container. */
export interface ContainerProbing {
  verdict(): ContainerVerdict;
  /** The container's newest address and probes. A probe that changed starts over from the result it had. */
  update(target: ProbeTarget, probes: Probes): void;
  stop(): Promise<void>;
}

export interface ProbingContext {
  readonly clock: ProbeClock;
  readonly random: () => number;
  readonly run: RunProbe;
  readonly onChange: () => void;
}

interface State {
  readonly context: ProbingContext;
  target: ProbeTarget;
  probes: Probes;
  verdict: ContainerVerdict;
  readonly counters: Partial<Record<ProbeKind, ProbeCounter>>;
  readonly workers: Map<ProbeKind, Worker>;
  /** Workers that were told to stop and whose last run has not ended. */
  readonly ending: Set<Promise<void>>;
  everReady: boolean;
}

export interface Probed {
  readonly target: ProbeTarget;
  readonly probes: Probes;
  /** The verdict on the same run from before the controller restarted. */
  readonly known?: ContainerVerdict;
}

export function probeContainer(context: ProbingContext, { target, probes, known }: Probed): ContainerProbing {
  const counters: State['counters'] = {};
  for (const kind of kindsOf(probes)) {
    counters[kind] = known === undefined ? firstCounter(kind) : knownCounter(kind, known);
  }
  const flags = flagsOf(counters);
  const sinceMs = known === undefined ? target.startedAtMs : context.clock.now();
  const state: State = {
    context,
    target,
    probes,
    counters,
    verdict: known !== undefined && sameFlags(known, flags) ? known : { ...flags, sinceMs, messages: {} },
    workers: new Map(),
    ending: new Set(),
    everReady: known?.ready ?? false,
  };
  runProbesDue(state);
  return {
    verdict: () => state.verdict,
    update: (newest, newProbes) => update(state, newest, newProbes),
    stop: () => stopAll(state),
  };
}

const kindsOf = (probes: Probes): ProbeKind[] => KINDS.filter((kind) => probes[kind] !== undefined);

function knownCounter(kind: ProbeKind, known: ContainerVerdict): ProbeCounter {
  const startup = known.started ? true : known.startupFailed ? false : undefined;
  const result = { startup, readiness: known.ready, liveness: known.live }[kind];
  return firstCounter(kind, result, known.messages[kind]);
}

/** An edited probe judges a running container anew without declaring it unready first; a failure is forgotten. */
function editedCounter(kind: ProbeKind, { started, ready }: ContainerVerdict): ProbeCounter {
  return firstCounter(kind, { startup: started ? true : undefined, readiness: ready, liveness: true }[kind]);
}

function update(state: State, target: ProbeTarget, probes: Probes): void {
  const edited = KINDS.filter((kind) => !sameProbe(probes[kind], state.probes[kind]));
  state.target = target;
  state.probes = probes;
  for (const kind of edited) {
    stopWorker(state, kind);
    if (probes[kind] === undefined) delete state.counters[kind];
    else state.counters[kind] = editedCounter(kind, state.verdict);
  }
  if (edited.length > 0) settle(state, false);
}

/** Told again with every look at the object, and almost always the one that it was. */
const sameProbe = (left: Probe | undefined, right: Probe | undefined): boolean =>
  left === right || canonicalJson(left) === canonicalJson(right);

/** One outcome: count it, and let the verdict and the running probes follow. */
function observe(state: State, kind: ProbeKind, outcome: ProbeOutcome): void {
  const { counters, probes } = state;
  const [counter, probe] = [counters[kind], probes[kind]];
  if (counter === undefined || probe === undefined) return;
  const next = fold(counter, outcome, probe);
  counters[kind] = next;
  if (kind === 'readiness' && outcome.verdict === 'Success') state.everReady = true;
  settle(state, outcome.verdict === 'Failure' && next.streak === 1);
}

/** `news`: worth a look although no flag changed, such as the first failure with its message. */
function settle(state: State, news: boolean): void {
  const { verdict, context } = state;
  const flags = flagsOf(state.counters);
  const same = sameFlags(verdict, flags);
  const sinceMs = same ? verdict.sinceMs : context.clock.now();
  state.verdict = { ...flags, sinceMs, messages: messagesOf(state.counters) };
  runProbesDue(state);
  if (!same || news) context.onChange();
}

function messagesOf(counters: State['counters']): ContainerVerdict['messages'] {
  const messages: Partial<Record<ProbeKind, string>> = {};
  for (const kind of KINDS) {
    const message = counters[kind]?.message;
    if (message !== undefined) messages[kind] = message;
  }
  return messages;
}

function runProbesDue(state: State): void {
  const due = probesDue(state.counters);
  for (const kind of state.workers.keys()) if (!due.includes(kind)) stopWorker(state, kind);
  for (const kind of due) {
    const probe = state.probes[kind];
    if (probe !== undefined && !state.workers.has(kind))
      state.workers.set(kind, workerFor(state, kind, probe));
  }
}

function workerFor(state: State, kind: ProbeKind, probe: Probe): Worker {
  const { clock, random } = state.context;
  const { startedAtMs } = state.target;
  const adoptedHealthy = kind === 'readiness' && state.verdict.ready;
  let runs = 0;
  return startWorker({
    clock,
    limitMs: probe.timeoutSeconds * 1000 + GIVE_UP_AFTER_MS,
    firstDueAtMs: firstDueAtMs({
      kind,
      probe,
      startedAtMs,
      nowMs: clock.now(),
      adoptedHealthy,
      random: random(),
    }),
    nextDueAtMs: (lastDueAtMs) => {
      const eagerRuns = kind === 'readiness' && !state.everReady ? ++runs : 0;
      return nextDueAtMs({ probe, lastDueAtMs, nowMs: clock.now(), eagerRuns });
    },
    attempt: async (signal) => {
      const outcome = await state.context
        .run(probe, state.target, signal)
        .catch((error: unknown) => unknown(`the probe broke off: ${messageOf(error)}`));
      if (!signal.aborted) observe(state, kind, outcome);
    },
  });
}

function stopWorker(state: State, kind: ProbeKind): void {
  const worker = state.workers.get(kind);
  if (worker === undefined) return;
  state.workers.delete(kind);
  const ended = worker.stop().finally(() => state.ending.delete(ended));
  state.ending.add(ended);
}

async function stopAll(state: State): Promise<void> {
  for (const kind of state.workers.keys()) stopWorker(state, kind);
  await Promise.all(state.ending);
}
