import { describe, expect, test } from 'vitest';
import type { Transition } from '../controllers/agent/decide.ts';
import { beginRollout, causeOf, endRollout, historyLimit, triggerOf } from '../controllers/agent/history.ts';
import { revisionStatus, rolloutStatus } from '../controllers/agent/history-status.ts';
import type { AgentEvent } from '../controllers/agent/machine.ts';
import { narrate } from '../controllers/agent/narrate.ts';
import { statusOf } from '../controllers/agent/status.ts';
import type { AgentRecord, AgentState, Rollout, Trigger } from '../src/state/record.ts';
import { A, aView, B, NOW, type Situation, specOf } from './fakes/agent-views.ts';
import { serving, update } from './fakes/update-records.ts';

const origin = { file: 'twin.yaml', line: 3 } as const;
const acts = (change: object): Situation => ({ facts: { acts: { specHash: 'hash', ...change } } });
const rollout = (change: Partial<Rollout> = {}): Rollout => ({
  revision: B.id,
  trigger: 'Manifest',
  changes: ['env'],
  startedAtMs: 1_000,
  outcome: 'UnderWay',
  ...change,
});

describe('a rollout is set off', () => {
  test.each<[string, AgentEvent, Situation, Trigger]>([
    ['by the manifest', 'NEW_TARGET', {}, 'Manifest'],
    ['by a person who wants it anew', 'RESTART', {}, 'Restart'],
    ['by a person who takes it back', 'NEW_TARGET', acts({ undoToRevision: A.id }), 'Undo'],
    ['by a person who has it tried again', 'RETRY', acts({ retryAtMs: 1 }), 'Retry'],
    ['by what set it off before, when nobody asked', 'RETRY', { record: { trigger: 'Undo' } }, 'Undo'],
    ['by the manifest, when nobody asked and nothing is known', 'RETRY', {}, 'Manifest'],
  ])('%s', (_, event, situation, expected) => {
    expect(triggerOf(aView('Healthy', situation), event)).toBe(expected);
  });

  test.each<[Trigger, string[], string]>([
    ['Manifest', ['env V changed a → b', 'image changed'], 'env V changed a → b; image changed'],
    ['Manifest', [], 'deployed again'],
    ['Undo', ['env'], 'undone by a person: env'],
    ['Undo', [], 'undone by a person'],
    ['Retry', ['env'], 'tried again by a person: env'],
    ['Retry', [], 'tried again by a person'],
    ['Restart', ['env'], 'restarted by a person'],
  ])('with a cause that people read: %s of %j', (trigger, changes, expected) => {
    expect(causeOf(trigger, changes)).toBe(expected);
  });
});

describe('the history', () => {
  const start = { revision: B.id, changes: ['env'] };
  const begun = (situation: Situation) => beginRollout(aView('Building', situation), start).rollouts;

  test('begins with as much as is known', () => {
    expect(begun({ record: { currentRevision: A.id, trigger: 'Retry' }, facts: { origin } })).toStrictEqual([
      {
        revision: B.id,
        from: A.id,
        trigger: 'Retry',
        changes: ['env'],
        origin,
        startedAtMs: NOW,
        outcome: 'UnderWay',
      },
    ]);
    expect(beginRollout(aView('Building', {}), { changes: [] }).rollouts).toStrictEqual([
      { trigger: 'Manifest', changes: [], startedAtMs: NOW, outcome: 'UnderWay' },
    ]);
  });

  test.each<[string, Situation['facts'], number]>([
    ['as the manifest says', { spec: specOf({ rollout: { revisionHistoryLimit: 2 } }) }, 2],
    ['ten, when there is no manifest any more', { spec: undefined }, 10],
  ])('keeps the newest, as many %s', (_, facts = {}, limit) => {
    const rollouts = Array.from({ length: 20 }, (_unused, index) => rollout({ startedAtMs: index }));
    const kept = begun({ record: { rollouts }, facts });
    expect(kept).toHaveLength(limit);
    expect(kept?.at(-1)?.startedAtMs).toBe(NOW);
    expect(historyLimit(aView('Building', { facts }))).toBe(limit);
  });

  const first = rollout({ outcome: 'Stable', endedAtMs: 5 });
  const ended = (outcome: Rollout['outcome'], rollouts: Rollout[] | undefined, message?: string) =>
    endRollout(aView('Healthy', { record: rollouts ? { rollouts } : {} }), {
      outcome,
      ...(message !== undefined && { message }),
    });
  const failed = rollout({ outcome: 'Failed', message: 'it crashed', endedAtMs: 6 });

  test.each<[string, Rollout['outcome'], Rollout, Partial<Rollout>]>([
    ['what is under way was stable', 'Stable', rollout(), { outcome: 'Stable', endedAtMs: NOW }],
    ['what failed was taken back', 'RolledBack', failed, { outcome: 'RolledBack', endedAtMs: NOW }],
    ['what ended before did not end again', 'Superseded', failed, {}],
    ['what is under way was not taken back before it failed', 'RolledBack', rollout(), {}],
  ])('says how the newest ended: %s', (_, outcome, newest, change) => {
    expect(ended(outcome, [first, newest])).toEqual({ rollouts: [first, { ...newest, ...change }] });
  });

  test('says why it ended, and nothing where there is none', () => {
    expect(ended('Failed', [rollout()], 'it crashed').rollouts?.[0]).toMatchObject({ message: 'it crashed' });
    expect(ended('Stable', undefined)).toStrictEqual({});
  });

  test('is read with times that people read', () => {
    const at = (ms: number) => new Date(ms).toISOString();
    expect(rolloutStatus(rollout())).toStrictEqual({
      revision: B.id,
      trigger: 'Manifest',
      changes: ['env'],
      startedAt: at(1_000),
      outcome: 'UnderWay',
    });
    expect(rolloutStatus(rollout({ endedAtMs: 3_000 })).endedAt).toBe(at(3_000));
    const plain = { id: B.id, outcome: 'Pending', cause: 'made B', createdAt: at(0) };
    expect(revisionStatus(B)).toStrictEqual(plain);
    const failure = { reason: 'CrashLoop', message: 'it crashed', exitCode: 3 };
    expect(revisionStatus({ ...B, origin, failure: { ...failure, atMs: 2_000 } })).toStrictEqual({
      ...plain,
      origin,
      failure: { ...failure, at: at(2_000) },
    });
  });

  test('is part of the status, where there is any', () => {
    const told = (record: Partial<AgentRecord>) =>
      statusOf({ ...aView('Healthy', { record: { ...serving, ...record } }), lastPlan: [] });
    expect(told({ rollouts: [rollout()] }).rollouts).toEqual([rolloutStatus(rollout())]);
    expect(Object.keys(told({}))).not.toContain('rollouts');
    expect(told({}).revisions.map(({ id }) => id)).toEqual([A.id, B.id]);
  });
});

describe('people are told', () => {
  const step = (from: AgentState, to: AgentState, event: AgentEvent = 'STARTED'): Transition => ({
    from,
    event,
    to,
  });
  const told = (record: Partial<AgentRecord>, ...transitions: Transition[]): string[] => {
    const last = transitions.at(-1)?.to ?? 'Healthy';
    return narrate(aView(last, { record: { ...update, ...record } }).record, transitions).map(
      ({ key, type, reason, message }) => `${key.name} ${type} ${reason}: ${message}`,
    );
  };

  test.each<[string, Transition, Partial<AgentRecord>, string]>([
    [
      'what it starts, and why',
      step('StoppingOld', 'Starting'),
      {},
      `Normal Starting: starting revision ${B.id}: made B`,
    ],
    [
      'that it starts, when nobody knows what',
      step('StoppingOld', 'Starting'),
      { targetRevision: 'gone' },
      'Normal Starting: starting',
    ],
    [
      'what is watched',
      step('Promoting', 'Monitoring'),
      {},
      `Normal Monitoring: revision ${A.id} serves; watching it`,
    ],
    ['what proved itself', step('Monitoring', 'Healthy'), {}, `Normal Healthy: revision ${A.id} is stable`],
    [
      'that its image is awaited',
      step('Pending', 'Building'),
      {},
      'Normal Building: its image is built or pulled',
    ],
    [
      'that it crashes',
      step('Healthy', 'Degraded'),
      { lastExit: { containerId: 'x', code: 3, oomKilled: false, atMs: 1 } },
      'Warning Degraded: last exit code 3',
    ],
    [
      'that its host took it down',
      step('Healthy', 'Degraded'),
      { lastExit: { containerId: 'x', code: 137, oomKilled: false, atMs: 1, rebootedInto: 'boot' } },
      'Warning Degraded: it went down with its host',
    ],
    [
      'that its probes fail',
      step('Healthy', 'Degraded'),
      {},
      'Warning Degraded: it runs, but its probes fail',
    ],
    [
      'that it goes',
      step('Healthy', 'Terminating'),
      { message: 'x' },
      'Normal Terminating: its manifest was deleted',
    ],
    [
      'where it is back, and why',
      step('RollingBack', 'RolledBack'),
      { message: 'it crashed' },
      `Warning RolledBack: back on revision ${A.id}: it crashed`,
    ],
    ['why it failed', step('Starting', 'Failing'), { message: 'it crashed' }, 'Warning Failing: it crashed'],
    ['that it failed, when nobody said why', step('Starting', 'Failing'), {}, 'Warning Failing: Failing'],
  ])('%s', (_, transition, record, expected) => {
    expect(told(record, transition)).toEqual([`twin ${expected}`]);
  });

  test.each<[string, Transition[]]>([
    ['what passes within a moment', [step('Starting', 'Verifying')]],
    ['that nothing changed', [step('Healthy', 'Healthy')]],
    ['a wait that is over already', [step('Pending', 'Blocked'), step('Blocked', 'Preparing')]],
    ['an image that was there already', [step('Pending', 'Building'), step('Building', 'Preparing')]],
  ])('nothing of %s', (_, transitions) => {
    expect(told({}, ...transitions)).toEqual([]);
  });

  test('each of several steps', () => {
    const reasons = told({}, step('Starting', 'Failing'), step('Failing', 'RollingBack'));
    expect(reasons.map((line) => line.split(':')[0])).toEqual([
      'twin Warning Failing',
      'twin Warning RollingBack',
    ]);
  });

  test('before the first call of an update that it has no way back', () => {
    const noWayBack = 'its image was pruned';
    const image = step('Building', 'Preparing', 'IMAGE_READY');
    expect(told({ noWayBack }, image)).toEqual([`twin Warning RollbackUnavailable: ${noWayBack}`]);
    expect(told({ noWayBack }, step('StoppingOld', 'Starting'), image)[0]).toContain('RollbackUnavailable');
    expect(told({ noWayBack }, step('Starting', 'Verifying'))).toEqual([]);
    expect(told({}, image)).toEqual([]);
  });
});
