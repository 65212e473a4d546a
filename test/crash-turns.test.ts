import { describe, expect, test } from 'vitest';
import { createCrashBudget, pace } from '../controllers/agent/crash-budget.ts';
import { agentKey } from '../src/api/key.ts';
import type { AgentAim, ContainerAim } from '../src/plan/aim.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { A, aView, containerOf, CREATED, EXITED } from './fakes/agent-views.ts';
import { anAim } from './fakes/templates.ts';

const [one, two, three] = ['one', 'two', 'three'].map((name) => agentKey('ns', name)) as [
  ReturnType<typeof agentKey>,
  ReturnType<typeof agentKey>,
  ReturnType<typeof agentKey>,
];

describe('of all crash loops', () => {
  test('the first has its turn at once, the next a second later each', () => {
    const budget = createCrashBudget();
    expect(budget.turnMs(one, 5_000)).toBe(0);
    expect(budget.turnMs(two, 5_000)).toBe(1_000);
    expect(budget.turnMs(three, 5_000)).toBe(2_000);
  });

  test('one that asks again keeps its turn, and takes it when it has come', () => {
    const budget = createCrashBudget();
    budget.turnMs(one, 0);
    expect(budget.turnMs(two, 0)).toBe(1_000);
    expect(budget.turnMs(two, 400)).toBe(600);
    expect(budget.turnMs(two, 1_000)).toBe(0);
    expect(budget.turnMs(two, 1_000)).toBe(1_000);
  });

  test('one that comes late does not let two go at once', () => {
    const budget = createCrashBudget();
    budget.turnMs(one, 0);
    budget.turnMs(two, 0);
    expect(budget.turnMs(two, 9_000)).toBe(0);
    expect(budget.turnMs(three, 9_000)).toBe(0);
    expect(budget.turnMs(one, 9_000)).toBe(1_000);
  });

  test('one that is forgotten waits for a new turn', () => {
    const budget = createCrashBudget();
    budget.turnMs(one, 0);
    budget.turnMs(two, 0);
    budget.forget(two);
    expect(budget.turnMs(two, 0)).toBe(2_000);
  });

  test.each([
    ['a second, however fast Podman is', 20, 1_000],
    ['ten times of what a round takes', 300, 3_000],
    ['ten seconds, however slow it is', 4_000, 10_000],
  ])('the next waits for %s', (_, roundMs, waitMs) => {
    const budget = createCrashBudget();
    budget.took(roundMs);
    budget.turnMs(one, 0);
    expect(budget.turnMs(two, 0)).toBe(waitMs);
  });
});

interface Paced {
  readonly state?: Partial<ObservedContainer>;
  readonly waitMs?: number;
}

describe('an aim', () => {
  const crashes = (...counts: number[]) => ({
    replicas: Object.fromEntries(
      counts.map((failures, ordinal) => [
        `${A.id}-1-${ordinal}`,
        { ...NEW_REPLICA, crash: { failures, notBeforeMs: 0 } },
      ]),
    ),
  });
  const aimOf = (...wants: ContainerAim['want'][]): AgentAim => ({
    containers: wants.map((want, ordinal) => anAim(A, want, { ordinal })),
    others: 'Leave',
  });
  const paced = (counts: number[], aim: AgentAim, { state = EXITED, waitMs = 800 }: Paced = {}) => {
    let asked = 0;
    const view = aView('Healthy', { record: crashes(...counts), containers: [containerOf(A, 1, state)] });
    const { aim: after, ...rest } = pace(view, aim, () => {
      asked += 1;
      return waitMs;
    });
    return { ...rest, wants: after.containers.map(({ want }) => want), asked };
  };

  test('without crashes goes first, and asks for no turn', () => {
    expect(paced([0], aimOf('Running'))).toEqual({ priority: 'Rollout', wants: ['Running'], asked: 0 });
  });

  test('after a first crash lets others go first, and waits for nobody', () => {
    expect(paced([1], aimOf('Running'))).toEqual({ priority: 'CrashRestart', wants: ['Running'], asked: 0 });
  });

  test('from the second crash on is held until its turn', () => {
    expect(paced([2], aimOf('Running'))).toEqual({
      priority: 'CrashRestart',
      waitMs: 800,
      wants: ['Untouched'],
      asked: 1,
    });
  });

  test('goes on when it is its turn', () => {
    expect(paced([2], aimOf('Running'), { waitMs: 0 })).toEqual({
      priority: 'CrashRestart',
      wants: ['Running'],
      asked: 1,
    });
  });

  test('is held for those of its replicas that loop, and for no others', () => {
    expect(paced([3, 1, 0], aimOf('Running', 'Running', 'Created'))).toMatchObject({
      priority: 'CrashRestart',
      wants: ['Untouched', 'Running', 'Created'],
    });
  });

  test('that stops one, or keeps one that runs, is no crash loop', () => {
    expect(paced([5], aimOf('Stopped'))).toMatchObject({ priority: 'Rollout', asked: 0 });
    expect(paced([5], aimOf('Running'), { state: {} })).toMatchObject({ priority: 'Rollout', asked: 0 });
    expect(paced([5], aimOf('Running'), { state: CREATED })).toMatchObject({ priority: 'CrashRestart' });
  });
});
