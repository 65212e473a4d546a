import type { PodmanErrorKind } from '../../src/podman/errors.ts';
import type { ExecuteOutcome } from '../../src/podman/execute.ts';
import { type Operation, phraseOf } from '../../src/plan/operation.ts';
import type { AgentRecord, StepFailure } from '../../src/state/record.ts';
import {
  afterFailure,
  type BackoffPolicy,
  IMAGE_BACKOFF,
  NO_BACKOFF,
  STEP_BACKOFF,
  TRANSIENT_BACKOFF,
} from './backoff.ts';
import { withOutcome } from './rollout.ts';

/** These say nothing about the spec: the same call may go through later. */
const TRANSIENT: ReadonlySet<PodmanErrorKind> = new Set([
  'RegistryUnavailable',
  'NoSpace',
  'Timeout',
  'PortInUse',
  'NameInUse',
  'InUse',
  'NotFound',
  'Other',
]);

const REASONS: Partial<Record<PodmanErrorKind, string>> = {
  ImageUnknown: 'ImageNotFound',
  NameInUse: 'Conflict',
  NoSpace: 'DiskFull',
};

/** Folds what a plan did into the record: a failure waits for its back-off, a success forgets the failures before it. */
export function noteOutcome(record: AgentRecord, outcome: ExecuteOutcome, nowMs: number): AgentRecord {
  const noted = noteLogs(notePull(record, outcome), outcome);
  return outcome.failure ? noteFailure(noted, outcome.failure, nowMs) : forgetFailures(noted, outcome);
}

function noteFailure(
  record: AgentRecord,
  failure: NonNullable<ExecuteOutcome['failure']>,
  nowMs: number,
): AgentRecord {
  const { operation, kind, message } = failure;
  if (operation.type === 'CaptureLogs') return noteLastWords(record, ['(its logs could not be read)']);
  const stepFailure: StepFailure = {
    operation: phraseOf(operation),
    reason: REASONS[kind] ?? kind,
    message: `${phraseOf(operation)}: ${message}`,
    terminal: !TRANSIENT.has(kind),
    atMs: nowMs,
  };
  return { ...record, stepFailure, step: afterFailure(record.step, backoffFor(operation, kind), nowMs) };
}

function backoffFor(operation: Operation, kind: PodmanErrorKind): BackoffPolicy {
  if (operation.type === 'PullImage' || operation.type === 'BuildImage') return IMAGE_BACKOFF;
  return kind === 'PortInUse' || kind === 'NoSpace' ? TRANSIENT_BACKOFF : STEP_BACKOFF;
}

function forgetFailures(record: AgentRecord, { done }: ExecuteOutcome): AgentRecord {
  const acted = done.some(({ type }) => type !== 'CaptureLogs');
  if (!acted || (!record.stepFailure && record.step.failures === 0)) return record;
  const { stepFailure, ...rest } = record;
  const wasTold = stepFailure !== undefined && record.message === stepFailure.message;
  return { ...rest, step: NO_BACKOFF, ...(wasTold && { reason: record.state, message: '' }) };
}

const notePull = (record: AgentRecord, { done }: ExecuteOutcome): AgentRecord =>
  done.some(({ type }) => type === 'PullImage') ? { ...record, pulledGeneration: record.generation } : record;

function noteLogs(record: AgentRecord, { logTails }: ExecuteOutcome): AgentRecord {
  const [tail] = Object.values(logTails);
  return tail ? noteLastWords(record, tail) : record;
}

function noteLastWords(record: AgentRecord, logTail: readonly string[]): AgentRecord {
  const failed = record.revisions.find(({ id }) => id === record.targetRevision);
  if (!failed?.failure) return record;
  return {
    ...record,
    revisions: withOutcome(record.revisions, failed.id, { failure: { ...failed.failure, logTail } }),
  };
}
