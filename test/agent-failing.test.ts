import { expect, test } from 'vitest';
import { enter } from '../controllers/agent/enter.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { type Entry, expectEntry } from './fakes/record-changes.ts';
import { A, aView, B, containerOf, NOW, READY, replicaOf } from './fakes/agent-views.ts';
import { crashed, down, failure, serving, underWay, update } from './fakes/update-records.ts';

const newOne = containerOf(B, 2);

test.each<Entry>([
  [
    'a step of it failed',
    'Preparing',
    'STEP_FAILED',
    'Failing',
    { record: { ...update, ...underWay, stepFailure: failure, clocksStoppedAtMs: 3 } },
    'clocksStoppedAtMs: gone',
    'message: "is not ours"',
    'reason: "Conflict"',
    'revisions: A, Pending, made A | B, Failed, made B, Conflict: is not ours',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"is not ours","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'it crashed',
    'Starting',
    'CRASHED_TOO_OFTEN',
    'Failing',
    {
      record: { ...update, ...underWay, ...crashed },
      containers: [down],
      facts: { verdictOf: () => undefined },
    },
    'message: "exited 3 times while starting; last exit code 137 (out of memory)"',
    'reason: "CrashLoop"',
    'revisions: A, Pending, made A | B, Failed, made B, CrashLoop: exited 3 times while starting; last exit code 137 (out of memory)',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"exited 3 times while starting; last exit code 137 (out of memory)","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'its probes failed',
    'Verifying',
    'DEADLINE',
    'Failing',
    {
      record: { ...update, ...underWay },
      containers: [newOne],
      facts: { verdictOf: () => ({ ...READY, messages: { readiness: 'refused', liveness: 'slow' } }) },
    },
    'message: "was not healthy in time (Verifying); readiness: refused; liveness: slow"',
    'reason: "DeadlineExceeded"',
    'revisions: A, Pending, made A | B, Failed, made B, DeadlineExceeded: was not healthy in time (Verifying); readiness: refused; liveness: slow',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"was not healthy in time (Verifying); readiness: refused; liveness: slow","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'a person stopped it',
    'Verifying',
    'ABORTED',
    'Failing',
    { record: { ...update, ...underWay }, facts: { acts: { specHash: 'hash', abortedAtMs: 6 } } },
    'abortedAtMs: 6',
    'message: "aborted by a person"',
    'reason: "AbortedByUser"',
    'revisions: A, Pending, made A | B, Failed, made B, AbortedByUser: aborted by a person',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"aborted by a person","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'it failed after all',
    'Monitoring',
    'UNHEALTHY',
    'Failing',
    { record: { ...update, ...underWay, currentRevision: B.id } },
    'message: "became unhealthy in the monitor window"',
    'reason: "UnhealthyAfterPromotion"',
    'revisions: A, Pending, made A | B, Failed, made B, UnhealthyAfterPromotion: became unhealthy in the monitor window',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"became unhealthy in the monitor window","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'its pod is gone',
    'Starting',
    'FELLOW_FAILED',
    'Failing',
    { record: { ...update, ...underWay } },
    'message: "goes back with its pod group: its pod is gone"',
    'reason: "PodGroupFailed"',
    'revisions: A, Pending, made A | B, Failed, made B, PodGroupFailed: goes back with its pod group: its pod is gone',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"goes back with its pod group: its pod is gone","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'it failed before it came to a revision',
    'Building',
    'STEP_FAILED',
    'Failing',
    { record: { currentRevision: A.id, stableRevision: A.id, revisions: [A], stepFailure: failure } },
    'message: "is not ours"',
    'reason: "Conflict"',
    'rollouts: [{"from":"A","trigger":"Manifest","changes":["env V changed A → B"],"startedAtMs":1000000,"outcome":"Failed","message":"is not ours","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'a step failed of which nothing more is known',
    'Preparing',
    'STEP_FAILED',
    'Failing',
    { record: { ...update, ...underWay } },
    'message: "a step failed"',
    'reason: "StepFailed"',
    'revisions: A, Pending, made A | B, Failed, made B, StepFailed: a step failed',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Failed","message":"a step failed","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'its first deploy failed before it came to a revision',
    'Building',
    'STEP_FAILED',
    'Failing',
    { record: { revisions: [], stepFailure: failure } },
    'message: "is not ours"',
    'reason: "Conflict"',
    'rollouts: [{"trigger":"Manifest","changes":[],"startedAtMs":1000000,"outcome":"Failed","message":"is not ours","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'it failed when nobody knew what it asks for any more',
    'Building',
    'STEP_FAILED',
    'Failing',
    { record: { currentRevision: A.id, stepFailure: failure }, facts: { wish: undefined } },
    'message: "is not ours"',
    'reason: "Conflict"',
    'rollouts: [{"from":"A","trigger":"Manifest","changes":[],"startedAtMs":1000000,"outcome":"Failed","message":"is not ours","endedAtMs":1000000}]',
    'triedGeneration: 1',
  ],
  [
    'it goes back',
    'Failing',
    'ROLL_BACK',
    'RollingBack',
    {
      record: {
        ...update,
        currentRevision: B.id,
        healthySinceMs: 5,
        message: 'it failed',
        reason: 'X',
        stepFailure: failure,
      },
    },
    'currentRevision: "A"',
    'deadlineAtMs: 1300000',
    'healthySinceMs: gone',
    'stepFailure: gone',
  ],
  [
    'it is back',
    'RollingBack',
    'RESTORED',
    'RolledBack',
    { record: { ...update, ...underWay, generation: 4, message: 'it failed', reason: 'X' } },
    'rolledBackGeneration: 4',
  ],
  [
    'it goes on as best it can',
    'Failing',
    'GIVE_UP',
    'Failed',
    { record: { ...update, healthySinceMs: 5, message: 'it failed', reason: 'X' } },
    'healthySinceMs: gone',
  ],
  [
    'what it was before cannot be had any more',
    'Failing',
    'GIVE_UP',
    'Failed',
    { record: { ...update, message: 'it failed', reason: 'X' }, facts: { noWayBack: 'pruned' } },
    'currentRevision: "B"',
  ],
  [
    'there is nothing to go back to',
    'Failing',
    'ROLL_BACK',
    'RollingBack',
    { record: { targetRevision: B.id, healthySinceMs: 5, message: 'it failed', reason: 'X' } },
    'deadlineAtMs: 1300000',
  ],
  [
    'what serves is not the one that cannot be gone back to',
    'Failing',
    'GIVE_UP',
    'Failed',
    {
      record: { ...update, stableRevision: 'older', message: 'it failed', reason: 'X' },
      facts: { noWayBack: 'pruned' },
    },
  ],
  [
    'it never came to a revision to go on with',
    'Failing',
    'GIVE_UP',
    'Failed',
    {
      record: { currentRevision: A.id, stableRevision: A.id, message: 'it failed', reason: 'X' },
      facts: { noWayBack: 'pruned' },
    },
  ],
  [
    'a person looks',
    'Failing',
    'PAUSE',
    'Paused',
    { record: { ...update, message: 'it failed', reason: 'X' } },
  ],
  [
    'a person looks at a step that failed, and nobody waits for its next try',
    'Failing',
    'PAUSE',
    'Paused',
    {
      record: {
        ...update,
        message: 'it failed',
        reason: 'X',
        stepFailure: failure,
        step: { failures: 6, notBeforeMs: NOW + 1 },
      },
    },
    'step: {"failures":0,"notBeforeMs":0}',
    'stepFailure: gone',
  ],
  [
    'its job is done',
    'Starting',
    'COMPLETED',
    'Completed',
    { record: { ...update, ...underWay } },
    'currentRevision: "B"',
    'reason: "Completed"',
    'revisions: A, Superseded, made A | B, Stable, made B, stable at 1000000',
    'rollouts: [{"revision":"B","trigger":"Manifest","changes":["env"],"startedAtMs":1,"outcome":"Stable","endedAtMs":1000000}]',
    'stableRevision: "B"',
  ],
  [
    'it is deleted',
    'Healthy',
    'DELETED',
    'Terminating',
    { record: { ...serving, message: 'y' } },
    'message: ""',
    'reason: "Terminating"',
  ],
])('%s: %s, %s → %s', expectEntry);

test('what is known of the end is kept with the revision, for whoever looks at its history', () => {
  const record = { ...update, ...crashed };
  const dead = aView('Starting', { record, containers: [down], facts: { verdictOf: () => undefined } });
  const [, failed] = enter(dead, 'Failing', 'CRASHED_TOO_OFTEN').revisions;
  expect(failed?.failure).toEqual({
    reason: 'CrashLoop',
    message: 'exited 3 times while starting; last exit code 137 (out of memory)',
    atMs: NOW,
    exitCode: 137,
    oomKilled: true,
  });
});

test('what its probes said last is kept, too', () => {
  const verdictOf = () => ({ ...READY, messages: { readiness: 'refused', liveness: 'slow' } });
  const slow = aView('Verifying', { record: update, containers: [newOne], facts: { verdictOf } });
  expect(enter(slow, 'Failing', 'DEADLINE').revisions[1]?.failure).toEqual({
    reason: 'DeadlineExceeded',
    message: 'was not healthy in time (Verifying); readiness: refused; liveness: slow',
    atMs: NOW,
    lastProbe: 'readiness: refused; liveness: slow',
  });
});

test('an exit code is told without more where memory did not run out', () => {
  const lastExit = { containerId: down.id, code: 3, oomKilled: false, atMs: 9 };
  const replicas = { [`${B.id}-2-0`]: { ...NEW_REPLICA, rolloutRestarts: 1, lastExit } };
  const dead = aView('Starting', { record: { ...update, replicas }, containers: [down] });
  expect(enter(dead, 'Failing', 'DEADLINE').message).toBe(
    'was not healthy in time (Starting); last exit code 3',
  );
});

test('of several replicas the one that crashed most often is counted', () => {
  const crashes = [1, 4, 2];
  const containers = crashes.map((_, ordinal) => replicaOf(B, 2, ordinal));
  const replicas = Object.fromEntries(
    crashes.map((rolloutRestarts, ordinal) => [`${B.id}-2-${ordinal}`, { ...NEW_REPLICA, rolloutRestarts }]),
  );
  const several = aView('Starting', { record: { ...update, replicas }, containers });
  expect(enter(several, 'Failing', 'CRASHED_TOO_OFTEN').message).toBe('exited 4 times while starting');
});

test('a person’s abort is known by the time of the request, and without one by the clock', () => {
  const aborted = (acts: object) =>
    enter(
      aView('Starting', { record: update, facts: { acts: { specHash: 'hash', ...acts } } }),
      'Failing',
      'ABORTED',
    ).abortedAtMs;
  expect(aborted({ abortedAtMs: 6 })).toBe(6);
  expect(aborted({})).toBe(NOW);
});
