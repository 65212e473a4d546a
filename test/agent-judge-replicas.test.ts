import { expect, test } from 'vitest';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { nextEvent } from '../controllers/agent/judge.ts';
import type { AgentEvent } from '../controllers/agent/machine.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import {
  aView,
  B,
  BESIDE_B,
  CREATED,
  EXITED,
  READY,
  SEVERAL,
  specOf,
  replicaOf,
} from './fakes/agent-views.ts';
import { serving, update } from './fakes/update-records.ts';

const one = (ordinal: number, change: Partial<ObservedContainer> = {}): ObservedContainer =>
  replicaOf(B, 2, ordinal, { id: `B${ordinal}`, ...change });
const known = (...replicas: Partial<ReplicaRecord>[]): Pick<AgentRecord, 'replicas'> => ({
  replicas: Object.fromEntries(
    replicas.map((replica, ordinal) => [
      `${B.id}-2-${ordinal}`,
      { ...NEW_REPLICA, joined: true, ...replica },
    ]),
  ),
});
const ended = (ordinal: number): Partial<ReplicaRecord> => ({
  lastExit: { containerId: `B${ordinal}`, code: 0, oomKilled: false, atMs: 9 },
});
const job: Partial<AgentFacts> = { spec: specOf({ replicas: 2, restartPolicy: 'OnFailure' }) };
/** Only the first of them is ready. */
const firstReady: Partial<AgentFacts> = {
  verdictOf: ({ id }) => ({ ...READY, started: id === 'B0', ready: id === 'B0' }),
};

interface Pair {
  readonly record?: Partial<AgentRecord>;
  readonly facts?: Partial<AgentFacts>;
  readonly containers: readonly ObservedContainer[];
}

test.each<[name: string, state: AgentState, Pair, event: AgentEvent | undefined]>([
  ['one of them is made', 'Preparing', { containers: [one(0, CREATED)] }, undefined],
  ['both are made', 'Preparing', { containers: [one(0, CREATED), one(1, CREATED)] }, 'CREATED'],
  ['one of them has started', 'Starting', { containers: [one(0), one(1)], facts: firstReady }, undefined],
  ['both have started', 'Starting', { containers: [one(0), one(1)] }, 'STARTED'],
  [
    'one of them crashes',
    'Starting',
    { containers: [one(0), one(1)], record: known({}, { rolloutRestarts: 3 }) },
    'CRASHED_TOO_OFTEN',
  ],
  [
    'the job of one of them is done, the other runs',
    'Starting',
    { containers: [one(0, EXITED), one(1)], record: known(ended(0), {}), facts: { ...job, ...firstReady } },
    undefined,
  ],
  [
    'the jobs of both are done',
    'Starting',
    {
      containers: [one(0, EXITED), one(1, EXITED)],
      record: known(ended(0), ended(1)),
      facts: job,
    },
    'COMPLETED',
  ],
  [
    'one of them is not ready any more',
    'Healthy',
    { containers: [one(0), one(1)], record: { ...serving, ...known({}, {}) }, facts: firstReady },
    'UNHEALTHY',
  ],
  ['the second was never there', 'Healthy', { containers: [one(0)], record: serving }, 'SCALED'],
  [
    'one of them went down with the host, and is not back in time',
    'Monitoring',
    {
      containers: [one(0), one(1, EXITED)],
      record: { ...serving, ...known({}, { rebooted: true }), deadlineAtMs: 1 },
    },
    'UNHEALTHY',
  ],
])('of two replicas, %s (%s)', (_, state, { record, facts, containers }, event) => {
  const view = aView(state, {
    containers,
    record: { ...SEVERAL, wishHash: wishHash(BESIDE_B.template), ...update, ...record },
    facts: { spec: specOf({ replicas: 2 }), ...facts },
  });
  expect(nextEvent(view)).toBe(event);
});
