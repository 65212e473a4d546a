import { describe, expect, test } from 'vitest';
import { answerTo, type Situation } from '../controllers/agent/answer.ts';
import { newRecord } from '../controllers/agent/decide.ts';
import type { ActRequest } from '../src/api/act-request.ts';
import { agent } from '../src/api/agent.ts';
import { agentKey } from '../src/api/key.ts';
import type { Acts } from '../src/state/acts.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { createRevision } from '../src/state/revision.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import { without } from './fakes/pod-group.ts';
import { agentManifest } from './fakes/simulated-host.ts';
import { aTemplate } from './fakes/templates.ts';

const NOW = 1_000_000;
const proved = (version: string, change = {}): Revision => ({
  ...createRevision(aTemplate({ env: { V: version }, ...change }), `made ${version}`, 0),
  outcome: 'Superseded',
  stableAtMs: 1,
});
const before = proved('a');
const now: Revision = { ...proved('b'), outcome: 'Stable' };
const CANARY = { replicas: 3, rollout: { strategy: 'Canary', canary: { replicas: 1, promotion: 'Manual' } } };

interface Given extends Partial<Pick<Situation, 'wished'>> {
  readonly record?: Partial<AgentRecord>;
  readonly acts?: Partial<Acts>;
  readonly spec?: object;
  /** What the record knows nothing of. */
  readonly unknown?: readonly (keyof AgentRecord)[];
}

function situation({ record, acts, spec = {}, unknown = [], ...given }: Given): Situation {
  const fresh = newRecord({ key: agentKey('ns', 'twin'), specHash: 'hash' }, 'uid', NOW);
  const settled = { state: 'Healthy' as const, revisions: [before, now], currentRevision: now.id };
  const known = { ...fresh, ...settled, targetRevision: now.id, stableRevision: now.id, ...record };
  return {
    record: without(known, ...unknown),
    acts: { specHash: 'hash', ...acts },
    spec: agent.parse(agentManifest('twin', spec)).spec,
    position: { file: 'twin.yaml', line: 3, column: 1 },
    wished: now.template,
    nowMs: NOW,
    ...given,
  };
}

/** What is said, and what is left of the acts where it is agreed to. */
const answered = (request: ActRequest, given: Given): [string, Omit<Acts, 'specHash'>?] => {
  const answer = answerTo(request, situation(given));
  if ('refused' in answer) return [answer.refused.replace(/^twin /, 'no: ')];
  const { specHash, ...acts } = answer.acts;
  expect(specHash).toBe('hash');
  return [answer.message.replace(/^twin /, ''), acts];
};

type Row = [name: string, given: Given, said: string, acts?: Omit<Acts, 'specHash'>];
const expectAnswers = (request: ActRequest, rows: readonly Row[]): void =>
  test.each(rows)('%s', (_, given, ...expected) => {
    expect(answered(request, given)).toStrictEqual(expected);
  });

const updating = (state: AgentState): Partial<AgentRecord> => ({
  state,
  revisions: [before, { ...now, outcome: 'Pending' }],
  currentRevision: before.id,
  stableRevision: before.id,
});
const someone = { sinceMs: 1 };

describe('approve', () => {
  const waiting: Given = { spec: CANARY, record: { state: 'AwaitingApproval' } };
  const needsNone = 'no: needs no approval: only strategy Canary with promotion Manual does';
  const rollout = (change: object): Given => ({ ...waiting, spec: { replicas: 3, rollout: change } });

  expectAnswers({ action: 'approve' }, [
    [
      'is noted for the revision that waits',
      waiting,
      `may promote revision ${now.id}`,
      { approvedRevision: now.id },
    ],
    [
      'is noted in the place of what was approved before',
      { ...waiting, acts: { approvedRevision: before.id } },
      `may promote revision ${now.id}`,
      { approvedRevision: now.id },
    ],
    [
      'is refused when nobody knows what waits',
      { ...waiting, unknown: ['targetRevision'] },
      'no: has no canary that waits for approval (AwaitingApproval)',
    ],
    ['is refused where old and new swap', rollout({}), needsNone],
    ['is refused where it goes on by itself', rollout({ strategy: 'Canary', canary: {} }), needsNone],
    ['is refused where nothing is said of canaries', rollout({ strategy: 'Canary' }), needsNone],
    [
      'is refused of another strategy',
      rollout({ strategy: 'BlueGreen', canary: { promotion: 'Manual' } }),
      needsNone,
    ],
    [
      'is refused before anything waits',
      { spec: CANARY },
      'no: has no canary that waits for approval (Healthy)',
    ],
    [
      'is refused twice',
      { ...waiting, acts: { approvedRevision: now.id } },
      `no: has revision ${now.id} approved already`,
    ],
  ]);
});

describe('suspend', () => {
  const paused = { acts: { pausedAtMs: 1 } };
  expectAnswers({ action: 'suspend' }, [
    ['holds until somebody says otherwise', {}, 'is suspended', { suspended: { sinceMs: NOW } }],
    ['leaves the rest', paused, 'is suspended', { pausedAtMs: 1, suspended: { sinceMs: NOW } }],
    [
      'begins anew',
      { acts: { suspended: { ...someone, reason: 'x' } } },
      'is suspended',
      { suspended: { sinceMs: NOW } },
    ],
  ]);

  test('has an end where one was given, and a reason', () => {
    const request: ActRequest = { action: 'suspend', forSeconds: 60, reason: 'a look' };
    expect(answered(request, {})).toStrictEqual([
      'is suspended until 1970-01-01T00:17:40.000Z',
      { suspended: { sinceMs: NOW, untilMs: NOW + 60_000, reason: 'a look' } },
    ]);
  });

  expectAnswers({ action: 'unsuspend' }, [
    [
      'ends, and the rest goes on to hold',
      { acts: { suspended: someone, pausedAtMs: 1 } },
      'goes on',
      { pausedAtMs: 1 },
    ],
    ['does not end where there is none', {}, 'no: is not suspended'],
    [
      'does not end against its manifest',
      { spec: { suspend: true }, acts: { suspended: someone } },
      'no: is suspended by its manifest; set spec.suspend to false in twin.yaml:3',
    ],
  ]);

  const ACTIONS = ['undo', 'pause', 'resume', 'approve', 'abort', 'retry', 'restart'] as const;
  test.each(ACTIONS)('lets nobody %s meanwhile', (action) => {
    const why = 'no: is suspended, so nothing is changed for it; ';
    expect(answered({ action }, { acts: { suspended: someone } })).toEqual([
      `${why}go on with: rookery resume twin -n ns`,
    ]);
    expect(answered({ action }, { spec: { suspend: true } })).toEqual([
      `${why}set spec.suspend to false in twin.yaml:3`,
    ]);
  });
});

describe('undo', () => {
  const history = 'see: rookery rollout history twin -n ns';
  const goesBack = `goes back to revision ${before.id}`;
  const back = { undoToRevision: before.id };
  const undone: Given = {
    record: { currentRevision: before.id, targetRevision: before.id },
    acts: { undoToRevision: before.id, wishHash: 'wish' },
  };

  expectAnswers({ action: 'undo' }, [
    ['goes back to the one before', {}, goesBack, back],
    [
      'takes the place of what was asked before, of the same manifest',
      { acts: { wishHash: 'wish', pausedAtMs: 1, retryAtMs: 1, restartedAtMs: 1, abortedAtMs: 1 } },
      goesBack,
      { wishHash: 'wish', ...back },
    ],
    [
      'from an update that is tried goes back to what serves',
      { record: updating('Starting') },
      goesBack,
      back,
    ],
    [
      'from an update of which nothing is known yet goes back beyond what serves',
      { record: { state: 'Building' }, unknown: ['targetRevision'] },
      goesBack,
      back,
    ],
    [
      'from an update that failed goes back beyond what serves',
      { record: { ...updating('RolledBack'), revisions: [before, { ...now, outcome: 'Failed' }] } },
      `no: has no earlier revision that proved itself; ${history}`,
    ],
    [
      'is refused of a first deploy',
      { record: { revisions: [now] } },
      `no: has no earlier revision that proved itself; ${history}`,
    ],
  ]);

  expectAnswers({ action: 'undo', toRevision: before.id }, [
    [
      'to one that failed is refused',
      { record: { revisions: [{ ...before, outcome: 'Failed' }, now] } },
      `no: cannot go back to revision ${before.id}, which failed; to try it again edit the manifest, or: rookery rollout retry twin -n ns`,
    ],
    [
      'to one that never proved itself is refused',
      { record: { revisions: [{ ...before, outcome: 'Pending' }, now] } },
      `no: cannot go back to revision ${before.id}, which never proved itself; ${history}`,
    ],
    [
      'to the one that it was taken back to is refused',
      undone,
      `no: was taken back to revision ${before.id} already`,
    ],
    [
      'to what runs is refused',
      { record: { currentRevision: before.id } },
      `no: runs revision ${before.id} already`,
    ],
    [
      'to what runs, in spite of an update that failed, is agreed to',
      { record: updating('RolledBack') },
      goesBack,
      back,
    ],
    [
      'to what runs, in spite of an update that is tried, is agreed to',
      { record: updating('Starting') },
      goesBack,
      back,
    ],
  ]);

  expectAnswers({ action: 'undo', toRevision: now.id }, [
    [
      'to what the manifest asks for follows it again',
      undone,
      `follows its manifest again, which asks for revision ${now.id}`,
      { wishHash: 'wish' },
    ],
    [
      'to what the manifest asks for follows it again, before anything was done',
      { acts: { undoToRevision: before.id } },
      `follows its manifest again, which asks for revision ${now.id}`,
      {},
    ],
    [
      'to what ran goes back when nobody knows what the manifest asks for',
      { ...undone, wished: undefined },
      `goes back to revision ${now.id}`,
      { wishHash: 'wish', undoToRevision: now.id },
    ],
  ]);

  test('takes the beginning of a revision, and nothing else of it', () => {
    const undo = (toRevision: string) => answered({ action: 'undo', toRevision }, {});
    expect(undo(before.id.slice(0, 4))).toStrictEqual([goesBack, back]);
    const end = before.id.slice(4);
    expect(undo(end)).toEqual([`no: has no kept revision ${end}; ${history}`]);
  });
});

describe('undo of a member of a pod', () => {
  const inPod = (pod: string): ContainerTemplate['network'] => ({ mode: 'pod', pod });
  const member = proved('c', { network: inPod('ns.core-1') });
  const record = { revisions: [member, now] };
  const request: ActRequest = { action: 'undo', toRevision: member.id };
  const moved = { ...member.template, network: inPod('ns.core-2') };
  const cannot = `no: cannot go back to revision ${member.id}`;
  const alone = `${cannot} alone, which differs only in its pod; all of its pod group go back`;
  const outside = `${cannot}, which was a member of a pod; put it into its pod group again first`;

  expectAnswers(request, [
    ['is refused once it is none', { record }, outside],
    ['is refused when nobody knows whether it is one', { record, wished: undefined }, outside],
    [
      'goes to what another pod of the group runs, when more differs than the pod',
      { record, wished: { ...now.template, network: inPod('ns.core-2') } },
      `goes back to revision ${member.id}`,
      { undoToRevision: member.id },
    ],
    [
      'follows the manifest again where that asks for the same',
      { record, acts: { undoToRevision: before.id }, wished: member.template },
      `follows its manifest again, which asks for revision ${member.id}`,
      {},
    ],
    [
      'is refused when nothing but the pod differs',
      { record, wished: moved },
      `${alone} when the manifest of the group is taken back`,
    ],
    [
      'is refused on the way to the other pod, too',
      { record: { ...record, state: 'Starting' }, wished: moved },
      `${alone} with: rookery rollout abort twin -n ns`,
    ],
  ]);
});

describe('pause', () => {
  expectAnswers({ action: 'pause' }, [
    [
      'holds a rollout where it is',
      { record: updating('Starting') },
      'is paused in Starting',
      { pausedAtMs: NOW },
    ],
    ['is refused twice', { record: updating('Starting'), acts: { pausedAtMs: 1 } }, 'no: is paused already'],
    [
      'is refused where nothing goes on',
      {},
      'no: has no rollout under way (Healthy); to keep your hands off it for a while: rookery suspend twin -n ns',
    ],
  ]);

  expectAnswers({ action: 'resume' }, [
    ['ends', { acts: { pausedAtMs: 1, retryAtMs: 2 } }, 'goes on', { retryAtMs: 2 }],
    ['of what was taken back', { acts: { undoToRevision: before.id } }, 'follows its manifest again', {}],
    ['of both at once', { acts: { pausedAtMs: 1, undoToRevision: before.id } }, 'goes on', {}],
    ['is refused of what goes on', {}, 'no: is neither paused nor taken back to an earlier revision'],
    [
      'is refused of what waits for a choice',
      { record: updating('Paused') },
      'no: waits because its update failed; choose: rookery rollout retry|abort|undo twin -n ns',
    ],
  ]);
});

describe('abort', () => {
  const goesBack = `goes back to revision ${before.id}`;
  expectAnswers({ action: 'abort' }, [
    [
      'goes back, also from where it is paused',
      { record: updating('Starting'), acts: { pausedAtMs: 1, retryAtMs: 2 } },
      goesBack,
      { retryAtMs: 2, abortedAtMs: NOW },
    ],
    ['goes back from what failed and waits', { record: updating('Paused') }, goesBack, { abortedAtMs: NOW }],
    [
      'goes back to what serves, where nothing is stable',
      { record: updating('Starting'), unknown: ['stableRevision'] },
      goesBack,
      { abortedAtMs: NOW },
    ],
    [
      'goes back to what serves, where the new one was stable once',
      { record: { ...updating('Starting'), stableRevision: now.id } },
      goesBack,
      { abortedAtMs: NOW },
    ],
    [
      'goes back to what was stable, where the new one serves',
      { record: { ...updating('Monitoring'), currentRevision: now.id } },
      goesBack,
      { abortedAtMs: NOW },
    ],
    [
      'is refused where nothing goes on',
      {},
      'no: has no rollout under way (Healthy); to go back from a finished one: rookery rollout undo twin -n ns',
    ],
    [
      'is refused of a first deploy',
      { record: updating('Starting'), unknown: ['stableRevision', 'currentRevision'] },
      'no: has no earlier revision to go back to: edit its manifest, or delete it',
    ],
  ]);
});

describe('retry', () => {
  const later = { failures: 1, notBeforeMs: NOW + 1 };
  const calm = { failures: 1, notBeforeMs: NOW };
  const replicas = (...backoffs: (typeof later)[]) => ({
    replicas: Object.fromEntries(backoffs.map((crash, index) => [`r${index}`, { ...NEW_REPLICA, crash }])),
  });
  const nothing =
    'no: has nothing that failed (Healthy); for a new container: rookery rollout restart twin -n ns';
  const agreed = { retryAtMs: NOW };

  expectAnswers({ action: 'retry' }, [
    [
      'tries again what was given up, aborted or not',
      { record: updating('RolledBack'), acts: { abortedAtMs: 1, undoToRevision: before.id } },
      'tries again',
      { undoToRevision: before.id, ...agreed },
    ],
    ['waits for no step', { record: { step: later } }, 'tries again', agreed],
    ['waits for no crashed replica', { record: replicas(calm, later) }, 'tries again', agreed],
    ['is refused where nothing waits', { record: { step: calm, ...replicas(calm) } }, nothing],
    ['is refused where nothing failed', {}, nothing],
  ]);
});

describe('restart', () => {
  expectAnswers({ action: 'restart' }, [
    ['makes a new container', { acts: { retryAtMs: 1 } }, 'restarts', { retryAtMs: 1, restartedAtMs: NOW }],
    [
      'is refused in a rollout',
      { record: updating('Starting') },
      'no: is being rolled out (Starting), which makes a new container anyway; wait for it with: rookery rollout status twin -n ns',
    ],
    [
      'is refused of what failed',
      { record: updating('RolledBack') },
      'no: is RolledBack; try the update again with: rookery rollout retry twin -n ns',
    ],
  ]);
});
