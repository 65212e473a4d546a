import { expect, test } from 'vitest';
import { enter } from '../controllers/agent/enter.ts';
import type { AgentEvent } from '../controllers/agent/machine.ts';
import type { AgentState } from '../src/state/record.ts';
import { changes } from './fakes/record-changes.ts';
import { A, aView, B, containerOf, NOW, READY, type Situation } from './fakes/agent-views.ts';
import { crashed, down, failure, serving, underWay, update } from './fakes/update-records.ts';

const newOne = containerOf(B, 2);

type Row = [
  name: string,
  from: AgentState,
  event: AgentEvent,
  to: AgentState,
  situation: Situation,
  ...told: string[],
];

test.each<Row>([
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
    'a person looks',
    'Failing',
    'PAUSE',
    'Paused',
    { record: { ...update, message: 'it failed', reason: 'X' } },
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
])('%s: %s, %s → %s', (_, from, event, to, situation, ...expected) => {
  const view = aView(from, situation);
  const after = enter(view, to, event);
  expect(changes(view.record, after)).toEqual(expected);
  expect(after).toMatchObject({ state: to, stateEnteredAtMs: NOW });
});
