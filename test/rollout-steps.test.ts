import { describe, expect, test } from 'vitest';
import { approvalMessage, nextStep, promote, startRollout } from '../controllers/agent/steps.ts';
import type { AgentSpec } from '../src/api/agent.ts';
import type { AgentRecord, Revision, RolloutProgress } from '../src/state/record.ts';
import { A, aView, B, BESIDE_A, BESIDE_B, specOf } from './fakes/agent-views.ts';

const view = (spec: AgentSpec | undefined, record: Partial<AgentRecord> = {}) =>
  aView('Preparing', {
    record: {
      revisions: [BESIDE_A, BESIDE_B],
      currentRevision: BESIDE_A.id,
      stableRevision: BESIDE_A.id,
      targetRevision: BESIDE_B.id,
      ...record,
    },
    facts: { spec },
  });
const asking = (strategy: string, replicas = 3, more: object = {}): AgentSpec =>
  specOf({ replicas, rollout: { strategy, minHealthySeconds: 7, ...more } });
const canary = (tried: number, promoted: number, stage: 'Canaries' | 'Others' = 'Canaries') =>
  ({ rollout: { strategy: 'Canary', tried, promoted, stage } }) as const;

describe('a new revision takes over', () => {
  const canaries = (tried: number): RolloutProgress => canary(tried, 0).rollout;

  test.each<[name: string, spec: AgentSpec | undefined, RolloutProgress]>([
    ['as its manifest says: in place', asking('Recreate'), { strategy: 'Recreate' }],
    ['all at once, beside the old one', asking('BlueGreen'), { strategy: 'BlueGreen' }],
    ['by one canary first', asking('Canary'), canaries(1)],
    ['by as many as the manifest says', asking('Canary', 3, { canary: { replicas: 2 } }), canaries(2)],
    ['by nobody where nobody is to run', asking('Canary', 0), canaries(0)],
    ['in place when nobody says how', undefined, { strategy: 'Recreate' }],
  ])('%s', (_, spec, expected) => {
    expect(startRollout(view(spec), BESIDE_B)).toEqual(expected);
  });

  test.each<[name: string, record: Partial<AgentRecord>, target: Revision]>([
    ['there is none', { currentRevision: 'none' }, BESIDE_B],
    ['it is the old one', {}, BESIDE_A],
    ['the old one has the name itself', { revisions: [A, BESIDE_B] }, BESIDE_B],
    ['it is to have the name itself', {}, B],
  ])('in place of the old one where %s, whatever the manifest says', (_, record, target) => {
    for (const strategy of ['BlueGreen', 'Canary'])
      expect(startRollout(view(asking(strategy), record), target)).toEqual({ strategy: 'Recreate' });
  });
});

describe('after the canaries', () => {
  test('the others follow one by one', () => {
    expect(nextStep(view(asking('Canary'), canary(2, 2))).rollout).toEqual(canary(3, 2, 'Others').rollout);
    expect(nextStep(view(asking('Canary'), canary(3, 3))).rollout).toEqual(canary(3, 3, 'Others').rollout);
  });

  test.each<[name: string, record: Partial<AgentRecord>]>([
    ['of another strategy', { rollout: { strategy: 'BlueGreen' } }],
    ['of a record that an older Rookery kept', {}],
  ])('nobody follows in a rollout %s', (_, record) => {
    const { record: before } = view(asking('BlueGreen'), record);
    expect(nextStep(view(asking('BlueGreen'), record))).toEqual(before);
  });
});

describe('who has proved itself serves', () => {
  const promoted = (record: Partial<AgentRecord>, replicas = 3) => {
    const { currentRevision, rollout } = promote(view(asking('Canary', replicas), record));
    return { isCurrent: currentRevision === BESIDE_B.id, rollout };
  };

  test('the canaries beside the old ones, which are still current', () => {
    expect(promoted(canary(2, 0))).toEqual({ isCurrent: false, rollout: canary(2, 2).rollout });
  });

  test('the last of them makes the new revision the current one, also when fewer are wanted than before', () => {
    expect(promoted(canary(3, 2)).isCurrent).toBe(true);
    expect(promoted(canary(3, 2), 2).isCurrent).toBe(true);
  });

  test('the whole of it in another rollout', () => {
    expect(promoted({ rollout: { strategy: 'BlueGreen' } }).isCurrent).toBe(true);
    expect(promoted({}).isCurrent).toBe(true);
  });

  test('nobody where nothing is tried', () => {
    const { record } = aView('Promoting', { record: { currentRevision: A.id } });
    expect(promote({ ...view(undefined), record })).toBe(record);
  });
});

describe('of canaries that serve a person is told', () => {
  const told = (spec: AgentSpec | undefined, record: Partial<AgentRecord>): string =>
    approvalMessage(view(spec, record));
  const serves = `revision ${BESIDE_B.id} serves with`;

  test('how to agree', () => {
    const manual = asking('Canary', 3, { canary: { promotion: 'Manual' } });
    expect(told(manual, canary(1, 1))).toBe(
      `${serves} 1 of 3 replicas; approve it with: rookery rollout approve twin -n ns`,
    );
  });

  test('when they go on by themselves', () => {
    expect(told(asking('Canary'), canary(2, 2))).toBe(
      `${serves} 2 of 3 replicas; the others follow when it stays healthy for 7 s`,
    );
  });

  test('what can be said of a rollout without canaries, or without a manifest', () => {
    const goesOn = 'the others follow when it stays healthy for';
    expect(told(asking('BlueGreen'), { rollout: { strategy: 'BlueGreen' } })).toBe(
      `${serves} 0 of 3 replicas; ${goesOn} 7 s`,
    );
    expect(told(undefined, {})).toBe(`${serves} 0 of 1 replicas; ${goesOn} 0 s`);
  });
});
