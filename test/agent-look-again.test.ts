import { describe, expect, test } from 'vitest';
import { type Decision, decide, newRecord } from '../controllers/agent/decide.ts';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { incarnationLabels } from '../src/state/names.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord, replicaId } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import {
  A,
  aView,
  B,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  EXITED,
  factsWith,
  NOW,
  READY,
  type Situation,
  specOf,
  TWIN,
} from './fakes/agent-views.ts';
import { aContainer } from './fakes/templates.ts';
import { serving, update } from './fakes/update-records.ts';

const newOne = containerOf(B, 2);
const oldOne = containerOf(A, 1);
const known = (change: Partial<ReplicaRecord> = {}): Pick<AgentRecord, 'replicas'> => ({
  replicas: { [`${B.id}-2-0`]: { ...NEW_REPLICA, joined: true, bootId: 'boot', ...change } },
});

function decided(state: AgentState, { record, ...rest }: Situation): Decision {
  const view = aView(state, { record: { wishHash: wishHash(B.template), ...record }, ...rest });
  return decide(view.facts, view.record, NOW);
}

describe('when to look again though nothing happens', () => {
  const inMs = (state: AgentState, situation: Situation): number | undefined => {
    const { requeueAtMs } = decided(state, situation);
    return requeueAtMs === undefined ? undefined : requeueAtMs - NOW;
  };
  const unready = { verdictOf: () => ({ ...READY, ready: false }) };
  const late = { deadlineAtMs: NOW + 50_000 };
  const healthy = { healthySinceMs: NOW - 500, ...known() };
  const canary = {
    revisions: [BESIDE_A, BESIDE_B],
    currentRevision: BESIDE_A.id,
    stableRevision: BESIDE_A.id,
    targetRevision: BESIDE_B.id,
    wishHash: wishHash(BESIDE_B.template),
    rollout: { strategy: 'Canary', tried: 1, promoted: 1, stage: 'Canaries' } as const,
  };

  test.each<[name: string, state: AgentState, Situation, ms: number | undefined]>([
    ['what serves waits for nothing', 'Healthy', { record: serving, containers: [newOne] }, undefined],
    [
      'at the deadline of what is tried',
      'Verifying',
      { record: { ...update, ...late }, containers: [newOne], facts: unready },
      50_000,
    ],
    [
      'not at a deadline that stands still',
      'Verifying',
      { record: { ...update, ...late }, containers: [newOne], facts: { ...unready, dependencyDown: 'db' } },
      undefined,
    ],
    [
      'when it will have been healthy for long enough',
      'Verifying',
      { record: { ...update, ...late, ...healthy }, containers: [newOne] },
      1_500,
    ],
    [
      'not for that while its clocks stand still',
      'Verifying',
      { record: { ...update, ...healthy }, containers: [newOne], facts: { dependencyDown: 'db' } },
      undefined,
    ],
    [
      'when the canaries will have been',
      'AwaitingApproval',
      {
        record: { ...canary, healthySinceMs: NOW - 500 },
        containers: [containerOf(BESIDE_B, 2), containerOf(BESIDE_A, 1)],
      },
      1_500,
    ],
    [
      'when the survivor will have been',
      'Failed',
      { record: { ...update, healthySinceMs: NOW - 500 }, containers: [oldOne] },
      1_500,
    ],
    [
      'ten seconds after it came up again',
      'Degraded',
      { record: { ...serving, ...healthy }, containers: [newOne] },
      9_500,
    ],
    [
      'not for the health of what has proved itself',
      'Monitoring',
      { record: { ...serving, ...healthy, ...late }, containers: [newOne] },
      50_000,
    ],
    [
      'not for the health of who serves',
      'Healthy',
      { record: { ...serving, ...healthy }, containers: [newOne] },
      undefined,
    ],
    [
      'when a back-off after a crash ends',
      'Degraded',
      {
        record: {
          ...serving,
          ...known({
            crash: { failures: 3, notBeforeMs: NOW + 4_000 },
            lastExit: { containerId: newOne.id, code: 1, oomKilled: false, atMs: EXITED.finishedAtMs },
          }),
        },
        containers: [containerOf(B, 2, EXITED)],
      },
      4_000,
    ],
    [
      'when a step may be tried again',
      'Preparing',
      { record: { ...update, ...late, step: { failures: 1, notBeforeMs: NOW + 1_000 } } },
      1_000,
    ],
    [
      'when a person’s suspension ends',
      'Healthy',
      {
        record: serving,
        containers: [newOne],
        facts: {
          suspended: true,
          acts: { specHash: 'hash', suspended: { sinceMs: 1, untilMs: NOW + 7_000 } },
        },
      },
      7_000,
    ],
    [
      'not for a time that has come',
      'Preparing',
      { record: { ...update, step: { failures: 1, notBeforeMs: NOW } } },
      undefined,
    ],
  ])('%s (%s)', (_, state, situation, ms) => {
    expect(inMs(state, situation)).toBe(ms);
  });

  test('when the last request of who left the route may be over', () => {
    const at = (ordinal: number) => {
      const ref = { revision: BESIDE_B.id, attempt: 2, ordinal };
      const labels = incarnationLabels({ key: TWIN, ...ref });
      const networks = { 'ns.default': `10.0.0.${ordinal}` };
      return {
        id: replicaId(ref),
        container: containerOf(BESIDE_B, 2, { id: `${ordinal}`, labels, networks }),
      };
    };
    const [first, second] = [at(0), at(1)];
    const holder = { container: aContainer('', 0, { id: 'holder' }), route: ['10.0.0.0'] };
    const containers = [first.container, second.container];
    const drained = inMs('Healthy', {
      record: {
        ...canary,
        currentRevision: BESIDE_B.id,
        stableRevision: BESIDE_B.id,
        traffic: { routed: [first.id], drainingUntilMs: { [second.id]: NOW + 2_500 } },
      },
      facts: {
        spec: specOf({ replicas: 1, rollout: { strategy: 'BlueGreen' } }),
        wish: {
          template: BESIDE_B.template,
          holder: { networks: [], ports: [] },
          imageKnown: true,
          reloadDigest: '',
        },
        observed: { containers, observedAtMs: NOW, holder },
      },
    });
    expect(drained).toBe(2_500);
  });
});

describe('a manifest that changed', () => {
  const generationAfter = (facts: Partial<AgentFacts>): AgentRecord =>
    decided('Healthy', { record: { ...serving, generation: 3 }, containers: [newOne], facts }).record;

  test('begins a generation', () => {
    expect(generationAfter({ specHash: 'other' })).toMatchObject({ generation: 4, specHash: 'other' });
  });

  test('in nothing, or that is gone, begins none', () => {
    expect(generationAfter({})).toMatchObject({ generation: 3, specHash: 'hash' });
    expect(generationAfter({ specHash: 'other', spec: undefined })).toMatchObject({
      generation: 3,
      specHash: 'hash',
    });
  });
});

test('a decision tells the steps that it took', () => {
  const { transitions, record } = decided('Pending', { record: { revisions: [], attempts: {} } });
  expect(transitions.map(({ from, event, to }) => `${from} ${event} ${to}`)).toEqual([
    'Pending DEPENDENCIES_READY Building',
    'Building IMAGE_READY Preparing',
  ]);
  expect(record.state).toBe('Preparing');
});

test('an agent that was never seen follows its manifest at once, in its first generation', () => {
  const unseen = newRecord({ key: TWIN, specHash: 'hash' }, 'uid', NOW);
  const { record, transitions } = decide(factsWith(B.template), unseen, NOW);
  expect(transitions.map(({ event }) => event)).toEqual(['NEW_TARGET', 'DEPENDENCIES_READY', 'IMAGE_READY']);
  expect(record).toMatchObject({ generation: 1, attempt: 1, targetRevision: B.id, conditions: [] });
  expect(record.revisions.map(({ id }) => id)).toEqual([B.id]);
});
