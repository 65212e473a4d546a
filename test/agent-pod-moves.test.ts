import { describe, expect, test } from 'vitest';
import { decide } from '../controllers/agent/decide.ts';
import { enter } from '../controllers/agent/enter.ts';
import { nextEvent } from '../controllers/agent/judge.ts';
import type { AgentEvent } from '../controllers/agent/machine.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import { containerOf, CREATED, EXITED, NOW, specOf } from './fakes/agent-views.ts';
import {
  ALONE,
  fellow,
  IN_NEW,
  IN_OLD,
  type Member,
  memberView,
  NEW_POD,
  OLD_POD,
  podsSeen,
  PROMOTED,
  WAITS,
  wayTo,
  wishFor,
} from './fakes/pod-group.ts';

const up = (revision: Revision, change: Partial<ObservedContainer> = {}): ObservedContainer =>
  containerOf(revision, revision === IN_OLD ? 1 : 2, change);
const seen = (...containers: ObservedContainer[]) => ({ observed: { containers, observedAtMs: NOW } });
const ASKED = { wishHash: wishHash(IN_NEW.template) };
const both = podsSeen({ present: [OLD_POD, NEW_POD], running: { name: NEW_POD } });

describe('a member of a pod group that moves', () => {
  const proven = { ...ASKED, healthySinceMs: NOW - 2_000 };
  const watched = { ...ASKED, ...PROMOTED, deadlineAtMs: NOW };
  const exit = (revision: Revision): Partial<AgentRecord> => ({
    replicas: {
      [`${revision.id}-2-0`]: {
        ...NEW_REPLICA,
        joined: true,
        lastExit: { containerId: up(revision).id, code: 0, oomKilled: false, atMs: 9 },
      },
    },
  });
  const job = { spec: specOf({ restartPolicy: 'OnFailure' }) };

  test.each<
    [name: string, state: AgentState, Member, fellows: readonly AgentRecord[], event: AgentEvent | undefined]
  >([
    [
      'does not stop what it had before the others are as far',
      'Preparing',
      { record: ASKED, facts: seen(up(IN_OLD), up(IN_NEW, CREATED)) },
      [fellow('web', 'Building')],
      undefined,
    ],
    [
      'stops it with the others',
      'Preparing',
      { record: ASKED, facts: seen(up(IN_OLD), up(IN_NEW, CREATED)) },
      [fellow('web', 'Preparing', WAITS)],
      'CREATED',
    ],
    [
      'does not start beside its old pod',
      'StoppingOld',
      {
        record: ASKED,
        facts: {
          ...seen(up(IN_OLD, EXITED)),
          pods: [podsSeen({ present: [OLD_POD], running: { name: OLD_POD } })],
        },
      },
      [],
      undefined,
    ],
    [
      'starts when that has made room',
      'StoppingOld',
      { record: ASKED, facts: { ...seen(up(IN_OLD, EXITED)), pods: [both] } },
      [],
      'OLD_STOPPED',
    ],
    [
      'is not promoted before the others are proven',
      'Verifying',
      { record: proven, facts: { ...seen(up(IN_NEW)), pods: [both] } },
      [fellow('web', 'Starting')],
      undefined,
    ],
    [
      'is promoted with them',
      'Verifying',
      { record: proven, facts: { ...seen(up(IN_NEW)), pods: [both] } },
      [fellow('web', 'Verifying', WAITS)],
      'PROVEN',
    ],
    [
      'keeps the old pod while another is watched',
      'Monitoring',
      { record: watched, facts: seen(up(IN_NEW)) },
      [fellow('web', 'Monitoring', PROMOTED)],
      undefined,
    ],
    [
      'gives the old pod up with the others',
      'Monitoring',
      { record: watched, facts: seen(up(IN_NEW)) },
      [fellow('web', 'Monitoring', { ...PROMOTED, ...WAITS })],
      'STABLE',
    ],
    [
      'gives it up as soon as one of them has, whatever it says itself',
      'Monitoring',
      { record: { ...watched, deadlineAtMs: NOW + 9_000 }, facts: seen(up(IN_NEW)) },
      [fellow('web', 'Healthy', { ...PROMOTED, stableRevision: IN_NEW.id })],
      'STABLE',
    ],
    [
      'is not done for that elsewhere than in its watch',
      'Verifying',
      { record: { ...ASKED, ...PROMOTED }, facts: seen(up(IN_NEW)) },
      [fellow('web', 'Healthy', { ...PROMOTED, stableRevision: IN_NEW.id })],
      undefined,
    ],
    [
      'whose job is done meanwhile may still have to go back',
      'Starting',
      { record: { ...ASKED, ...exit(IN_NEW) }, facts: { ...job, ...seen(up(IN_NEW, EXITED)) } },
      [],
      'STARTED',
    ],
    [
      'fails when another has failed',
      'Verifying',
      { record: ASKED, facts: seen(up(IN_NEW)) },
      [fellow('web', 'Failing')],
      'FELLOW_FAILED',
    ],
    [
      'fails when the others went back without it',
      'Starting',
      {
        record: ASKED,
        lacks: ['unit', 'currentRevision', 'stableRevision'],
        facts: { pods: [podsSeen({ present: [OLD_POD], running: { name: OLD_POD } })] },
      },
      [fellow('web', 'RolledBack')],
      'FELLOW_FAILED',
    ],
    [
      'is not drawn back from where it serves',
      'Healthy',
      { record: ASKED, facts: seen(up(IN_OLD)) },
      [fellow('web', 'Failing')],
      undefined,
    ],
    [
      'begins anew with the others',
      'RolledBack',
      { record: ASKED },
      [fellow('web', 'Pending', { unit: wayTo(NEW_POD, 2) })],
      'NEW_TARGET',
    ],
    [
      'that a person is to look at goes back all the same when another does',
      'Paused',
      { record: { ...ASKED, triedGeneration: 1 } },
      [fellow('web', 'RollingBack')],
      'ROLL_BACK',
    ],
    [
      'that a person is to look at stays while no other goes back',
      'Paused',
      { record: { ...ASKED, triedGeneration: 1 } },
      [fellow('web', 'Paused')],
      undefined,
    ],
    [
      'is held with one that a person is to look at',
      'Failing',
      { record: ASKED, facts: { pods: [both] } },
      [fellow('web', 'Paused')],
      'PAUSE',
    ],
    [
      'is not held itself when another went back before',
      'Failing',
      {
        record: ASKED,
        facts: { pods: [both], spec: specOf({ rollout: { onFailure: 'Pause' } }) },
      },
      [fellow('web', 'RolledBack')],
      'ROLL_BACK',
    ],
    [
      'that serves nobody is not held: there is nothing to look at',
      'Failing',
      { record: ASKED, lacks: ['currentRevision', 'stableRevision'] },
      [fellow('web', 'Paused')],
      'GIVE_UP',
    ],
    [
      'does not give up before anybody has looked whether the old pod is there',
      'Failing',
      { record: { ...ASKED, stableRevision: ALONE.id }, facts: { pods: [podsSeen()] } },
      [],
      undefined,
    ],
    [
      'gives up when the old pod is gone',
      'Failing',
      {
        record: ASKED,
        facts: { pods: [podsSeen({ present: [NEW_POD], running: { name: NEW_POD } })] },
      },
      [],
      'GIVE_UP',
    ],
  ])('%s (%s)', (_, state, own, fellows, event) => {
    expect(nextEvent(memberView(state, own, fellows))).toBe(event);
  });
});

describe('on the way', () => {
  const told = (own: Member, fellows: readonly AgentRecord[]): string => {
    const view = memberView('Preparing', own, fellows);
    const { reason, message } = decide(view.facts, view.record, NOW).record;
    return `${reason}: ${message}`;
  };
  const made: Member = { record: ASKED, facts: seen(up(IN_OLD), up(IN_NEW, CREATED)) };

  test('it is told who is waited for', () => {
    const slow = [fellow('web', 'Building'), fellow('side', 'Preparing'), fellow('base', 'Preparing', WAITS)];
    expect(told(made, slow)).toBe(
      `WaitingForPodGroup: waits for web, side to move to pod ${NEW_POD} with it`,
    );
  });

  test('it is told no more when nobody is, or when it is not ready to go itself', () => {
    const waited = { ...ASKED, reason: 'WaitingForPodGroup', message: 'waits for web' };
    const slow = [fellow('web', 'Building')];
    expect(told({ record: waited, facts: seen(up(IN_OLD)) }, slow)).toBe('Preparing: ');
    expect(told({ record: ASKED, facts: seen(up(IN_OLD)) }, slow)).toBe('Pending: ');
  });
});

describe('what is noted', () => {
  test('of a new manifest: the way, and who serves meanwhile', () => {
    const promoted = memberView('Failing', { record: { ...PROMOTED, unit: wayTo(NEW_POD, 3) } }, [
      fellow('web', 'Failing', { unit: wayTo(NEW_POD, 3) }),
    ]);
    expect(enter(promoted, 'Pending', 'NEW_TARGET')).toMatchObject({
      currentRevision: IN_OLD.id,
      unit: { pod: NEW_POD, attempt: 4, waits: false },
    });
  });

  test('of one that asks for no pod any more: no way', () => {
    const leaving = memberView('Healthy', { facts: wishFor(ALONE) });
    expect(enter(leaving, 'Pending', 'NEW_TARGET')).not.toHaveProperty('unit');
  });

  test('of making room: the time that the slowest of all may take to stop, and one pod to start', () => {
    const slow: Revision = { ...IN_OLD, template: { ...IN_OLD.template, stopGraceSeconds: 90 } };
    const deadlineMs = (own: Member, fellows: readonly AgentRecord[]): number =>
      (enter(memberView('Preparing', own, fellows), 'StoppingOld', 'CREATED').deadlineAtMs ?? 0) - NOW;
    expect(deadlineMs({}, [fellow('web', 'Preparing')])).toBe(60_000);
    expect(deadlineMs({}, [fellow('web', 'Preparing', { revisions: [slow] })])).toBe(120_000);
    expect(deadlineMs({ lacks: ['currentRevision'] }, [])).toBe(30_000);
    expect(deadlineMs({ lacks: ['unit'] }, [])).toBe(300_000);
  });

  test('of a failure of another: whose, and why', () => {
    const web = fellow('web', 'Failing', { reason: 'CrashLoop', message: 'exited 3 times' });
    expect(enter(memberView('Verifying', {}, [web]), 'Failing', 'FELLOW_FAILED')).toMatchObject({
      reason: 'PodGroupFailed',
      message: 'goes back with its pod group: web failed: CrashLoop (exited 3 times)',
    });
  });

  test('of one that cannot go back: it goes on, but not where the others are back in the old pod', () => {
    const lost = { noWayBack: 'pruned' };
    const goesOnWith = (own: Member): string | undefined =>
      enter(memberView('Failing', own), 'Failed', 'GIVE_UP').currentRevision;
    expect(goesOnWith({ facts: lost })).toBe(IN_NEW.id);
    expect(goesOnWith({ facts: { ...lost, pods: [both] } })).toBe(IN_OLD.id);
    expect(goesOnWith({ facts: lost, lacks: ['currentRevision', 'stableRevision'] })).toBe(IN_NEW.id);
    expect(goesOnWith({ facts: { ...lost, pods: [both] }, lacks: ['unit'] })).toBe(IN_NEW.id);
  });
});
