import type { AgentAim } from '../../src/plan/aim.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { aimOf } from './aim.ts';
import { hasten } from './asked.ts';
import { NO_BACKOFF } from './backoff.ts';
import { turnClocks } from './clocks.ts';
import { enter } from './enter.ts';
import { type AgentFacts, rolloutMs, type View } from './facts.ts';
import { nextEvent, RECOVERY_MS } from './judge.ts';
import { type AgentEvent, HAS_FAILED, nextState } from './machine.ts';
import { replicaRecord, runningReplicas } from './replicas.ts';
import { drainingUntil } from './route.ts';
import { regain } from './regain.ts';
import { acknowledgeExits, heldSinceBoot, takeNote } from './supervise.ts';
import { awaitedFellows } from './unit.ts';
import { noteProgress } from './unit-progress.ts';
import type { AgentState } from '../../src/state/record.ts';

export interface Decision {
  readonly record: AgentRecord;
  readonly aim: AgentAim;
  /** When to look again although nothing happened; absent: only an event can change the answer. */
  readonly requeueAtMs?: number;
  readonly transitions: readonly Transition[];
}

export interface Transition {
  readonly from: AgentState;
  readonly event: AgentEvent;
  readonly to: AgentState;
}

/** More steps than the longest way through the machine: a loop in the judges must not hang the controller. */
const MAX_STEPS = 30;

/**
 * Decides everything about one agent: (facts, record, now) → what the record becomes, what should run, when to look
 * again. Pure and total; the same inputs give the same answer, whatever event led here.
 */
export function decide(facts: AgentFacts, before: AgentRecord, nowMs: number): Decision {
  const followed = hasten(followSpec(before, facts), facts.acts);
  const current = turnClocks({ record: regain({ record: followed, facts, nowMs }), facts, nowMs });
  let view: View = noted({ record: current, facts, nowMs });
  const transitions: Transition[] = [];
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const event = nextEvent(view);
    if (event === undefined) break;
    const from = view.record.state;
    const to = nextState(from, event);
    transitions.push({ from, event, to });
    view = settleIn(view, enter(view, to, event));
  }
  const record = explainWaiting(view);
  return { record, aim: aimOf({ ...view, record }), transitions, ...requeue({ ...view, record }) };
}

function settleIn(before: View, record: AgentRecord): View {
  const view = { ...before, record };
  return noted({ ...view, record: acknowledgeExits(view, before) });
}

function noted(view: View): View {
  const seen = { ...view, record: takeNote(view) };
  return { ...seen, record: noteProgress(seen) };
}

function followSpec(record: AgentRecord, facts: AgentFacts): AgentRecord {
  if (facts.spec === undefined || facts.specHash === record.specHash) return record;
  return { ...record, specHash: facts.specHash, generation: record.generation + 1 };
}

/** A waiting agent says what it waits for, always the newest. */
function explainWaiting(view: View): AgentRecord {
  const { record, facts } = view;
  if (record.state === 'Blocked' || record.state === 'Pending') {
    const first = facts.missing[0];
    if (first)
      return {
        ...record,
        reason: first.reason,
        message: facts.missing.map(({ message }) => message).join('; '),
      };
    if (!facts.gating.open) return { ...record, reason: facts.gating.reason, message: facts.gating.message };
    return record;
  }
  const awaited = record.unit?.waits === true ? awaitedFellows(view) : [];
  if (awaited.length > 0) {
    const message = `waits for ${awaited.join(', ')} to move to pod ${record.unit?.pod} with it`;
    return { ...record, reason: WAITING_FOR_FELLOWS, message };
  }
  // What failed goes on saying why: this would take the place of it for good.
  const sinceBoot = HAS_FAILED.has(record.state) ? undefined : heldSinceBoot(view);
  if (sinceBoot !== undefined) return { ...record, reason: WAITING_AFTER_BOOT, message: sinceBoot };
  if (record.reason === WAITING_FOR_FELLOWS || record.reason === WAITING_AFTER_BOOT)
    return { ...record, reason: record.state, message: '' };
  return record.stepFailure && SAYS_WHAT_FAILS.has(record.state)
    ? { ...record, reason: record.stepFailure.reason, message: record.stepFailure.message }
    : record;
}

const WAITING_FOR_FELLOWS = 'WaitingForPodGroup';
const WAITING_AFTER_BOOT = 'WaitingAfterBoot';

/** The others have more to say than the step that they try again. */
const SAYS_WHAT_FAILS: ReadonlySet<AgentState> = new Set([
  'Building',
  'Preparing',
  'StoppingOld',
  'Starting',
  'Promoting',
  'Healing',
  'Degraded',
]);

function requeue(view: View): { requeueAtMs?: number } {
  const { record, facts, nowMs } = view;
  const stopped = record.clocksStoppedAtMs !== undefined;
  const minHealthyMs = rolloutMs(view, 'minHealthySeconds');
  const provenMs = record.state === 'Degraded' ? RECOVERY_MS : minHealthyMs;
  const judges =
    record.state === 'Verifying' ||
    record.state === 'AwaitingApproval' ||
    record.state === 'Degraded' ||
    record.state === 'Failed';
  const times = [
    stopped ? undefined : record.deadlineAtMs,
    judges && record.healthySinceMs !== undefined && !stopped ? record.healthySinceMs + provenMs : undefined,
    ...drainingUntil(view),
    ...runningReplicas(view).map((ref) => replicaRecord(record, ref).crash.notBeforeMs),
    record.step.notBeforeMs,
    facts.acts.suspended?.untilMs,
  ];
  const future = times.filter((time): time is number => time !== undefined && time > nowMs);
  return future.length > 0 ? { requeueAtMs: Math.min(...future) } : {};
}

/** The record of an agent that was never seen before. */
export function newRecord(
  facts: Pick<AgentFacts, 'key' | 'specHash'>,
  uid: string,
  nowMs: number,
): AgentRecord {
  return {
    key: facts.key,
    uid,
    createdAtMs: nowMs,
    generation: 1,
    specHash: facts.specHash,
    observedGeneration: 0,
    state: 'Pending',
    stateEnteredAtMs: nowMs,
    reason: 'Pending',
    message: '',
    revisions: [],
    wishHash: '',
    attempt: 0,
    attempts: {},
    restarts: 0,
    replicas: {},
    step: NO_BACKOFF,
    conditions: [],
  };
}
