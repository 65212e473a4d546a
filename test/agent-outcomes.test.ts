import { describe, expect, test } from 'vitest';
import { noteOutcome } from '../controllers/agent/outcome.ts';
import type { ExecuteOutcome } from '../src/podman/execute.ts';
import type { Operation } from '../src/plan/operation.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { A, aView, B, NOW } from './fakes/agent-views.ts';
import { update } from './fakes/update-records.ts';

type Kind = NonNullable<ExecuteOutcome['failure']>['kind'];

const start: Operation = { type: 'StartContainer', name: 'ns.twin-1', cause: '' };
const pull: Operation = { type: 'PullImage', reference: 'docker.io/agent:1', cause: '' };
const build: Operation = {
  type: 'BuildImage',
  tags: ['localhost/agent:1'],
  contextDir: '/src',
  containerfile: 'Containerfile',
  args: {},
  labels: {},
  cause: '',
};
const logs: Operation = { type: 'CaptureLogs', id: 'x', name: 'ns.twin-1', tailLines: 20, cause: '' };

const recordOf = (change: Partial<AgentRecord> = {}): AgentRecord =>
  aView('Preparing', { record: { ...update, ...change } }).record;
const done = (...operations: Operation[]): ExecuteOutcome => ({ logTails: {}, done: operations });
const failing = (operation: Operation, kind: Kind): ExecuteOutcome => ({
  ...done(),
  failure: { operation, kind, message: 'no such thing' },
});
const FAILURE = { operation: 'x', reason: 'NotFound', message: 'x: gone', terminal: false, atMs: 1 };
const failedOnce = { stepFailure: FAILURE, step: { failures: 1, notBeforeMs: 9 } };

describe('a call that failed', () => {
  test.each<[Kind, string, 'for good' | 'for now']>([
    ['RegistryUnavailable', 'RegistryUnavailable', 'for now'],
    ['NoSpace', 'DiskFull', 'for now'],
    ['Timeout', 'Timeout', 'for now'],
    ['PortInUse', 'PortInUse', 'for now'],
    ['NameInUse', 'Conflict', 'for now'],
    ['InUse', 'InUse', 'for now'],
    ['NotFound', 'NotFound', 'for now'],
    ['Other', 'Other', 'for now'],
    ['ImageUnknown', 'ImageNotFound', 'for good'],
    ['CannotRun', 'CannotRun', 'for good'],
    ['BadRequest', 'BadRequest', 'for good'],
    ['BuildFailed', 'BuildFailed', 'for good'],
  ])('for %s is told as %s, and is given up %s', (kind, reason, how) => {
    expect(noteOutcome(recordOf(), failing(start, kind), NOW).stepFailure).toEqual({
      operation: 'start container ns.twin-1',
      reason,
      message: 'start container ns.twin-1: no such thing',
      terminal: how === 'for good',
      atMs: NOW,
    });
  });

  test.each<[string, Operation, Kind, number]>([
    ['a second', start, 'Timeout', 1_000],
    ['five where the port is taken', start, 'PortInUse', 5_000],
    ['five where the disk is full', start, 'NoSpace', 5_000],
    ['ten where it was pulled', pull, 'RegistryUnavailable', 10_000],
    ['ten where it was built', build, 'NoSpace', 10_000],
  ])('is tried again after %s', (_, operation, kind, waitMs) => {
    const { step } = noteOutcome(recordOf(), failing(operation, kind), NOW);
    expect(step).toEqual({ failures: 1, notBeforeMs: NOW + waitMs });
  });

  test('again is tried later than the time before', () => {
    const { step } = noteOutcome(recordOf(failedOnce), failing(start, 'Timeout'), NOW);
    expect(step).toEqual({ failures: 2, notBeforeMs: NOW + 2_000 });
  });

  test('after a pull that went through does not have it pulled again', () => {
    const outcome = { ...failing(start, 'Timeout'), done: [pull] };
    expect(noteOutcome(recordOf({ generation: 4 }), outcome, NOW)).toMatchObject({
      pulledGeneration: 4,
      step: { failures: 1 },
    });
  });
});

describe('a call that went through', () => {
  test('ends what is told of the failure before it, and its back-off', () => {
    const told = recordOf({ ...failedOnce, reason: 'NotFound', message: 'x: gone' });
    const after = noteOutcome(told, done(start), NOW);
    expect(after).toMatchObject({ step: { failures: 0, notBeforeMs: 0 }, reason: 'Preparing', message: '' });
    expect(after).not.toHaveProperty('stepFailure');
  });

  test('takes no word away that says something else', () => {
    const told = recordOf({ ...failedOnce, reason: 'PodGroupFailed', message: 'goes back' });
    expect(noteOutcome(told, done(start), NOW)).toMatchObject({
      reason: 'PodGroupFailed',
      message: 'goes back',
    });
  });

  test('of a plan without failures leaves the record as it is', () => {
    const calm = recordOf({ reason: 'X', message: 'y' });
    expect(noteOutcome(calm, done(start), NOW)).toBe(calm);
    expect(noteOutcome(calm, done(), NOW)).toBe(calm);
  });

  test('ends a back-off of which nothing is told any more', () => {
    const { step } = noteOutcome(recordOf({ step: failedOnce.step }), done(start), NOW);
    expect(step).toEqual({ failures: 0, notBeforeMs: 0 });
  });

  test.each([
    ['nothing was called', done()],
    ['only logs were read', done(logs)],
  ])('is none when %s: the failure stands', (_, outcome) => {
    expect(noteOutcome(recordOf(failedOnce), outcome, NOW)).toMatchObject(failedOnce);
  });

  test('is a pull only when an image was pulled', () => {
    expect(noteOutcome(recordOf(), done(start, pull), NOW).pulledGeneration).toBe(1);
    expect(noteOutcome(recordOf(), done(start), NOW)).not.toHaveProperty('pulledGeneration');
  });
});

describe('the last words of a candidate', () => {
  const why = { reason: 'CrashLoop', message: 'exited', atMs: 1 };
  const failed = recordOf({
    revisions: [
      { ...A, failure: why },
      { ...B, failure: why },
    ],
  });
  const lastWords = ({ revisions }: AgentRecord) => revisions[1]?.failure;

  test('are kept with why it failed', () => {
    const outcome = { ...done(logs), logTails: { x: ['panic', 'bye'] } };
    const { revisions } = noteOutcome(failed, outcome, NOW);
    expect(revisions.map(({ failure }) => failure)).toEqual([why, { ...why, logTail: ['panic', 'bye'] }]);
  });

  test('that cannot be read are told as such, and hold nothing up', () => {
    const after = noteOutcome(failed, failing(logs, 'Other'), NOW);
    expect(lastWords(after)).toEqual({ ...why, logTail: ['(its logs could not be read)'] });
    expect(after).not.toHaveProperty('stepFailure');
  });

  test('of one that has not failed are nobody’s', () => {
    const outcome = { ...done(logs), logTails: { x: ['hello'] } };
    expect(noteOutcome(recordOf(), outcome, NOW)).toEqual(recordOf());
    const untried = recordOf({ targetRevision: 'unknown' });
    expect(noteOutcome(untried, outcome, NOW)).toEqual(untried);
  });

  test('are none when nothing was read', () => {
    expect(lastWords(noteOutcome(failed, done(start), NOW))).toEqual(why);
  });
});
