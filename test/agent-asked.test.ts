import { describe, expect, test } from 'vitest';
import { askedEvent, hasten, isHeld, remainingActs } from '../controllers/agent/asked.ts';
import { agentStates } from '../controllers/agent/machine.ts';
import type { Acts } from '../src/state/acts.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { A, aView, B, NOW, type Situation } from './fakes/agent-views.ts';
import { update } from './fakes/update-records.ts';

const asked = (acts: Partial<Acts>): Situation['facts'] & object => ({ acts: { specHash: 'hash', ...acts } });

describe('a person holds a rollout', () => {
  const member = (revision: Revision, pod: string): Revision => ({
    ...revision,
    template: { ...revision.template, network: { mode: 'pod', pod } },
  });
  const moving: Partial<AgentRecord> = {
    ...update,
    revisions: [member(A, 'ns.core-aaaaaaaa'), member(B, 'ns.core-bbbbbbbb')],
    unit: { pod: 'ns.core-bbbbbbbb', attempt: 1, waits: false },
  };
  const fellowIn = (state: AgentState): AgentRecord => aView(state, { record: moving }).record;

  test.each<[string, AgentState, Situation, boolean]>([
    ['while it is tried', 'Verifying', {}, true],
    ['before anything stops', 'Preparing', {}, true],
    ['not between the old container and the new one', 'StoppingOld', {}, false],
    ['not where nothing goes on', 'Healthy', {}, false],
    [
      'before anything of its pod stops',
      'Preparing',
      { record: moving, facts: { fellows: [fellowIn('Preparing')] } },
      true,
    ],
    [
      'not once the others of its pod have stopped',
      'Preparing',
      { record: moving, facts: { fellows: [fellowIn('StoppingOld')] } },
      false,
    ],
    [
      'further on, whatever the others of its pod do',
      'Verifying',
      { record: moving, facts: { fellows: [fellowIn('StoppingOld')] } },
      true,
    ],
  ])('%s', (_, state, { record = update, facts = {} }, expected) => {
    expect(isHeld(aView(state, { record, facts: { ...facts, ...asked({ pausedAtMs: 1 }) } }))).toBe(expected);
    expect(isHeld(aView(state, { record, facts }))).toBe(false);
  });
});

describe('what was asked for', () => {
  const done = { abortedAtMs: 5, restartedAtMs: 6, retriedAtMs: 7 };

  test.each(agentStates)('is not done again in %s, nor what nobody asks for', (state) => {
    const again = asked({ abortedAtMs: 5, restartedAtMs: 6, retryAtMs: 7 });
    expect(askedEvent(aView(state, { record: done, facts: again }))).toBeUndefined();
    expect(askedEvent(aView(state, { record: done }))).toBeUndefined();
  });

  test.each<[AgentState, Partial<Acts>, string | undefined]>([
    ['Verifying', { abortedAtMs: 9 }, 'ABORTED'],
    ['Paused', { abortedAtMs: 9 }, 'ROLL_BACK'],
    ['Healthy', { abortedAtMs: 9 }, undefined],
    ['Healthy', { restartedAtMs: 9 }, 'RESTART'],
    ['Verifying', { restartedAtMs: 9 }, undefined],
    ['RolledBack', { retryAtMs: 9 }, 'RETRY'],
    ['Healthy', { retryAtMs: 9 }, undefined],
  ])('in %s: %j', (state, acts, expected) => {
    expect(askedEvent(aView(state, { record: done, facts: asked(acts) }))).toBe(expected);
  });
});

describe('a retry', () => {
  const later = { failures: 3, notBeforeMs: NOW + 60_000 };
  const none = { failures: 0, notBeforeMs: 0 };
  const record = (state: AgentState): AgentRecord =>
    aView(state, {
      record: {
        step: later,
        replicas: { one: { ...NEW_REPLICA, restarts: 3, crash: later } },
        retriedAtMs: 5,
      },
    }).record;

  test('waits for no back-off, of no replica', () => {
    expect(hasten(record('Degraded'), { specHash: 'hash', retryAtMs: 9 })).toEqual({
      ...record('Degraded'),
      step: none,
      replicas: { one: { ...NEW_REPLICA, restarts: 3, crash: none } },
      retriedAtMs: 9,
    });
  });

  test.each<[string, AgentState, Partial<Acts>]>([
    ['that nobody asks for', 'Degraded', {}],
    ['that was done', 'Degraded', { retryAtMs: 5 }],
    ['of what was given up, which begins anew', 'RolledBack', { retryAtMs: 9 }],
  ])('hastens nothing: one %s', (_, state, acts) => {
    expect(hasten(record(state), { specHash: 'hash', ...acts })).toEqual(record(state));
  });
});

describe('what is left', () => {
  const left = (acts: Partial<Acts>, change: Partial<AgentRecord>) =>
    remainingActs({ specHash: 'hash', ...acts }, aView('AwaitingApproval', { record: change }).record);

  test('is nothing where nothing was asked for', () => {
    expect(left({}, { ...update, retriedAtMs: 1, restartedAtMs: 1 })).toStrictEqual({ specHash: 'hash' });
    expect(left({}, {})).toStrictEqual({ specHash: 'hash' });
    expect(left({}, { state: 'Healthy', retriedAtMs: 1, restartedAtMs: 1 })).toStrictEqual({
      specHash: 'hash',
    });
  });

  test.each<[string, Partial<AgentRecord>, boolean]>([
    ['holds while that revision is tried', update, true],
    ['holds until anybody knows what is tried', { currentRevision: A.id }, true],
    ['is worth nothing to another revision', { ...update, targetRevision: A.id }, false],
  ])('an approval %s', (_, record, holds) => {
    const expected = { specHash: 'hash', ...(holds && { approvedRevision: B.id }) };
    expect(left({ approvedRevision: B.id }, record)).toStrictEqual(expected);
  });
});
