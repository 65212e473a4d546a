import { beforeEach, describe, expect, test } from 'vitest';
import { createAgentReconciler } from '../controllers/agent/reconciler.ts';
import { createRepeats, unrepeated } from '../controllers/agent/repeats.ts';
import { agentKey } from '../src/api/key.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import { EMPTY_PLAN, type Plan } from '../src/plan/operation.ts';
import { CREATED, TWIN } from './fakes/agent-views.ts';
import { createOneAgent, type OneAgent, settle } from './fakes/one-agent.ts';

const start = (name: string, cause = 'is down'): Plan => ({
  operations: [{ type: 'StartContainer', cause, name }],
});
const plan = start('a');

/** The pauses after plans that went well at these times, in milliseconds. */
const pausesAfter = (timesMs: readonly number[]): readonly number[] => {
  const repeats = createRepeats();
  return timesMs.map((atMs) => repeats.took(TWIN, plan, atMs));
};

describe('a plan that goes well', () => {
  test.each<[name: string, timesMs: readonly number[], pausesMs: readonly number[]]>([
    ['waits for nothing the first four times', [0, 0, 10, 10], [0, 0, 0, 0]],
    [
      'waits, ever longer, when it is made again at once',
      [0, 0, 0, 0, 0, 1_000, 3_500],
      [0, 0, 0, 0, 1_000, 2_000, 4_000],
    ],
    ['is new again when it is made later than that', [0, 0, 0, 1_000, 2_001, 2_001], [0, 0, 0, 0, 0, 0]],
    [
      'is new again when it is made later than after its pause',
      [0, 0, 0, 0, 0, 2_001],
      [0, 0, 0, 0, 1_000, 0],
    ],
  ])('%s', (_, timesMs, pausesMs) => {
    expect(pausesAfter(timesMs)).toEqual(pausesMs);
  });

  test('never waits longer than a minute', () => {
    const repeats = createRepeats();
    let atMs = 0;
    const pausesMs = Array.from({ length: 14 }, () => {
      const pauseMs = repeats.took(TWIN, plan, atMs);
      atMs += pauseMs;
      return pauseMs;
    });
    expect(pausesMs.slice(-5)).toEqual([32_000, 60_000, 60_000, 60_000, 60_000]);
  });

  test('waits until its time, and no other plan, agent or time does', () => {
    const repeats = createRepeats();
    for (let times = 0; times < 5; times += 1) repeats.took(TWIN, plan, 100);
    expect(repeats.waitMs(TWIN, plan, 100)).toBe(1_000);
    expect(repeats.waitMs(TWIN, plan, 1_099)).toBe(1);
    expect(repeats.waitMs(TWIN, plan, 1_100)).toBe(0);
    expect(repeats.waitMs(TWIN, plan, 9_000)).toBe(0);
    expect(repeats.waitMs(TWIN, start('b'), 100)).toBe(0);
    expect(repeats.waitMs(TWIN, start('a', 'another'), 100)).toBe(0);
    expect(repeats.waitMs(agentKey('ns', 'other'), plan, 100)).toBe(0);
  });

  test('waits also where it takes turns with another', () => {
    const repeats = createRepeats();
    const pausesMs = Array.from({ length: 5 }, () => [
      repeats.took(TWIN, plan, 0),
      repeats.took(TWIN, start('b'), 0),
    ]);
    expect(pausesMs.at(-1)).toEqual([1_000, 1_000]);
  });

  test('waits for nothing where something new is achieved in between, such as a restart of one more replica', () => {
    const repeats = createRepeats();
    const pausesMs = Array.from({ length: 8 }, (_, ordinal) => [
      repeats.took(TWIN, start(`replica ${ordinal}`), 0),
      repeats.took(TWIN, plan, 0),
    ]);
    expect(pausesMs.flat()).toEqual(Array.from({ length: 16 }, () => 0));
  });

  test('that waits may go on once something new is achieved', () => {
    const repeats = createRepeats();
    for (let times = 0; times < 5; times += 1) repeats.took(TWIN, plan, 0);
    repeats.took(TWIN, start('b'), 400);
    expect(repeats.waitMs(TWIN, plan, 400)).toBe(0);
    expect([1, 2, 3, 4].map(() => repeats.took(TWIN, plan, 400))).toEqual([0, 0, 0, 1_000]);
  });

  test('is forgotten with its agent', () => {
    const repeats = createRepeats();
    for (let times = 0; times < 5; times += 1) repeats.took(TWIN, plan, 0);
    repeats.forget(TWIN);
    expect(repeats.waitMs(TWIN, plan, 0)).toBe(0);
    expect(repeats.took(TWIN, plan, 0)).toBe(0);
  });
});

describe('what is left to do', () => {
  const paced = { aim: { containers: [] }, priority: 'Rollout' } as never;
  test.each<[name: string, plan: Plan, waitMs: number, turnMs: number | undefined, Plan, number | undefined]>(
    [
      ['all of it, without a wait', plan, 0, undefined, plan, undefined],
      ['nothing, until its wait is over', plan, 5, undefined, EMPTY_PLAN, 5],
      ['nothing, until the earlier of two waits', plan, 5, 3, EMPTY_PLAN, 3],
      ['nothing, of nothing, and nobody waits', EMPTY_PLAN, 5, undefined, EMPTY_PLAN, undefined],
    ],
  )('%s', (_, whole, waitMs, turnMs, left, leftMs) => {
    const before = turnMs === undefined ? paced : { ...(paced as object), waitMs: turnMs };
    const after = unrepeated(whole, before as never, waitMs);
    expect([after.plan, after.paced.waitMs]).toEqual([left, leftMs]);
  });
});

describe('an agent whose container is started, and is never seen to run', () => {
  let one: OneAgent;
  let loop: Reconciler;
  const started = (): number => one.done.filter((line) => line.includes('start container')).length;
  /** As its queue would have it, for as long. */
  const runFor = async (durationMs: number): Promise<void> => {
    const endMs = one.uptimeMs + durationMs;
    for (let runs = 0; one.uptimeMs < endMs; runs += 1) {
      if (runs > 1_000) throw new Error('it is busy without end');
      const { requeueAfterMs = durationMs } = await loop.reconcile(TWIN, one.context);
      const stepMs = Math.min(requeueAfterMs, endMs - one.uptimeMs);
      one.uptimeMs += stepMs;
      one.nowMs += stepMs;
    }
  };
  beforeEach(async () => {
    one = await createOneAgent();
    loop = createAgentReconciler(one);
    await settle(one);
    if (one.observed instanceof Error) throw one.observed;
    const containers = one.observed.containers.map((container) => ({ ...container, ...CREATED }));
    one.observed = { ...one.observed, containers };
  });

  test('is left alone for longer and longer, and people are told', async () => {
    await runFor(60_000);
    expect(started()).toBe(10);
    const told = one.store.events.list().filter(({ reason }) => reason === 'RepeatsItself');
    expect(told).toMatchObject([{ type: 'Warning', count: 6 }]);
    expect(told[0]?.message).toMatch(
      /^went well again and again, and is to be done once more: start container ns\.twin-/,
    );
  });
});
