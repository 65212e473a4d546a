import { describe, expect, test } from 'vitest';
import { followClock, shiftClocks, turnClocks } from '../controllers/agent/clocks.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { aView, NOW, type Situation } from './fakes/agent-views.ts';
import { serving, update } from './fakes/update-records.ts';

const WAITS = { deadlineAtMs: NOW + 5_000, healthySinceMs: NOW - 3_000 };
const turned = (state: AgentState, { record, facts = {} }: Situation): AgentRecord =>
  turnClocks(aView(state, { record: { ...update, ...WAITS, ...record }, facts }));

describe('the clocks of a rollout', () => {
  const away = { dependencyDown: 'db' };

  test.each<AgentState>(['Starting', 'Verifying', 'AwaitingApproval', 'Monitoring', 'RollingBack'])(
    'stand still in %s while what it needs is away, or the agent is suspended',
    (state) => {
      expect(turned(state, { facts: away }).clocksStoppedAtMs).toBe(NOW);
      expect(turned(state, { facts: { suspended: true } }).clocksStoppedAtMs).toBe(NOW);
    },
  );

  test.each<AgentState>(['Preparing', 'StoppingOld', 'Promoting', 'Healthy'])(
    'go on in %s: there nothing is judged that an outage could spoil',
    (state) => {
      expect(turned(state, { facts: away })).not.toHaveProperty('clocksStoppedAtMs');
    },
  );

  test('stand still in any state in which a person holds it', () => {
    const held = { acts: { specHash: 'hash', pausedAtMs: 1 } };
    expect(turned('Preparing', { facts: held }).clocksStoppedAtMs).toBe(NOW);
    expect(turned('StoppingOld', { facts: held })).not.toHaveProperty('clocksStoppedAtMs');
  });

  test('that stand still know since when', () => {
    const stopped = turned('Verifying', { record: { clocksStoppedAtMs: NOW - 900 }, facts: away });
    expect(stopped).toMatchObject({ ...WAITS, clocksStoppedAtMs: NOW - 900 });
  });

  test('that go on again give back the time in which they stood still', () => {
    const goesOn = turned('Verifying', { record: { clocksStoppedAtMs: NOW - 900 } });
    expect(goesOn).toMatchObject({ deadlineAtMs: NOW + 5_900, healthySinceMs: NOW - 2_100 });
    expect(goesOn).not.toHaveProperty('clocksStoppedAtMs');
  });

  test('are left alone while they go', () => {
    expect(turned('Verifying', {})).toMatchObject(WAITS);
  });

  test('have nothing to give back where nothing was waited for', () => {
    const { record } = aView('Healthy', { record: serving });
    expect(shiftClocks(record, 900)).toEqual(record);
  });
});

describe('a clock of the host that is set', () => {
  const HOUR_MS = 3_600_000;
  const { record } = aView('Verifying', {
    record: {
      ...update,
      ...WAITS,
      stateEnteredAtMs: NOW - 4_000,
      clocksStoppedAtMs: NOW - 1_000,
      step: { failures: 2, notBeforeMs: NOW + 8_000 },
      replicas: {
        'a-1-0': { ...NEW_REPLICA, restarts: 3, crash: { failures: 3, notBeforeMs: NOW + 9_000 } },
        'a-1-1': NEW_REPLICA,
      },
    },
  });
  const movedBy = (byMs: number): AgentRecord => ({
    ...record,
    deadlineAtMs: NOW + 5_000 + byMs,
    healthySinceMs: NOW - 3_000 + byMs,
    stateEnteredAtMs: NOW - 4_000 + byMs,
    clocksStoppedAtMs: NOW - 1_000 + byMs,
    step: { failures: 2, notBeforeMs: NOW + 8_000 + byMs },
    replicas: {
      'a-1-0': { ...NEW_REPLICA, restarts: 3, crash: { failures: 3, notBeforeMs: NOW + 9_000 + byMs } },
      'a-1-1': NEW_REPLICA,
    },
  });

  test.each([
    ['an hour forward', 700 + HOUR_MS, HOUR_MS],
    ['an hour back', 700 - HOUR_MS, -HOUR_MS],
    ['two seconds', 2_700, 2_000],
  ])('%s leaves of each wait what was left of it', (_, leadMs, byMs) => {
    expect(followClock(record, { nowMs: NOW + byMs, leadMs }, 700)).toEqual(movedBy(byMs));
  });

  test.each([2_699, -1_299])('by less than two seconds is no setting of it', (leadMs) => {
    expect(followClock(record, { nowMs: NOW, leadMs }, 700)).toBe(record);
  });

  test('back before the controller came up is seen by a state entered in the future', () => {
    const nowMs = record.stateEnteredAtMs - HOUR_MS;
    expect(followClock(record, { nowMs, leadMs: 0 })).toEqual(movedBy(-HOUR_MS));
  });

  test('forward before the controller came up looks as if it had been away', () => {
    expect(followClock(record, { nowMs: NOW + HOUR_MS, leadMs: 0 })).toBe(record);
  });

  test('makes no time of what was never waited for', () => {
    const { record: calm } = aView('Healthy', { record: { ...serving, stateEnteredAtMs: NOW } });
    const followed = followClock(calm, { nowMs: NOW, leadMs: HOUR_MS }, 0);
    expect(followed).toEqual({ ...calm, stateEnteredAtMs: NOW + HOUR_MS });
  });
});
