import { describe, expect, test } from 'vitest';
import { aimOf } from '../controllers/agent/aim.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentState, Revision } from '../src/state/record.ts';
import { createRevision } from '../src/state/revision.ts';
import { told } from './fakes/aims-told.ts';
import {
  A,
  aView,
  B,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  CREATED,
  EXITED,
  NOW,
  type Situation,
  specOf,
  replicaOf,
} from './fakes/agent-views.ts';
import { aTemplate } from './fakes/templates.ts';
import { serving, update } from './fakes/update-records.ts';

type Row = [name: string, state: AgentState, Situation, ...told: string[]];
const aims = (_: string, state: AgentState, situation: Situation, ...expected: string[]): void => {
  expect(told(aimOf(aView(state, situation)))).toEqual(expected);
};

const oldOne = containerOf(A, 1);
const newOne = containerOf(B, 2);
const wish = (change: object) => ({
  wish: { template: B.template, imageKnown: true, reloadDigest: '', ...change },
});

describe('while nobody knows how it goes on', () => {
  test.each<Row>([
    [
      'a suspended agent is left as it is',
      'Healthy',
      { record: serving, containers: [oldOne, newOne], facts: { suspended: true } },
      'others stay',
    ],
    [
      'what serves goes on while its update waits for another, whose leavings go',
      'Blocked',
      { record: update, containers: [oldOne, newOne] },
      'A1-0 Running 20 s (made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'a candidate that was made stays while a person holds its rollout',
      'Preparing',
      {
        record: update,
        containers: [oldOne, containerOf(B, 2, CREATED)],
        facts: { acts: { specHash: 'hash', pausedAtMs: 1 } },
      },
      'A1-0 Running 20 s (made A)',
      'others stay',
    ],
    [
      'so does its image',
      'Building',
      {
        record: update,
        containers: [oldOne],
        facts: {
          ...wish({ imageKnown: false, image: { type: 'Pull', reference: 'a:1', cause: 'x' } }),
          acts: { specHash: 'hash', pausedAtMs: 1 },
        },
      },
      'A1-0 Running 20 s (made A)',
      'others stay',
    ],
  ])('%s (%s)', aims);
});

describe('on the way back to the stable revision from one that has not proved itself', () => {
  const back = { currentRevision: B.id, stableRevision: A.id, targetRevision: A.id, message: 'it failed' };

  test.each<Row>([
    [
      'it is started again, and not taken for the kept one too',
      'Starting',
      { record: back, containers: [containerOf(A, 1, EXITED), newOne] },
      'A1-0 Running 20 s (made A)',
      'B2-0 Stopped 20 s (update to revision A: made A)',
      'others stay',
    ],
    [
      'it is no failed candidate, whatever became of it',
      'RolledBack',
      { record: back, containers: [containerOf(A, 1, EXITED), newOne] },
      'B2-0 Running 20 s (made B)',
      'A1-0 Stopped 20 s (kept as the way back)',
      'others go in 1 s (rolled back)',
    ],
  ])('%s (%s)', aims);
});

describe('beside the old one', () => {
  const beside = { revisions: [BESIDE_A, BESIDE_B], message: 'it failed' };
  const fresh = { facts: wish({ template: BESIDE_B.template }) };

  test.each<Row>([
    [
      'the stable revision is made again where it is kept, and not stopped as the way back',
      'Preparing',
      {
        ...fresh,
        record: {
          ...beside,
          currentRevision: BESIDE_B.id,
          stableRevision: BESIDE_A.id,
          targetRevision: BESIDE_A.id,
          rollout: { strategy: 'BlueGreen' },
        },
        containers: [containerOf(BESIDE_A, 1, EXITED), containerOf(BESIDE_B, 2)],
      },
      'B2-0 Running 20 s (made B)',
      'A1-0 Created 20 s (update to revision A: made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'a canary that has proved itself takes the place of one, and of no other',
      'Starting',
      {
        facts: { ...fresh.facts, spec: specOf({ replicas: 2, rollout: { strategy: 'Canary' } }) },
        record: {
          ...beside,
          currentRevision: BESIDE_A.id,
          stableRevision: BESIDE_A.id,
          targetRevision: BESIDE_B.id,
          rollout: { strategy: 'Canary', tried: 2, promoted: 1, stage: 'Others' },
        },
        containers: [replicaOf(BESIDE_A, 1, 0), replicaOf(BESIDE_A, 1, 1), replicaOf(BESIDE_B, 2, 0)],
      },
      'B2-0 Running 20 s (made B)',
      'B2-1 Running 20 s (made B)',
      'A1-1 Running 20 s (made A)',
      'A1-0 Stopped 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
  ])('%s (%s)', aims);
});

describe('where old and new are one revision', () => {
  test.each<Row>([
    [
      'it is not stopped for itself',
      'Starting',
      { record: serving, containers: [newOne] },
      'B2-0 Running 20 s (made B)',
      'others stay',
    ],
    [
      'it is not removed for itself, nor is what was stable before',
      'RolledBack',
      { record: { ...serving, stableRevision: A.id }, containers: [containerOf(A, 1, EXITED), newOne] },
      'B2-0 Running 20 s (made B)',
      'A1-0 Stopped 20 s (kept as the way back)',
      'others go in 1 s (rolled back)',
    ],
    [
      'what goes on as best it can is not stopped for itself',
      'Failed',
      { record: serving, containers: [newOne] },
      'B2-0 Running 20 s (made B)',
      'others stay',
    ],
  ])('%s (%s)', aims);
});

describe('a candidate', () => {
  const wait = (untilMs: number) => ({ step: { failures: 1, notBeforeMs: untilMs } });

  test.each<Row>([
    [
      'that could not be made waits for its next try, what serves does not',
      'Preparing',
      { record: { ...update, ...wait(NOW + 1) }, containers: [oldOne] },
      'A1-0 Running 20 s (made A)',
      'B2-0 Untouched 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'is made when that time has come',
      'Preparing',
      { record: { ...update, ...wait(NOW) }, containers: [oldOne] },
      'A1-0 Running 20 s (made A)',
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'is not started before what was stable has been stopped',
      'Preparing',
      { record: { stableRevision: A.id, targetRevision: B.id } },
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'is not started before what serves has been stopped',
      'Preparing',
      { record: { currentRevision: A.id, targetRevision: B.id } },
      'A1-0 Untouched 20 s (is about to be replaced)',
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'is not started beside one that nobody knows any more',
      'Preparing',
      { record: { targetRevision: B.id }, containers: [oldOne] },
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'that failed and is gone has no last words',
      'Failing',
      { record: update, containers: [] },
      'others stay',
    ],
    [
      'whose last words were taken is asked no more',
      'Failing',
      {
        record: {
          ...update,
          message: 'it failed',
          revisions: [A, { ...B, failure: { reason: '', message: '', atMs: 0, logTail: [] } }],
        },
        containers: [newOne],
      },
      'B2-0 Untouched 20 s (it failed)',
      'others stay',
    ],
  ])('%s (%s)', aims);
});

test('what served before the last two is stopped, and stays while the newest is watched', () => {
  const oldest: Revision = createRevision(
    aTemplate({ env: { V: 'oldest' }, stopGraceSeconds: 5 }),
    'made first',
    0,
  );
  const containers: readonly ObservedContainer[] = [
    containerOf(oldest, 1),
    containerOf(A, 1, EXITED),
    newOne,
  ];
  const record = { ...update, currentRevision: B.id, revisions: [A, B, oldest] };
  expect(told(aimOf(aView('Monitoring', { record, containers })))).toEqual([
    'B2-0 Running 20 s (made B)',
    'A1-0 Stopped 20 s (kept as the way back)',
    `${oldest.id}1-0 Stopped 5 s (update to revision B: made B)`,
    'others stay',
  ]);
});

describe('an image', () => {
  const image = { type: 'Pull', reference: 'a:1', cause: 'it is not there' } as const;
  const absent = wish({ imageKnown: false, image });
  const pulls = (state: AgentState, situation: Situation): boolean =>
    aimOf(aView(state, { containers: [oldOne], ...situation })).image !== undefined;
  const always = { spec: specOf({ imagePullPolicy: 'Always' }) };

  test.each<[name: string, situation: Situation, pulled: boolean]>([
    ['that is not there is pulled', { facts: absent }, true],
    ['that is there is not', { facts: wish({ image }) }, false],
    [
      'that is there is pulled all the same where it always is',
      { facts: { ...always, ...wish({ image }) } },
      true,
    ],
    [
      'that was pulled for this manifest is not pulled again',
      { facts: { ...always, ...wish({ image }) }, record: { pulledGeneration: 1 } },
      false,
    ],
    [
      'that could not be pulled waits for its next try',
      { facts: absent, record: { step: { failures: 1, notBeforeMs: NOW + 1 } } },
      false,
    ],
    [
      'is pulled when that time has come',
      { facts: absent, record: { step: { failures: 1, notBeforeMs: NOW } } },
      true,
    ],
    ['that cannot be had is not', { facts: wish({ imageKnown: false }) }, false],
    ['that nobody knows is not', { facts: { wish: undefined } }, false],
  ])('%s', (_, situation, pulled) => {
    const record = { currentRevision: A.id, stableRevision: A.id, ...situation.record };
    expect(pulls('Building', { ...situation, record })).toBe(pulled);
    expect(pulls('Failed', { ...situation, record })).toBe(pulled);
  });

  test('that is awaited after a failure leaves what serves alone', () => {
    const waits = aView('Failed', {
      record: { currentRevision: A.id, stableRevision: A.id },
      containers: [oldOne],
      facts: absent,
    });
    expect(told(aimOf(waits))).toEqual([
      'Pull (it is not there)',
      'A1-0 Running 20 s (made A)',
      'others stay',
    ]);
  });
});
