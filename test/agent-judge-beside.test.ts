import { expect, test } from 'vitest';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { nextEvent } from '../controllers/agent/judge.ts';
import type { AgentEvent } from '../controllers/agent/machine.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import {
  aView,
  BESIDE_A,
  BESIDE_B,
  NOW,
  READY,
  type Situation,
  specOf,
  replicaOf,
} from './fakes/agent-views.ts';

type Row = [name: string, state: AgentState, change: Situation, event: AgentEvent | undefined];

const both = {
  revisions: [BESIDE_A, BESIDE_B],
  currentRevision: BESIDE_A.id,
  stableRevision: BESIDE_A.id,
  targetRevision: BESIDE_B.id,
};
const three = [replicaOf(BESIDE_B, 2, 0), replicaOf(BESIDE_A, 1, 1), replicaOf(BESIDE_A, 1, 2)];
const canary = (stage: 'Canaries' | 'Others') =>
  ({ rollout: { strategy: 'Canary', tried: 1, promoted: 1, stage } }) as const;
const asked = (promotion: 'Manual' | 'Auto', acts: object = {}): Partial<AgentFacts> => ({
  spec: specOf({
    replicas: 3,
    rollout: { strategy: 'Canary', minHealthySeconds: 2, canary: { replicas: 1, promotion } },
  }),
  acts: { specHash: 'hash', ...acts },
});
const blueGreen: Partial<AgentRecord> = { rollout: { strategy: 'BlueGreen' } };
const promoted: Partial<AgentRecord> = { ...blueGreen, currentRevision: BESIDE_B.id };
const sick: Partial<AgentRecord> = {
  replicas: { [`${BESIDE_B.id}-2-0`]: { ...NEW_REPLICA, joined: true } },
};
/** They have a holder, which leads nowhere yet. */
const named: Partial<AgentFacts> = {
  wish: {
    template: BESIDE_B.template,
    holder: { networks: [], ports: [] },
    imageKnown: true,
    reloadDigest: '',
  },
};
const noneReady = { ...asked('Manual'), verdictOf: () => ({ ...READY, ready: false }) };
const since = (ms: number) => ({ healthySinceMs: NOW - ms });
const stopped = { clocksStoppedAtMs: NOW - 1 };

test.each<Row>([
  ['it is made', 'Preparing', { containers: three, record: blueGreen }, 'CREATED_BESIDE'],
  ['all of it serves', 'Promoting', { containers: three, record: blueGreen }, 'PROMOTED'],
  [
    'it has proved itself, and its traffic has yet to move',
    'Promoting',
    { containers: [replicaOf(BESIDE_B, 2, 0)], record: promoted, facts: named },
    undefined,
  ],
  [
    'its traffic does not move in time',
    'Promoting',
    { containers: [replicaOf(BESIDE_B, 2, 0)], record: { ...promoted, deadlineAtMs: NOW }, facts: named },
    'DEADLINE',
  ],
  [
    'what it goes back to is up, and its traffic has yet to move',
    'RollingBack',
    { containers: [replicaOf(BESIDE_A, 1, 0)], record: blueGreen, facts: named },
    undefined,
  ],
  [
    'the canaries serve',
    'Promoting',
    { containers: three, record: canary('Canaries'), facts: asked('Auto') },
    'CANARIES_SERVE',
  ],
  [
    'one more serves',
    'Promoting',
    { containers: three, record: canary('Others'), facts: asked('Auto') },
    'NEXT_REPLICA',
  ],
  [
    'the canaries have been healthy',
    'AwaitingApproval',
    { containers: three, record: { ...canary('Canaries'), ...since(2_000) }, facts: asked('Auto') },
    'APPROVED',
  ],
  [
    'not for long enough',
    'AwaitingApproval',
    { containers: three, record: { ...canary('Canaries'), ...since(1_999) }, facts: asked('Auto') },
    undefined,
  ],
  [
    'a person has yet to agree',
    'AwaitingApproval',
    { containers: three, record: { ...canary('Canaries'), ...since(2_000) }, facts: asked('Manual') },
    undefined,
  ],
  [
    'a person has agreed',
    'AwaitingApproval',
    {
      containers: three,
      record: canary('Canaries'),
      facts: asked('Manual', { approvedRevision: BESIDE_B.id }),
    },
    'APPROVED',
  ],
  [
    'a person has agreed to another',
    'AwaitingApproval',
    {
      containers: three,
      record: canary('Canaries'),
      facts: asked('Manual', { approvedRevision: BESIDE_A.id }),
    },
    undefined,
  ],
  [
    'the manifest asks for no canaries any more, and they have been healthy',
    'AwaitingApproval',
    {
      containers: three,
      record: { ...canary('Canaries'), ...since(2_000) },
      facts: { spec: specOf({ replicas: 3, rollout: { strategy: 'BlueGreen', minHealthySeconds: 2 } }) },
    },
    'APPROVED',
  ],
  [
    'a canary fails',
    'AwaitingApproval',
    { containers: three, record: { ...canary('Canaries'), ...sick }, facts: noneReady },
    'UNHEALTHY',
  ],
  [
    'a canary fails while the next is made',
    'Preparing',
    { containers: three, record: { ...canary('Others'), ...sick }, facts: noneReady },
    'UNHEALTHY',
  ],
  [
    'a canary fails while what it needs is down',
    'AwaitingApproval',
    {
      containers: three,
      record: { ...canary('Canaries'), ...sick },
      facts: { ...noneReady, dependencyDown: 'db' },
    },
    undefined,
  ],
  [
    'a canary fails while the clocks stand still',
    'AwaitingApproval',
    { containers: three, record: { ...canary('Canaries'), ...sick, ...stopped }, facts: noneReady },
    undefined,
  ],
])('beside the old one, %s (%s)', (_, state, change, event) => {
  const record = { wishHash: wishHash(BESIDE_B.template), ...both, ...change.record };
  expect(nextEvent(aView(state, { ...change, record }))).toBe(event);
});
