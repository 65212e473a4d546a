import { describe, expect, test } from 'vitest';
import { noteProgress } from '../controllers/agent/unit-progress.ts';
import type { AgentState } from '../src/state/record.ts';
import { CREATED, containerOf, EXITED, NOW, READY, specOf } from './fakes/agent-views.ts';
import { ARRIVED, IN_NEW, type Member, memberView, PROMOTED, WAITS } from './fakes/pod-group.ts';

const spec = specOf({ rollout: { minHealthySeconds: 3, healthyDeadlineSeconds: 70 } });
const withContainer = (container: object, more: object = {}): NonNullable<Member['facts']> => ({
  spec,
  observed: { containers: [containerOf(IN_NEW, 2, container)], observedAtMs: NOW },
  ...more,
});
const up = withContainer({});
const joined = {
  replicas: {
    [`${IN_NEW.id}-2-0`]: {
      crash: { failures: 0, notBeforeMs: 0 },
      restarts: 0,
      rolloutRestarts: 0,
      joined: true as const,
    },
  },
};
const over = { ...PROMOTED, ...joined, deadlineAtMs: NOW };
const paused = { acts: { specHash: 'hash', pausedAtMs: 1 } };

describe('whether a member has done its part', () => {
  test.each<[name: string, state: AgentState, own: Member, waits: boolean]>([
    ['prepared, its container is made', 'Preparing', { facts: withContainer(CREATED) }, true],
    ['not prepared, its container is missing', 'Preparing', { facts: { spec } }, false],
    ['prepared, and a person holds it', 'Preparing', { facts: withContainer(CREATED, paused) }, false],
    ['a container is missing again', 'Preparing', { record: WAITS, facts: { spec } }, false],
    [
      'proven, it was healthy for its time',
      'Verifying',
      { record: { healthySinceMs: NOW - 3_000 }, facts: up },
      true,
    ],
    [
      'not proven a moment before',
      'Verifying',
      { record: { healthySinceMs: NOW - 2_999 }, facts: up },
      false,
    ],
    ['proven once, and ill since', 'Verifying', { record: WAITS, facts: up }, false],
    ['its monitor window is over', 'Monitoring', { record: over, facts: up }, true],
    ['it is still watched', 'Monitoring', { record: { ...over, deadlineAtMs: NOW + 1 }, facts: up }, false],
    [
      'its time is over, and it is ill',
      'Monitoring',
      { record: over, facts: withContainer({}, { verdictOf: () => ({ ...READY, ready: false }) }) },
      false,
    ],
    ['its time is over, and it is down', 'Monitoring', { record: over, facts: withContainer(EXITED) }, false],
    [
      'it starts: there is nothing to wait with',
      'Starting',
      { record: { ...WAITS, healthySinceMs: 0 }, facts: up },
      false,
    ],
    ['it has arrived', 'Healthy', { record: { ...over, ...ARRIVED, ...WAITS }, facts: up }, false],
  ])('%s', (_name, state, own, waits) => {
    expect(noteProgress(memberView(state, own)).unit?.waits).toBe(waits);
  });

  test('nothing is noted of one on no way', () => {
    const { record, ...rest } = memberView('Preparing', { lacks: ['unit'], facts: withContainer(CREATED) });
    expect(noteProgress({ record, ...rest })).toBe(record);
  });

  test('what is known already is not noted again', () => {
    const view = memberView('Preparing', { record: WAITS, facts: withContainer(CREATED) });
    expect(noteProgress(view)).toBe(view.record);
  });

  test('the rest of its way stays as it was', () => {
    const view = memberView('Preparing', { facts: withContainer(CREATED) });
    expect(noteProgress(view).unit).toEqual({ ...view.record.unit, waits: true });
  });
});

describe('the deadline of a member that is proven', () => {
  test.each<[name: string, state: AgentState, own: Member, deadlineAtMs: number]>([
    [
      'moves on while it waits for the others',
      'Verifying',
      { record: { deadlineAtMs: NOW + 1, healthySinceMs: 0 }, facts: up },
      NOW + 70_000,
    ],
    [
      'moves on each time that it is looked at',
      'Verifying',
      { record: { ...WAITS, deadlineAtMs: NOW + 1, healthySinceMs: 0 }, facts: up },
      NOW + 70_000,
    ],
    ['stays while it is not', 'Verifying', { record: { deadlineAtMs: NOW + 1 }, facts: up }, NOW + 1],
    ['stays while it is prepared', 'Preparing', { record: { deadlineAtMs: NOW + 1 }, facts: up }, NOW + 1],
    ['stays once its monitor window is over', 'Monitoring', { record: over, facts: up }, NOW],
  ])('%s', (_name, state, own, deadlineAtMs) => {
    expect(noteProgress(memberView(state, own)).deadlineAtMs).toBe(deadlineAtMs);
  });
});
