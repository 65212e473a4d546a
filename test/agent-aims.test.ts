import { describe, expect, test } from 'vitest';
import { aimOf } from '../controllers/agent/aim.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentState, Revision } from '../src/state/record.ts';
import { letterOf, told } from './fakes/aims-told.ts';
import {
  A,
  aView,
  B,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  CREATED,
  EXITED,
  type Situation,
  specOf,
  replicaOf,
  HOLDER,
} from './fakes/agent-views.ts';

const at = (revision: Revision, attempt: number, ordinal: number, address: string): ObservedContainer =>
  replicaOf(revision, attempt, ordinal, {
    id: `${letterOf(revision.id)}${ordinal}`,
    networks: { 'ns.default': address },
  });

const wish = { template: BESIDE_B.template, holder: HOLDER, imageKnown: true, reloadDigest: '' };
const fromAToB = { currentRevision: A.id, stableRevision: A.id, targetRevision: B.id, message: 'it failed' };
const beside = {
  revisions: [BESIDE_A, BESIDE_B],
  currentRevision: BESIDE_A.id,
  stableRevision: BESIDE_A.id,
  targetRevision: BESIDE_B.id,
  message: 'it failed',
};

const SITUATIONS = {
  'an update in place': {
    record: fromAToB,
    containers: [containerOf(A, 1), containerOf(B, 2, CREATED)],
  },
  'an update in the place of the old one': {
    record: { ...fromAToB, rollout: { strategy: 'Recreate' } },
    containers: [containerOf(A, 1, EXITED), containerOf(B, 2, EXITED)],
  },
  'a first deploy': {
    record: { targetRevision: B.id, message: 'it failed' },
    containers: [containerOf(B, 2)],
  },
  'an update that serves and has yet to prove itself': {
    record: { currentRevision: B.id, stableRevision: A.id, targetRevision: B.id },
    containers: [containerOf(A, 1, EXITED), containerOf(B, 2)],
  },
  'old and new side by side': {
    record: { ...beside, rollout: { strategy: 'BlueGreen' } },
    facts: { wish },
    containers: [at(BESIDE_A, 1, 0, '10.0.0.2'), at(BESIDE_B, 2, 0, '10.0.0.3')],
  },
  'one of three replaced by a canary, the second tried': {
    record: { ...beside, rollout: { strategy: 'Canary', tried: 2, promoted: 1, stage: 'Others' } },
    facts: { wish, spec: specOf({ replicas: 3, rollout: { strategy: 'Canary' } }) },
    containers: [
      at(BESIDE_A, 1, 1, '10.0.0.11'),
      at(BESIDE_A, 1, 2, '10.0.0.12'),
      at(BESIDE_B, 2, 0, '10.0.0.20'),
      at(BESIDE_B, 2, 1, '10.0.0.21'),
    ],
  },
} satisfies Record<string, Situation>;

type Row = [AgentState, ...string[]];

const AIMS: Readonly<Record<keyof typeof SITUATIONS, readonly Row[]>> = {
  'an update in place': [
    ['Pending', 'A1-0 Running 20 s (made A)', 'others go in 1 s (a candidate that is no longer asked for)'],
    ['Building', 'A1-0 Running 20 s (made A)', 'others go in 1 s (a candidate that is no longer asked for)'],
    [
      'Preparing',
      'A1-0 Running 20 s (made A)',
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'StoppingOld',
      'A1-0 Stopped 20 s (update to revision B: made B)',
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'Starting',
      'B2-0 Running 20 s (made B)',
      'A1-0 Stopped 20 s (update to revision B: made B)',
      'others stay',
    ],
    [
      'Verifying',
      'B2-0 Running 20 s (made B)',
      'A1-0 Stopped 20 s (update to revision B: made B)',
      'others stay',
    ],
    ['Promoting', 'A1-0 Running 20 s (made A)', 'others stay'],
    ['Failing', 'B2-0 Untouched 20 s (it failed) with its last words', 'others stay'],
    [
      'RollingBack',
      'A1-0 Running 20 s (rollback: it failed)',
      'B2-0 Absent 1 s (failed: it failed)',
      'others go in 1 s (rolled back)',
    ],
    [
      'RolledBack',
      'A1-0 Running 20 s (made A)',
      'B2-0 Absent 1 s (failed: it failed)',
      'others go in 1 s (rolled back)',
    ],
    ['Failed', 'A1-0 Running 20 s (made A)', 'B2-0 Stopped 1 s (failed: it failed)', 'others stay'],
    ['Paused', 'A1-0 Running 20 s (made A)', 'others stay'],
    ['Terminating', 'others go in 20 s (its manifest was deleted)'],
  ],
  'an update in the place of the old one': [
    ['Failing', 'B2-0 Untouched 20 s (it failed) with its last words', 'others stay'],
    ['Paused', 'others stay'],
  ],
  'a first deploy': [
    ['Pending', 'others go in 1 s (a candidate that is no longer asked for)'],
    ['Blocked', 'others stay'],
    [
      'Preparing',
      'B2-0 Running 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    ['Starting', 'B2-0 Running 20 s (made B)', 'others stay'],
    ['Failing', 'B2-0 Untouched 20 s (it failed) with its last words', 'others stay'],
    ['Failed', 'B2-0 Running 20 s (made B)', 'others stay'],
    ['Terminating', 'others go in 20 s (its manifest was deleted)'],
  ],
  'an update that serves and has yet to prove itself': [
    [
      'Pending',
      'B2-0 Running 20 s (made B)',
      'A1-0 Stopped 20 s (kept as the way back)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    [
      'Building',
      'B2-0 Running 20 s (made B)',
      'A1-0 Stopped 20 s (kept as the way back)',
      'others go in 1 s (a candidate that is no longer asked for)',
    ],
    ['Monitoring', 'B2-0 Running 20 s (made B)', 'A1-0 Stopped 20 s (kept as the way back)', 'others stay'],
    ['Paused', 'B2-0 Running 20 s (made B)', 'others stay'],
    ['Healthy', 'B2-0 Running 20 s (made B)', 'others go in 1 s (its revision was replaced by a stable one)'],
    ['Healing', 'B2-0 Running 20 s (made B)', 'others go in 1 s (its revision was replaced by a stable one)'],
    [
      'Degraded',
      'B2-0 Running 20 s (made B)',
      'others go in 1 s (its revision was replaced by a stable one)',
    ],
    ['Completed', 'B2-0 Untouched 20 s (completed)', 'others go in 1 s (replaced)'],
    ['Terminating', 'others go in 20 s (its manifest was deleted)'],
  ],
  'old and new side by side': [
    [
      'Preparing',
      'A1-0 Running 20 s (made A)',
      'B2-0 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
    [
      'Starting',
      'B2-0 Running 20 s (made B)',
      'A1-0 Running 20 s (made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
    [
      'Verifying',
      'B2-0 Running 20 s (made B)',
      'A1-0 Running 20 s (made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
    [
      'Failing',
      'B2-0 Untouched 20 s (it failed) with its last words',
      'others stay',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
    [
      'RollingBack',
      'A1-0 Running 20 s (rollback: it failed)',
      'B2-0 Absent 1 s (failed: it failed)',
      'others go in 1 s (rolled back)',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
    [
      'Failed',
      'A1-0 Running 20 s (made A)',
      'B2-0 Stopped 1 s (failed: it failed)',
      'others stay',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
    ['Terminating', 'others go in 20 s (its manifest was deleted)'],
    [
      'Paused',
      'A1-0 Running 20 s (made A)',
      'others stay',
      'traffic to A0 (1 of 1 replicas are ready, of revision A)',
    ],
  ],
  'one of three replaced by a canary, the second tried': [
    [
      'Preparing',
      'B2-0 Running 20 s (made B)',
      'A1-1 Running 20 s (made A)',
      'A1-2 Running 20 s (made A)',
      'B2-1 Created 20 s (update to revision B: made B)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to B0 A1 A2 (3 of 3 replicas are ready, of revision B and A)',
    ],
    [
      'Starting',
      'B2-0 Running 20 s (made B)',
      'B2-1 Running 20 s (made B)',
      'A1-1 Running 20 s (made A)',
      'A1-2 Running 20 s (made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to B0 A1 A2 (3 of 3 replicas are ready, of revision B and A)',
    ],
    [
      'Promoting',
      'B2-0 Running 20 s (made B)',
      'A1-1 Running 20 s (made A)',
      'A1-2 Running 20 s (made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to B0 A1 A2 (3 of 3 replicas are ready, of revision B and A)',
    ],
    [
      'AwaitingApproval',
      'B2-0 Running 20 s (made B)',
      'A1-1 Running 20 s (made A)',
      'A1-2 Running 20 s (made A)',
      'others go in 1 s (a candidate that is no longer asked for)',
      'traffic to B0 A1 A2 (3 of 3 replicas are ready, of revision B and A)',
    ],
    [
      'Failing',
      'B2-0 Untouched 20 s (it failed) with its last words',
      'others stay',
      'traffic to B0 A1 A2 (3 of 3 replicas are ready, of revision B and A)',
    ],
    [
      'RollingBack',
      'A1-0 Running 20 s (rollback: it failed)',
      'A1-1 Running 20 s (rollback: it failed)',
      'A1-2 Running 20 s (rollback: it failed)',
      'B2-0 Absent 1 s (failed: it failed)',
      'B2-1 Absent 1 s (failed: it failed)',
      'others go in 1 s (rolled back)',
      'traffic to A1 A2 (2 of 3 replicas are ready, of revision A)',
    ],
    [
      'Healing',
      'A1-0 Running 20 s (replicas is 3) put right',
      'A1-1 Running 20 s (made A) put right',
      'A1-2 Running 20 s (made A) put right',
      'others go in 1 s (its revision was replaced by a stable one)',
      'traffic to A1 A2 (2 of 3 replicas are ready, of revision A)',
    ],
    [
      'Completed',
      'A1-1 Untouched 20 s (completed)',
      'A1-2 Untouched 20 s (completed)',
      'others go in 1 s (replaced)',
      'traffic to nobody (no replica is ready)',
    ],
  ],
};

describe.each(Object.entries(SITUATIONS))('%s', (name, situation: Situation) => {
  test.each(AIMS[name as keyof typeof SITUATIONS])('%s', (state, ...expected) => {
    expect(told(aimOf(aView(state, situation)))).toEqual(expected);
  });
});
