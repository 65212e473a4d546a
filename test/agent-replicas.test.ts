import { describe, expect, test } from 'vitest';
import { condemnation, isReady } from '../controllers/agent/facts.ts';
import {
  containersOf,
  hasMadeRoom,
  isOfRollout,
  isOnTrial,
  judgedReplicas,
  refOf,
  runningReplicas,
  runningRevisions,
  servingReplicas,
  worstOf,
} from '../controllers/agent/replicas.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import type { ReplicaRef } from '../src/state/replica.ts';
import {
  A,
  aView,
  B,
  containerOf,
  CREATED,
  EXITED,
  READY,
  SEVERAL,
  type Situation,
  specOf,
} from './fakes/agent-views.ts';

const letterOf = (id: string): string => ({ [A.id]: 'A', [B.id]: 'B' })[id] ?? id;
const told = (refs: readonly ReplicaRef[] | undefined): string =>
  refs
    ? refs.map(({ revision, attempt, ordinal }) => `${letterOf(revision)}${attempt}-${ordinal}`).join(' ')
    : 'undefined';

const update = { currentRevision: A.id, stableRevision: A.id, targetRevision: B.id };
const serving = { currentRevision: B.id, stableRevision: B.id, targetRevision: B.id };
const again = { currentRevision: B.id, targetRevision: B.id };
const first = { targetRevision: B.id };
const unknown = { currentRevision: A.id, stableRevision: A.id };
const [inPlace, beside] = [
  { rollout: { strategy: 'Recreate' } as const },
  { rollout: { strategy: 'BlueGreen' } as const },
];
const canary = (tried: number, promoted: number) => ({
  rollout: { strategy: 'Canary', tried, promoted, stage: 'Canaries' } as const,
});

interface Told {
  /** Who runs, in the order in which they are started. */
  readonly runs: string;
  readonly serves: string;
  readonly judged: string;
  readonly revisions: string;
}

describe('of the replicas of an agent', () => {
  test.each<[name: string, state: AgentState, record: Partial<AgentRecord>, replicas: number, told: Told]>([
    [
      'all run that are asked for',
      'Healthy',
      serving,
      3,
      { runs: 'B2-0 B2-1 B2-2', serves: 'B2-0 B2-1 B2-2', judged: 'B2-0 B2-1 B2-2', revisions: 'B' },
    ],
    [
      'the old ones serve while the new ones are prepared',
      'Preparing',
      { ...update, ...inPlace },
      1,
      { runs: 'A1-0', serves: 'A1-0', judged: 'A1-0', revisions: 'A' },
    ],
    [
      'none runs while they are swapped',
      'StoppingOld',
      { ...update, ...inPlace },
      1,
      { runs: '', serves: '', judged: 'undefined', revisions: '' },
    ],
    [
      'the new ones serve as soon as they start in their place',
      'Starting',
      { ...update, ...inPlace },
      1,
      { runs: 'B2-0', serves: 'B2-0', judged: 'B2-0', revisions: 'B' },
    ],
    [
      'nobody is judged once it failed',
      'Failing',
      { ...update, ...inPlace },
      1,
      { runs: '', serves: '', judged: 'undefined', revisions: '' },
    ],
    [
      'none runs once the job is done',
      'Completed',
      serving,
      1,
      { runs: '', serves: '', judged: 'undefined', revisions: '' },
    ],
    [
      'what serves is run on after a failure',
      'Failed',
      update,
      1,
      { runs: 'A1-0', serves: 'A1-0', judged: 'A1-0', revisions: 'A' },
    ],
    [
      'what was tried first is run on after a failure',
      'Failed',
      first,
      1,
      { runs: 'B2-0', serves: 'B2-0', judged: 'B2-0', revisions: 'B' },
    ],
    [
      'old and new run beside each other, and the new ones are judged',
      'Verifying',
      { ...update, ...beside },
      2,
      { runs: 'B2-0 B2-1 A1-0 A1-1', serves: 'A1-0 A1-1', judged: 'B2-0 B2-1', revisions: 'B B A' },
    ],
    [
      'the old ones run on while the new ones are made beside them',
      'Preparing',
      { ...update, ...beside },
      2,
      { runs: 'A1-0 A1-1', serves: 'A1-0 A1-1', judged: 'A1-0 A1-1', revisions: 'A B A' },
    ],
    [
      'the old ones serve on when those beside them failed',
      'Failing',
      { ...update, ...beside },
      1,
      { runs: '', serves: 'A1-0', judged: 'undefined', revisions: 'B A' },
    ],
    [
      'the old ones serve on while a person is asked',
      'Paused',
      { ...update, ...beside },
      1,
      { runs: 'A1-0', serves: 'A1-0', judged: 'undefined', revisions: 'B A' },
    ],
    [
      'only the old ones run once it is turned back',
      'RollingBack',
      { ...update, ...beside },
      1,
      { runs: 'A1-0', serves: 'A1-0', judged: 'A1-0', revisions: 'A' },
    ],
    [
      'the first ones ever serve at once',
      'Starting',
      { ...first, ...beside },
      1,
      { runs: 'B2-0', serves: 'B2-0', judged: 'B2-0', revisions: 'B' },
    ],
    [
      'nobody serves before the first ones are made',
      'Preparing',
      { ...first, ...beside },
      1,
      { runs: '', serves: '', judged: 'undefined', revisions: '' },
    ],
    [
      'what is tried once more is there once',
      'Starting',
      { ...again, ...beside },
      1,
      { runs: 'B2-0', serves: 'B2-0', judged: 'B2-0', revisions: 'B' },
    ],
    [
      'the old ones serve on while a person is asked, as long as they were not touched',
      'Paused',
      { ...update, ...inPlace },
      2,
      { runs: 'A1-0 A1-1', serves: 'A1-0 A1-1', judged: 'undefined', revisions: '' },
    ],
    [
      'nobody is beside those that serve before it is known who',
      'Paused',
      { ...unknown, ...beside },
      1,
      { runs: 'A1-0', serves: 'A1-0', judged: 'undefined', revisions: '' },
    ],
    [
      'canaries that serve do so while a person is asked, and what is tried is looked at',
      'Paused',
      { ...update, ...canary(2, 1) },
      3,
      { runs: 'B2-0 A1-1 A1-2', serves: 'B2-0 A1-1 A1-2', judged: 'undefined', revisions: 'B A' },
    ],
    [
      'what was promoted serves while a person is asked',
      'Paused',
      { ...serving, stableRevision: A.id, ...inPlace },
      1,
      { runs: 'B2-0', serves: 'B2-0', judged: 'undefined', revisions: '' },
    ],
    [
      'canaries that are tried run beside all the others',
      'Verifying',
      { ...update, ...canary(1, 0) },
      3,
      { runs: 'B2-0 A1-0 A1-1 A1-2', serves: 'A1-0 A1-1 A1-2', judged: 'B2-0', revisions: 'B B A' },
    ],
    [
      'canaries that are promoted have the place of old ones',
      'AwaitingApproval',
      { ...update, ...canary(1, 1) },
      3,
      { runs: 'B2-0 A1-1 A1-2', serves: 'B2-0 A1-1 A1-2', judged: 'B2-0', revisions: 'B B A' },
    ],
    [
      'the next of a canary is tried beside those promoted',
      'Starting',
      { ...update, ...canary(2, 1) },
      3,
      { runs: 'B2-0 B2-1 A1-1 A1-2', serves: 'B2-0 A1-1 A1-2', judged: 'B2-0 B2-1', revisions: 'B B A' },
    ],
    [
      'no more canaries are tried than there are to be replicas',
      'Starting',
      { ...update, ...canary(4, 0) },
      2,
      { runs: 'B2-0 B2-1 A1-0 A1-1', serves: 'A1-0 A1-1', judged: 'B2-0 B2-1', revisions: 'B B A' },
    ],
    [
      'no more serve than there are to be, when it was scaled down',
      'Promoting',
      { ...update, ...canary(3, 3) },
      2,
      { runs: 'B2-0 B2-1', serves: 'B2-0 B2-1', judged: '', revisions: 'A B A' },
    ],
  ])('%s', (_name, state, record, replicas, expected) => {
    const view = aView(state, { record: { ...SEVERAL, ...record }, facts: { spec: specOf({ replicas }) } });
    expect({
      runs: told(runningReplicas(view)),
      serves: told(servingReplicas(view)),
      judged: told(judgedReplicas(view)),
      revisions: runningRevisions(view).map(letterOf).join(' '),
    }).toEqual(expected);
  });

  test.each<
    [
      name: string,
      state: AgentState,
      record: Partial<AgentRecord>,
      replicas: number,
      Pick<Told, 'runs' | 'serves'>,
    ]
  >([
    ['one serves', 'Healthy', serving, 3, { runs: 'B2-0', serves: 'B2-0' }],
    ['one is started', 'Starting', first, 2, { runs: 'B2-0', serves: 'B2-0' }],
    ['one goes on while what has a holder waits', 'Blocked', unknown, 2, { runs: 'A1-0', serves: 'A1-0' }],
    ['none is to run', 'Healthy', serving, 0, { runs: '', serves: '' }],
  ])('of those that have the name themselves %s', (_name, state, record, replicas, expected) => {
    const view = aView(state, { record, facts: { spec: specOf({ replicas }) } });
    expect({ runs: told(runningReplicas(view)), serves: told(servingReplicas(view)) }).toEqual(expected);
  });

  test('one runs where the manifest is gone', () => {
    const view = aView('Healthy', { record: serving, facts: { spec: undefined } });
    expect(told(runningReplicas(view))).toBe('B2-0');
  });
});

describe('while a person is asked', () => {
  const begunAtMs = 100;
  const [old, replaced] = [containerOf(A, 1), containerOf(A, 1, EXITED)];
  const failed = (change: Partial<ObservedContainer>) => containerOf(B, 2, { ...EXITED, ...change });
  const rollouts: AgentRecord['rollouts'] = [
    { trigger: 'Manifest', changes: [], startedAtMs: 1, outcome: 'Stable' },
    { trigger: 'Manifest', changes: [], startedAtMs: begunAtMs + 1, outcome: 'Superseded' },
    { trigger: 'Manifest', changes: [], startedAtMs: begunAtMs, outcome: 'Failed' },
  ];
  const inTheirPlace = { ...update, ...inPlace, rollouts };
  const started = failed({ startedAtMs: begunAtMs });

  test.each<
    [name: string, record: Partial<AgentRecord>, containers: readonly ObservedContainer[], runs: string]
  >([
    ['nobody runs where a new one was started in their place', inTheirPlace, [replaced, started], ''],
    [
      'nor where one of several was',
      inTheirPlace,
      [replaced, containerOf(B, 2, CREATED), { ...started, id: 'second' }],
      '',
    ],
    [
      'nor where one runs, whatever the clock says',
      inTheirPlace,
      [replaced, containerOf(B, 2, { startedAtMs: 1 })],
      '',
    ],
    ['nor where an older Rookery kept no rollouts', { ...update, ...inPlace }, [replaced, started], ''],
    ['the old ones do when no new one was made', inTheirPlace, [replaced], 'A1-0'],
    ['when none was started', inTheirPlace, [replaced, containerOf(B, 2, CREATED)], 'A1-0'],
    [
      'also as an older Rookery left it',
      { ...update, ...inPlace },
      [replaced, containerOf(B, 2, CREATED)],
      'A1-0',
    ],
    [
      'when it was started by an earlier rollout only, and kept',
      inTheirPlace,
      [replaced, failed({ startedAtMs: begunAtMs - 1 })],
      'A1-0',
    ],
    [
      'beside a new one',
      { ...update, ...beside, rollouts },
      [old, failed({ startedAtMs: begunAtMs })],
      'A1-0',
    ],
    [
      'what was promoted does, for it has the name',
      { ...serving, ...inPlace, rollouts },
      [replaced, started],
      'B2-0',
    ],
  ])('%s', (_name, record, containers, runs) => {
    const view = aView('Paused', { record, containers });
    expect(told(runningReplicas(view))).toBe(runs);
    expect(hasMadeRoom(view)).toBe(runs === '');
  });

  test('only then: whoever is tried has their place, but nobody looks at it', () => {
    const view = aView('Verifying', { record: inTheirPlace, containers: [replaced, containerOf(B, 2)] });
    expect(hasMadeRoom(view)).toBe(false);
  });
});

describe('the containers of a revision', () => {
  const [old, kept, other] = [containerOf(B, 2), containerOf(B, 1), containerOf(A, 1)];
  const view = (record: Partial<AgentRecord>) => aView('Healthy', { record, containers: [old, kept, other] });

  test('are those of the attempt that counts', () => {
    expect(containersOf(view({}), B.id)).toEqual([old]);
    expect(containersOf(view({ attempts: { [B.id]: 1 } }), B.id)).toEqual([kept]);
  });

  test('are none without a revision, or of one that nobody made', () => {
    expect(containersOf(view({}), undefined)).toEqual([]);
    expect(containersOf(view({ attempts: {} }), B.id)).toEqual([]);
  });

  test('of which nothing is said are nobody’s', () => {
    const stray = containerOf(B, 2, { labels: {} });
    expect(refOf(stray)).toEqual({ revision: '', attempt: Number.NaN, ordinal: Number.NaN });
    expect(containersOf(aView('Healthy', { containers: [stray] }), undefined)).toEqual([]);
  });
});

describe('a replica', () => {
  const { record } = aView('Verifying', { record: { ...update, ...canary(2, 1) } });
  const refTo = (revision: string, attempt: number, ordinal = 0): ReplicaRef => ({
    revision,
    attempt,
    ordinal,
  });

  test.each([
    ['that serves is of the rollout', refTo(A.id, 1), true],
    ['that is to serve is of the rollout', refTo(B.id, 2), true],
    ['of an earlier attempt is not', refTo(B.id, 1), false],
    ['of another revision is not', refTo('cccccccc', 0), false],
    ['of whatever revision has no attempt is not', refTo('cccccccc', 2), false],
  ])('%s', (_name, ref, isOf) => {
    expect(isOfRollout(record, ref)).toBe(isOf);
  });

  test.each<[name: string, state: AgentState, ref: ReplicaRef, onTrial: boolean]>([
    ['that is tried is on trial', 'Verifying', refTo(B.id, 2, 1), true],
    ['that was promoted is not', 'Verifying', refTo(B.id, 2, 0), false],
    ['that serves is not', 'Verifying', refTo(A.id, 1, 1), false],
    ['is on trial no more once it is turned back', 'RollingBack', refTo(B.id, 2, 1), false],
  ])('%s', (_name, state, ref, onTrial) => {
    expect(isOnTrial(aView(state, { record: { ...update, ...canary(2, 1) } }), ref)).toBe(onTrial);
  });
});

describe('of several replicas of a failed revision', () => {
  const one = (id: string, change: Partial<ObservedContainer> = {}) => containerOf(B, 2, { id, ...change });
  const ill = new Set(['ill', 'paused']);
  const view = (...containers: readonly ObservedContainer[]) =>
    aView('Failing', {
      record: update,
      containers,
      facts: { verdictOf: ({ id }) => ({ ...READY, ready: !ill.has(id) }) },
    });

  test.each<[name: string, containers: readonly ObservedContainer[], worst: string | undefined]>([
    ['the dead one tells most', [one('well'), one('ill'), one('dead', EXITED)], 'dead'],
    ['then the one that is not ready', [one('well'), one('ill')], 'ill'],
    ['then the first', [one('well'), one('other')], 'well'],
    ['none tells anything where there is none', [], undefined],
    ['none of another revision does', [containerOf(A, 1, EXITED)], undefined],
  ])('%s', (_name, containers, worst) => {
    expect(worstOf(view(...containers), B.id)?.id).toBe(worst);
  });
});

describe('what the probes say of a container', () => {
  const view = (verdict: Situation['facts']) => aView('Healthy', { facts: { ...verdict } });
  const says = (change: object) => view({ verdictOf: () => ({ ...READY, ...change }) });
  const running = containerOf(B, 2);

  test.each<[name: string, container: ObservedContainer | undefined, change: object, ready: boolean]>([
    ['it is ready', running, {}, true],
    ['it has not started', running, { started: false }, false],
    ['it is not ready', running, { ready: false }, false],
    ['it does not live', running, { live: false }, false],
    ['it is frozen, whatever was said before', containerOf(B, 2, { state: 'paused' }), {}, false],
    ['it is dead, whatever was said before', containerOf(B, 2, EXITED), {}, false],
    ['there is none', undefined, {}, false],
  ])('%s', (_name, container, change, ready) => {
    expect(isReady(says(change), container)).toBe(ready);
  });

  test('nothing yet: it is not ready, and nobody wants it restarted', () => {
    const silent = view({ verdictOf: () => undefined });
    expect([isReady(silent, running), condemnation(silent, running)]).toEqual([false, undefined]);
  });

  test.each<
    [name: string, container: ObservedContainer | undefined, change: object, why: string | undefined]
  >([
    ['nobody wants it restarted', running, {}, undefined],
    ['it never started', running, { startupFailed: true }, 'its startup probe failed'],
    ['it does not live', running, { live: false }, 'its liveness probe failed'],
    [
      'it never started, and does not live',
      running,
      { startupFailed: true, live: false },
      'its startup probe failed',
    ],
    ['it is not ready, which is no reason', running, { ready: false }, undefined],
    ['it is dead already', containerOf(B, 2, EXITED), { live: false }, undefined],
    ['there is none', undefined, { live: false }, undefined],
  ])('%s: why it is to be restarted', (_name, container, change, why) => {
    expect(condemnation(says(change), container)).toBe(why);
  });
});
