import { describe, expect, test } from 'vitest';
import { decide } from '../controllers/agent/decide.ts';
import type { AgentState, Revision } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import {
  A,
  aView,
  B,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  EXITED,
  NOW,
  type Situation,
  specOf,
} from './fakes/agent-views.ts';
import { serving, update } from './fakes/update-records.ts';

const oldOne = containerOf(A, 1);
const newOne = containerOf(B, 2);
const told = (state: AgentState, { record, ...rest }: Situation): string => {
  const view = aView(state, {
    record: { wishHash: wishHash(B.template), reason: 'Before', message: 'as before', ...record },
    ...rest,
  });
  const { reason, message } = decide(view.facts, view.record, NOW).record;
  return `${reason}: ${message}`;
};

const missing = [
  { reason: 'SecretNotReady', message: 'no secret', terminal: false },
  { reason: 'VolumeNotReady', message: 'no volume', terminal: false },
];
const closed = { open: false, reason: 'WaitingForDependency', message: 'waits for db' } as const;
const stepFailure = {
  operation: 'start',
  reason: 'PortInUse',
  message: 'port 80 is taken',
  terminal: false,
  atMs: 1,
};

describe('an agent that waits says what for', () => {
  test.each<[name: string, state: AgentState, Situation, told: string]>([
    [
      'all that is missing, before what it waits for otherwise',
      'Blocked',
      { facts: { missing, gating: closed } },
      'SecretNotReady: no secret; no volume',
    ],
    ['whom it waits for', 'Blocked', { facts: { gating: closed } }, 'WaitingForDependency: waits for db'],
    ['as before, where it knows no more', 'Blocked', { facts: { wish: undefined } }, 'Before: as before'],
    [
      'also when it is held before it was looked at',
      'Pending',
      { facts: { suspended: true, missing } },
      'SecretNotReady: no secret; no volume',
    ],
    [
      'nothing of it when it does not wait for that',
      'Verifying',
      { record: update, containers: [newOne], facts: { missing, gating: closed } },
      'Before: as before',
    ],
  ])('%s (%s)', (_, state, situation, expected) => {
    expect(told(state, situation)).toBe(expected);
  });
});

describe('a step that failed and is tried again', () => {
  const failed = { ...update, stepFailure, step: { failures: 1, notBeforeMs: NOW + 1_000 } };
  const promoted = { revisions: [BESIDE_A, BESIDE_B], currentRevision: BESIDE_B.id };
  /** It has a holder, which does not lead to it yet. */
  const named = {
    wish: {
      template: BESIDE_B.template,
      holder: { networks: [], ports: [] },
      imageKnown: true,
      reloadDigest: '',
    },
  };
  const correct = { spec: specOf({ driftPolicy: 'Correct' }) };
  const unready = { verdictOf: () => undefined };

  test.each<[state: AgentState, Situation]>([
    [
      'Building',
      { record: failed, facts: { wish: { template: B.template, imageKnown: false, reloadDigest: '' } } },
    ],
    ['Preparing', { record: failed, containers: [oldOne] }],
    ['StoppingOld', { record: failed, containers: [oldOne, newOne] }],
    ['Starting', { record: failed, containers: [newOne], facts: unready }],
    [
      'Promoting',
      { record: { ...failed, ...promoted }, containers: [containerOf(BESIDE_B, 2)], facts: named },
    ],
    [
      'Healing',
      {
        record: { ...failed, ...serving },
        containers: [containerOf(B, 2, { name: 'mine' })],
        facts: correct,
      },
    ],
    ['Degraded', { record: { ...failed, ...serving }, facts: unready }],
  ])('is told in %s', (state, situation) => {
    expect(told(state, situation)).toBe('PortInUse: port 80 is taken');
  });

  test.each<[state: AgentState, Situation]>([
    ['Verifying', { record: failed, containers: [newOne], facts: unready }],
    ['RolledBack', { record: { ...failed, triedGeneration: 1 }, containers: [oldOne] }],
    ['Failed', { record: failed, facts: unready }],
  ])('is less than what is told in %s already', (state, situation) => {
    expect(told(state, situation)).toBe('Before: as before');
  });
});

describe('after a boot of the host', () => {
  const lost = (revision: Revision, attempt: number) => ({
    replicas: {
      [`${revision.id}-${attempt}-0`]: { ...NEW_REPLICA, joined: true as const, bootId: 'before' },
    },
  });
  const waits = { bootGating: closed };
  const why = 'exited 3 times while starting';
  const back = { ...update, ...lost(A, 1), triedGeneration: 1, reason: 'CrashLoop', message: why };
  const oldDown = containerOf(A, 1, EXITED);

  test.each<[name: string, state: AgentState, Situation, told: string]>([
    [
      'who is down says whom it waits for',
      'Degraded',
      { record: { ...serving, ...lost(B, 2) }, containers: [containerOf(B, 2, EXITED)], facts: waits },
      'WaitingAfterBoot: after a boot of the host, waits for db',
    ],
    [
      'who is up already does not',
      'Degraded',
      { record: { ...serving, ...lost(B, 2) }, containers: [newOne], facts: waits },
      'Before: as before',
    ],
    [
      'who waited says no more of it when it may start',
      'Degraded',
      {
        record: { ...serving, ...lost(B, 2), reason: 'WaitingAfterBoot', message: 'waits for db' },
        containers: [containerOf(B, 2, EXITED)],
      },
      'Degraded: ',
    ],
    [
      'one whose update failed goes on saying why',
      'RolledBack',
      { record: back, containers: [oldDown], facts: waits },
      `CrashLoop: ${why}`,
    ],
    [
      'so does one that goes on as best it can',
      'Failed',
      { record: back, containers: [oldDown], facts: waits },
      `CrashLoop: ${why}`,
    ],
    [
      'and one that is on its way back',
      'RollingBack',
      { record: back, containers: [oldDown], facts: waits },
      `CrashLoop: ${why}`,
    ],
  ])('%s (%s)', (_, state, situation, expected) => {
    expect(told(state, situation)).toBe(expected);
  });
});
