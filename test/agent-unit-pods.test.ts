import { describe, expect, test } from 'vitest';
import type { GroupPods } from '../controllers/agent/facts.ts';
import {
  awaitsPod,
  backTogether,
  hasItsPod,
  isPodUnknown,
  isStranded,
  joinUnit,
} from '../controllers/agent/unit.ts';
import type { AgentRecord, Revision, UnitProgress } from '../src/state/record.ts';
import {
  ALONE,
  ARRIVED,
  EDGE_POD,
  fellow,
  IN_EDGE,
  IN_NEW,
  IN_OLD,
  type Member,
  memberView,
  NEW_POD,
  OLD_POD,
  podsSeen,
  PROMOTED,
  wayTo,
  wishFor,
  without,
} from './fakes/pod-group.ts';

const firstWay: Member = { lacks: ['unit'] };
const inOld = { currentRevision: IN_OLD.id, stableRevision: IN_OLD.id };
const backToOld: Member = { record: { ...inOld }, facts: wishFor(IN_OLD) };
const third = { unit: wayTo(NEW_POD, 3) };

describe('the way of a member that follows a new wish', () => {
  test.each<
    [name: string, own: Member, fellows: readonly AgentRecord[], pod: string | undefined, attempt: number]
  >([
    ['is the first of all', firstWay, [], NEW_POD, 1],
    ['is the one that the others are on', firstWay, [fellow('web', 'Preparing', third)], NEW_POD, 3],
    [
      'has nothing to do with ways elsewhere',
      firstWay,
      [fellow('web', 'Preparing', { unit: wayTo(OLD_POD, 5) })],
      NEW_POD,
      1,
    ],
    ['counts anew for another pod', { record: { unit: wayTo(OLD_POD, 4) } }, [], NEW_POD, 1],
    ['is one more try', {}, [fellow('web', 'RolledBack')], NEW_POD, 2],
    ['is one more try, though nobody else goes', {}, [], NEW_POD, 2],
    ['is the newer try of another', {}, [fellow('web', 'Preparing', third)], NEW_POD, 3],
    ['is one more than the older try of another', { record: third }, [fellow('web', 'Failed')], NEW_POD, 4],
    [
      'goes on in the new pod, while it is not proven',
      { record: PROMOTED },
      [fellow('web', 'Monitoring', PROMOTED)],
      NEW_POD,
      1,
    ],
    [
      'goes on in the new pod, while it is only tried',
      { lacks: ['currentRevision', 'stableRevision'] },
      [],
      NEW_POD,
      1,
    ],
    [
      'is one more try in the new pod, where another failed',
      { record: PROMOTED },
      [fellow('web', 'Failing')],
      NEW_POD,
      2,
    ],
    [
      'goes on though another failed in an earlier try',
      { record: { ...PROMOTED, ...third } },
      [fellow('web', 'Failing')],
      NEW_POD,
      3,
    ],
    ['is over once it is proven', { record: ARRIVED }, [fellow('web', 'Failing')], undefined, 0],
    ['is none for one that stays in its pod', { ...firstWay, ...backToOld }, [], undefined, 0],
    [
      'is none for one that was never in a pod',
      { ...firstWay, record: { currentRevision: ALONE.id } },
      [],
      undefined,
      0,
    ],
    ['is none into another group', { ...firstWay, facts: wishFor(IN_EDGE) }, [], undefined, 0],
    ['is none out of the group', { facts: wishFor(ALONE) }, [], undefined, 0],
    [
      'stays what it was while nobody knows what is asked for',
      { facts: { wish: undefined } },
      [],
      NEW_POD,
      2,
    ],
    [
      'is none while nobody knows what is asked for, and it was on none',
      { ...firstWay, facts: { wish: undefined } },
      [],
      undefined,
      0,
    ],
  ])('%s', (_name, own, fellows, pod, attempt) => {
    const unit: UnitProgress | undefined = pod === undefined ? undefined : { pod, attempt, waits: false };
    expect(joinUnit(memberView('Pending', own, fellows))).toEqual(unit ? { unit } : {});
  });
});

describe('who serves after a failure', () => {
  const inNew = fellow('side', 'Failing', PROMOTED);

  test.each<[name: string, own: Member, fellows: readonly AgentRecord[], serves: Revision | undefined]>([
    [
      'the stable one, where another still serves from the old pod',
      { record: PROMOTED },
      [inNew, fellow('web', 'Failing')],
      IN_OLD,
    ],
    ['the new one, where all were promoted', { record: PROMOTED }, [inNew], IN_NEW],
    ['the new one, alone', { record: PROMOTED }, [], IN_NEW],
    [
      'the new one of a newcomer',
      { record: PROMOTED, lacks: ['stableRevision'] },
      [fellow('web', 'Failing')],
      IN_NEW,
    ],
    [
      'the new one of a newcomer, beside one that runs nowhere',
      { record: PROMOTED, lacks: ['stableRevision'] },
      [without(fellow('web', 'Failing'), 'currentRevision')],
      IN_NEW,
    ],
    [
      'the new one outside of any way',
      { record: PROMOTED, lacks: ['unit'] },
      [fellow('web', 'Failing')],
      IN_NEW,
    ],
    ['the old one, not promoted', {}, [fellow('web', 'Failing')], IN_OLD],
    ['nobody, where nobody did', { lacks: ['currentRevision'] }, [inNew], undefined],
    [
      'nobody, where nobody ever did',
      { lacks: ['currentRevision', 'stableRevision'] },
      [inNew, without(fellow('web', 'Failing'), 'currentRevision')],
      undefined,
    ],
    [
      'the newer one of two in one pod',
      {
        record: {
          currentRevision: ALONE.id,
          stableRevision: IN_OLD.id,
          revisions: [IN_OLD, { ...ALONE, template: IN_OLD.template }],
        },
      },
      [fellow('web', 'Failing')],
      ALONE,
    ],
  ])('%s', (_name, own, fellows, serves) => {
    const expected = serves ? { currentRevision: serves.id } : {};
    expect(backTogether(memberView('Failing', own, fellows))).toStrictEqual(expected);
  });
});

const running = (...present: string[]) => ({ present, running: { name: present[0] ?? '' } });
const both = podsSeen(running(OLD_POD, NEW_POD));

describe('one that came with the new pod', () => {
  const newcomer: Member = { lacks: ['unit', 'currentRevision', 'stableRevision'] };

  test.each<
    [
      name: string,
      own: Member,
      pods: readonly GroupPods[],
      fellows: readonly AgentRecord[],
      stranded: boolean,
    ]
  >([
    ['is stranded where the others went back', newcomer, [both], [fellow('web', 'RolledBack')], true],
    [
      'is not while the new pod runs',
      newcomer,
      [podsSeen(running(NEW_POD))],
      [fellow('web', 'Failing')],
      false,
    ],
    [
      'is not while neither pod runs',
      newcomer,
      [podsSeen({ present: [NEW_POD] })],
      [fellow('web', 'Failing')],
      false,
    ],
    [
      'is not where nobody went there',
      newcomer,
      [both],
      [fellow('web', 'Healthy', { unit: wayTo(OLD_POD) })],
      false,
    ],
    [
      'is not beside one that was never on a way',
      newcomer,
      [both],
      [without(fellow('web', 'Healthy'), 'unit')],
      false,
    ],
    ['is not with nobody beside it', newcomer, [both], [], false],
    ['is not before anybody looked', newcomer, [podsSeen()], [fellow('web', 'RolledBack')], false],
    ['is not without a group', newcomer, [], [fellow('web', 'RolledBack')], false],
    ['is not if it goes that way itself', {}, [both], [fellow('web', 'RolledBack')], false],
    [
      'is if its own way was another',
      { record: { unit: wayTo(OLD_POD) } },
      [both],
      [fellow('web', 'RolledBack')],
      true,
    ],
    [
      'is not outside of pods',
      { ...newcomer, record: { targetRevision: ALONE.id } },
      [both],
      [without(fellow('web', 'Healthy'), 'unit')],
      false,
    ],
    [
      'is not before it knows where to',
      { lacks: ['targetRevision'] },
      [both],
      [fellow('web', 'RolledBack')],
      false,
    ],
  ])('%s', (_name, own, pods, fellows, stranded) => {
    const view = memberView('Starting', { ...own, facts: { pods } }, fellows);
    expect(isStranded(view)).toBe(stranded);
  });
});

describe('what is known of a pod', () => {
  test.each<[name: string, revision: Revision, pods: readonly GroupPods[], has: boolean, unknown: boolean]>([
    ['it is there, and runs', IN_OLD, [both], true, false],
    ['it is there, and was stopped', IN_NEW, [both], true, false],
    ['it was pruned', IN_NEW, [podsSeen(running(OLD_POD))], false, false],
    ['nobody has looked yet', IN_NEW, [podsSeen()], false, true],
    ['its group is gone', IN_NEW, [], false, false],
    ['only another group is there', IN_NEW, [podsSeen(running(EDGE_POD), 'edge')], false, false],
    ['nobody has looked at another group', IN_NEW, [podsSeen(undefined, 'edge'), both], true, false],
    ['none is needed', ALONE, [podsSeen()], true, false],
  ])('%s', (_name, revision, pods, has, unknown) => {
    const view = memberView('Failing', { facts: { pods } });
    expect(hasItsPod(view, revision)).toBe(has);
    expect(isPodUnknown(view, revision)).toBe(unknown);
  });

  test('nothing is to be known of a revision that is not there', () => {
    expect(isPodUnknown(memberView('Failing', { facts: { pods: [podsSeen()] } }), undefined)).toBe(false);
  });
});

describe('to start, a member', () => {
  test.each<
    [name: string, revision: Revision | undefined, own: Member, pods: readonly GroupPods[], waits: boolean]
  >([
    ['waits for the other pod to make room', IN_NEW, {}, [both], true],
    ['goes, once its pod runs', IN_OLD, {}, [both], false],
    ['waits while no pod runs', IN_NEW, {}, [podsSeen({ present: [NEW_POD] })], true],
    ['waits on its way until somebody looked', IN_NEW, {}, [podsSeen()], true],
    ['starts again before anybody looked', IN_OLD, firstWay, [podsSeen()], false],
    ['waits for no group that is gone', IN_NEW, {}, [], false],
    ['waits for no pod that it needs not', ALONE, {}, [both], false],
    ['waits for none while it has no revision', undefined, {}, [both], false],
  ])('%s', (_name, revision, own, pods, waits) => {
    expect(awaitsPod(memberView('Starting', { ...own, facts: { pods } }), revision)).toBe(waits);
  });
});
