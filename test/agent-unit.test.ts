import { describe, expect, test } from 'vitest';
import {
  awaitedFellows,
  failedFellow,
  goesBackBefore,
  isDecided,
  isDrawnAlong,
  isLeftBehind,
  isOnTheWay,
  isPausedWithOthers,
  mayLeave,
} from '../controllers/agent/unit.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import {
  ALONE,
  ARRIVED,
  fellow,
  IN_EDGE,
  IN_NEW,
  type Member,
  memberView,
  NEW_POD,
  OLD_POD,
  PROMOTED,
  WAITS,
  wayTo,
  without,
} from './fakes/pod-group.ts';

const STAYS: Member = { record: { ...ARRIVED, targetRevision: IN_NEW.id }, lacks: ['unit'] };
const unaware = (change: Partial<AgentRecord> = {}): AgentRecord =>
  without(fellow('web', 'Healthy', change), 'unit');
const newcomer = without(fellow('web', 'Starting'), 'currentRevision', 'stableRevision');
const nextTry = { unit: wayTo(NEW_POD, 2) };

describe('whom a member waits for', () => {
  test.each<[name: string, state: AgentState, web: AgentRecord, awaited: boolean]>([
    ['to stop: one that waits for a dependency', 'Preparing', fellow('web', 'Blocked'), true],
    ['to stop: one whose image is built', 'Preparing', fellow('web', 'Building'), true],
    ['to stop: one whose container is not made', 'Preparing', fellow('web', 'Preparing'), true],
    ['to stop: not one that is prepared', 'Preparing', fellow('web', 'Preparing', WAITS), false],
    ['to stop: not one that has stopped already', 'Preparing', fellow('web', 'StoppingOld'), false],
    ['to stop: not one that starts already', 'Preparing', fellow('web', 'Starting'), false],
    [
      'to stop: one of an earlier try',
      'Preparing',
      fellow('web', 'Verifying', { unit: wayTo(NEW_POD, 0) }),
      true,
    ],
    ['to stop: one that has not noticed yet', 'Preparing', unaware(), true],
    [
      'to stop: one on its way to another pod',
      'Preparing',
      fellow('web', 'Verifying', { unit: wayTo(OLD_POD) }),
      true,
    ],
    ['to stop: not one that is in the pod', 'Preparing', unaware(ARRIVED), false],
    [
      'to stop: not one in the pod of another group',
      'Preparing',
      unaware({ currentRevision: IN_EDGE.id }),
      false,
    ],
    ['to stop: not one in no pod', 'Preparing', unaware({ currentRevision: ALONE.id }), false],
    ['to stop: not one that runs nowhere', 'Preparing', without(unaware(), 'currentRevision'), false],
    ['to be promoted: one that starts', 'Verifying', fellow('web', 'Starting'), true],
    ['to be promoted: one that is new in the pod', 'Verifying', newcomer, true],
    ['to be promoted: one that is not proven', 'Verifying', fellow('web', 'Verifying'), true],
    ['to be promoted: not one that is', 'Verifying', fellow('web', 'Verifying', WAITS), false],
    ['to be promoted: not one that is promoted', 'Verifying', fellow('web', 'Promoting'), false],
    [
      'to give the old pod up: one that is promoted',
      'Monitoring',
      fellow('web', 'Promoting', PROMOTED),
      true,
    ],
    [
      'to give the old pod up: one that is watched',
      'Monitoring',
      fellow('web', 'Monitoring', PROMOTED),
      true,
    ],
    [
      'to give the old pod up: not one whose time is over',
      'Monitoring',
      fellow('web', 'Monitoring', { ...PROMOTED, ...WAITS }),
      false,
    ],
    ['to give the old pod up: not one that has', 'Monitoring', fellow('web', 'Healthy', ARRIVED), false],
    [
      'to give the old pod up: not one that crashed since',
      'Monitoring',
      fellow('web', 'Degraded', ARRIVED),
      false,
    ],
    [
      'to give the old pod up: not one that has ended',
      'Monitoring',
      fellow('web', 'Completed', ARRIVED),
      false,
    ],
    ['in a state of its own: nobody', 'Starting', fellow('web', 'Building'), false],
  ])('%s', (_name, state, web, awaited) => {
    const view = memberView(state, {}, [web, fellow('side', 'Monitoring', { ...PROMOTED, ...WAITS })]);
    expect(awaitedFellows(view)).toEqual(awaited ? ['web'] : []);
    expect(mayLeave(view)).toBe(!awaited);
  });

  test.each<[name: string, state: AgentState, own: Member]>([
    ['stays in its pod', 'Preparing', STAYS],
    ['has arrived', 'Healthy', { record: ARRIVED }],
  ])('nobody, if it %s', (_name, state, own) => {
    const view = memberView(state, own, [fellow('web', 'Building')]);
    expect(awaitedFellows(view)).toEqual([]);
    expect(isOnTheWay(view)).toBe(false);
  });

  test.each<[name: string, state: AgentState, own: Member]>([
    ['is being tried', 'Verifying', {}],
    ['was promoted there', 'Monitoring', { record: PROMOTED }],
    ['serves from the old pod again', 'Healthy', {}],
  ])('it is on the way while it %s', (_name, state, own) => {
    expect(isOnTheWay(memberView(state, own))).toBe(true);
  });
});

describe('a member is drawn along', () => {
  test.each<[name: string, web: AgentRecord, own: Member, drawn: boolean]>([
    ['by one that stops what it had', fellow('web', 'StoppingOld'), {}, true],
    ['by one that is being tried', fellow('web', 'Verifying'), {}, true],
    ['not by one that is prepared', fellow('web', 'Preparing', WAITS), {}, false],
    ['not by one that failed', fellow('web', 'RollingBack'), {}, false],
    ['not by one of an earlier try', fellow('web', 'Verifying'), { record: nextTry }, false],
    ['not if it stays', fellow('web', 'Verifying'), STAYS, false],
  ])('%s', (_name, web, own, drawn) => {
    expect(isDrawnAlong(memberView('Preparing', own, [web, fellow('side', 'Building')]))).toBe(drawn);
  });
});

describe('it is decided that all stay in the new pod', () => {
  test.each<[name: string, web: AgentRecord, own: Member, decided: boolean]>([
    ['once one has arrived', fellow('web', 'Healthy', ARRIVED), { record: PROMOTED }, true],
    ['while it has not come so far itself', fellow('web', 'Healthy', ARRIVED), {}, false],
    ['while all are watched', fellow('web', 'Monitoring', PROMOTED), { record: PROMOTED }, false],
    ['by an earlier try', fellow('web', 'Healthy', ARRIVED), { record: { ...PROMOTED, ...nextTry } }, false],
    ['while the other serves from the old pod', fellow('web', 'Healthy'), { record: PROMOTED }, false],
    ['for one that stays anyway', fellow('web', 'Healthy', ARRIVED), STAYS, false],
  ])('%s', (_name, web, own, decided) => {
    const view = memberView('Monitoring', own, [fellow('side', 'Monitoring', PROMOTED), web]);
    expect(isDecided(view)).toBe(decided);
  });
});

describe('a member is left behind', () => {
  test.each<[name: string, web: AgentRecord, own: Member, left: boolean]>([
    ['by one that tries again', fellow('web', 'Preparing', nextTry), {}, true],
    ['not by one of the same try', fellow('web', 'Preparing'), {}, false],
    ['not by one on its way elsewhere', fellow('web', 'Preparing', { unit: wayTo(OLD_POD, 2) }), {}, false],
    ['not if it stays', fellow('web', 'Preparing', nextTry), STAYS, false],
    ['not by one that is there', fellow('web', 'Healthy', { ...ARRIVED, ...nextTry }), {}, false],
  ])('%s', (_name, web, own, left) => {
    expect(isLeftBehind(memberView('RolledBack', own, [fellow('side', 'RolledBack'), web]))).toBe(left);
  });
});

describe('one that failed on the way', () => {
  const dragged = fellow('side', 'Failing', { reason: 'PodGroupFailed' });

  test.each<[name: string, fellows: readonly AgentRecord[], own: Member, failed: string | undefined]>([
    ['is told', [fellow('web', 'Failing')], {}, 'web'],
    ['is told while it goes back', [fellow('web', 'RollingBack')], {}, 'web'],
    ['is told once it is back', [fellow('web', 'RolledBack')], {}, 'web'],
    ['is told where there was no way back', [fellow('web', 'Failed')], {}, 'web'],
    ['is told while a person is asked', [fellow('web', 'Paused')], {}, 'web'],
    ['is none that is still tried', [fellow('web', 'Verifying')], {}, undefined],
    ['is none of an earlier try', [fellow('web', 'Failing')], { record: nextTry }, undefined],
    ['is none of another way', [fellow('web', 'Failing', { unit: wayTo(OLD_POD) })], {}, undefined],
    ['matters to nobody who stays', [fellow('web', 'Failing')], STAYS, undefined],
    ['by itself comes before one that was drawn back', [dragged, fellow('web', 'Failing')], {}, 'web'],
    ['by itself comes first, in whichever order', [fellow('web', 'Failing'), dragged], {}, 'web'],
    ['because of another is told where that one is gone', [dragged], {}, 'side'],
  ])('%s', (_name, fellows, own, failed) => {
    expect(failedFellow(memberView('Verifying', own, fellows))?.key.name).toBe(failed);
  });
});

describe('what becomes of the failed ones', () => {
  test.each<[web: AgentState, back: boolean, paused: boolean]>([
    ['Failing', false, false],
    ['RollingBack', true, false],
    ['RolledBack', true, false],
    ['Failed', true, false],
    ['Paused', false, true],
    ['Verifying', false, false],
  ])('when one is %s: others go back: %s, others pause: %s', (web, back, paused) => {
    const view = memberView('Failing', {}, [fellow('side', 'Failing'), fellow('web', web)]);
    expect(goesBackBefore(view)).toBe(back);
    expect(isPausedWithOthers(view)).toBe(paused);
  });

  test.each<[name: string, own: Member]>([
    ['of an earlier try', { record: nextTry }],
    ['if it stays', STAYS],
  ])('is nothing to it %s', (_name, own) => {
    expect(goesBackBefore(memberView('Failing', own, [fellow('web', 'RolledBack')]))).toBe(false);
    expect(isPausedWithOthers(memberView('Failing', own, [fellow('web', 'Paused')]))).toBe(false);
  });
});
