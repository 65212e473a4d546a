import { describe, expect, test } from 'vitest';
import type { AgentFacts, View } from '../controllers/agent/facts.ts';
import {
  drainMs,
  hasMoved,
  holderAim,
  mustWait,
  noteTraffic,
  routedNow,
  routeOf,
} from '../controllers/agent/route.ts';
import { HOLDER_ANNOTATION } from '../src/api/labels.ts';
import { canonicalJson } from '../src/state/canonical.ts';
import { incarnationLabels } from '../src/state/names.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA, replicaId } from '../src/state/replica.ts';
import {
  A,
  aView,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  EXITED,
  NOW,
  READY,
  specOf,
  TWIN,
  HOLDER,
} from './fakes/agent-views.ts';
import { aContainer } from './fakes/templates.ts';

type Name = `${'A' | 'B'}${0 | 1 | 2}`;

const revisionOf = (name: Name) => (name.startsWith('A') ? BESIDE_A : BESIDE_B);
const refOf = (name: Name) => ({
  revision: revisionOf(name).id,
  attempt: name.startsWith('A') ? 1 : 2,
  ordinal: Number(name[1]),
});
const idOf = (name: Name): string => replicaId(refOf(name));
const addressOf = (name: Name): string => `10.0.${name.startsWith('A') ? 1 : 2}.${name[1]}`;
const nameOf = (id: string): string => id.replace(`${BESIDE_A.id}-1-`, 'A').replace(`${BESIDE_B.id}-2-`, 'B');

const up = (name: Name, change: Partial<ObservedContainer> = {}): ObservedContainer =>
  containerOf(revisionOf(name), refOf(name).attempt, {
    id: name,
    labels: incarnationLabels({ key: TWIN, ...refOf(name) }),
    networks: { 'ns.default': addressOf(name) },
    ...change,
  });

interface Scene {
  readonly state?: AgentState;
  readonly record?: Partial<AgentRecord>;
  readonly up: readonly Name[];
  readonly down?: readonly Name[];
  readonly unready?: readonly Name[];
  readonly routed?: readonly Name[];
  readonly replicas?: number;
  readonly facts?: Partial<AgentFacts>;
}

const both = {
  revisions: [BESIDE_A, BESIDE_B],
  currentRevision: BESIDE_A.id,
  stableRevision: BESIDE_A.id,
  targetRevision: BESIDE_B.id,
};
const blueGreen = { ...both, rollout: { strategy: 'BlueGreen' } } as const;
const canary = { ...both, rollout: { strategy: 'Canary', tried: 1, promoted: 1, stage: 'Others' } } as const;
const backwards = { ...canary, currentRevision: BESIDE_B.id, targetRevision: BESIDE_A.id };
const joined = (...names: Name[]): Partial<AgentRecord> => ({
  replicas: Object.fromEntries(names.map((name) => [idOf(name), { ...NEW_REPLICA, joined: true as const }])),
});

function view({ state = 'Healthy', up: live, down = [], routed, replicas = 1, ...scene }: Scene): View {
  const containers = [...live.map((name) => up(name)), ...down.map((name) => up(name, EXITED))];
  const holder = routed && {
    holder: { container: aContainer('', 0, { id: 'holder' }), route: routed.map(addressOf) },
  };
  return aView(state, {
    record: { ...both, ...scene.record },
    facts: {
      spec: specOf({ replicas, rollout: { strategy: 'BlueGreen', drainSeconds: 3 } }),
      wish: { template: BESIDE_B.template, holder: HOLDER, imageKnown: true, reloadDigest: '' },
      verdictOf: ({ id }) => ({ ...READY, ready: !scene.unready?.some((name) => name === id) }),
      observed: { containers, observedAtMs: NOW, ...holder },
      ...scene.facts,
    },
  });
}

describe('who is to answer', () => {
  test.each<[string, Scene, Name[]]>([
    ['all that serve and are ready', { up: ['A0', 'A1'], replicas: 2 }, ['A0', 'A1']],
    ['not the one that is not ready', { up: ['A0', 'A1'], unready: ['A0'], replicas: 2 }, ['A1']],
    ['not the one that is down', { up: ['A1'], down: ['A0'], replicas: 2 }, ['A1']],
    ['not one too many', { up: ['A0', 'A1'] }, ['A0']],
    [
      'not the new one while it is tried',
      { state: 'Verifying', record: blueGreen, up: ['A0', 'B0'] },
      ['A0'],
    ],
    [
      'the canary that has proved itself, and the old ones beside it',
      { state: 'Preparing', record: canary, up: ['B0', 'A1', 'A2'], replicas: 3 },
      ['B0', 'A1', 'A2'],
    ],
    [
      'when none is ready, all that were once',
      { up: ['A0', 'A1'], unready: ['A0', 'A1'], record: joined('A0', 'A1'), replicas: 2 },
      ['A0', 'A1'],
    ],
    [
      'of these not one that has yet to come up',
      { up: ['A0', 'A1'], unready: ['A0', 'A1'], record: joined('A0'), replicas: 2 },
      ['A0'],
    ],
    [
      'of these not one that is down',
      { up: ['A0'], down: ['A1'], unready: ['A0'], record: joined('A0', 'A1'), replicas: 2 },
      ['A0'],
    ],
    ['nobody, when nobody ever was', { up: ['A0'], unready: ['A0'] }, []],
    [
      'on the way to another revision, whoever answers now',
      { record: { currentRevision: BESIDE_B.id }, up: ['A0', 'B0'], unready: ['B0'], routed: ['A0'] },
      ['A0'],
    ],
    [
      'on the way to another revision, whoever answers now, though the new one was ready once',
      {
        record: { currentRevision: BESIDE_B.id, ...joined('B0') },
        up: ['A0', 'B0'],
        unready: ['B0'],
        routed: ['A0'],
      },
      ['A0'],
    ],
    [
      'of these not one too many',
      { record: { currentRevision: BESIDE_B.id }, up: ['A1', 'B0'], unready: ['B0'], routed: ['A1'] },
      [],
    ],
    [
      'not one that is tried, though it has the address of one that died',
      { state: 'Verifying', record: blueGreen, up: ['B0'], routed: ['B0'] },
      [],
    ],
    [
      'those that serve rather than others, when some of them answer',
      {
        record: { currentRevision: BESIDE_B.id, ...joined('B0') },
        up: ['A0', 'B0'],
        unready: ['B0'],
        routed: ['A0', 'B0'],
      },
      ['B0'],
    ],
  ])('%s', (_, scene, expected) => {
    expect(routeOf(view(scene)).map(replicaId).map(nameOf)).toEqual(expected);
  });
});

test('who answers is known by any one of its addresses', () => {
  const networks = { 'ns.default': '10.0.1.0', 'ns.other': '10.9.1.0' };
  const observed = {
    containers: [up('A0', { networks }), up('A1'), up('B0', { ...EXITED, networks })],
    holder: { container: aContainer('', 0), route: ['10.9.1.0'] },
    observedAtMs: NOW,
  };
  expect(routedNow(view({ up: [], facts: { observed } })).map(({ id }) => id)).toEqual(['A0']);
});

describe('the name', () => {
  const named = { ...both, revisions: [A, BESIDE_B], currentRevision: A.id };
  const first = { currentRevision: undefined, stableRevision: undefined } as never;
  test.each<[string, Scene, string | undefined]>([
    ['is held', { up: ['A0'] }, `1 of 1 replicas are ready, of revision ${BESIDE_A.id}`],
    ['is held for nobody', { up: ['A0'], unready: ['A0'] }, 'no replica is ready'],
    [
      'is held for who was ready once',
      { up: ['A0'], unready: ['A0'], record: joined('A0') },
      'no replica is ready',
    ],
    [
      'is held for the new one once that has taken the place of one that had a name of its own',
      { state: 'Verifying', up: ['B0'], record: named },
      `1 of 1 replicas are ready, of revision ${BESIDE_B.id}`,
    ],
    [
      'is the container’s own until then',
      { state: 'Verifying', up: ['B0'], record: { ...named, rollout: { strategy: 'BlueGreen' } } },
      undefined,
    ],
    [
      'is the container’s own while the two are swapped',
      { state: 'StoppingOld', up: [], record: named },
      undefined,
    ],
    [
      'is held for a first one that failed, too',
      { state: 'Failing', up: [], record: first },
      'no replica is ready',
    ],
    [
      'is the container’s own where nobody wants a holder',
      { up: ['A0'], facts: { wish: undefined } },
      undefined,
    ],
    [
      'is held as it was when nobody knows what the manifest wants',
      { up: ['A0'], facts: { wish: undefined }, record: { holder: HOLDER } },
      `1 of 1 replicas are ready, of revision ${BESIDE_A.id}`,
    ],
    [
      'is held as its holder says when nobody else knows',
      {
        up: ['A0'],
        facts: {
          wish: undefined,
          observed: {
            containers: [up('A0')],
            holder: {
              container: aContainer('', 0, { annotations: { [HOLDER_ANNOTATION]: canonicalJson(HOLDER) } }),
              route: [],
            },
            observedAtMs: NOW,
          },
        },
      },
      `1 of 1 replicas are ready, of revision ${BESIDE_A.id}`,
    ],
    [
      'is nobody’s before there is a revision',
      { up: [], record: { currentRevision: undefined, targetRevision: undefined } as never },
      undefined,
    ],
  ])('%s', (_, scene, cause) => {
    expect(holderAim(view(scene))?.cause).toBe(cause);
  });

  test.each<[string, Scene, boolean]>([
    ['when it leads to whom it should', { up: ['A0', 'A1'], routed: ['A1', 'A0'], replicas: 2 }, true],
    [
      'in whatever order it leads to them',
      { state: 'Preparing', record: canary, up: ['A2', 'B0', 'A1'], routed: ['A2', 'A1', 'B0'], replicas: 3 },
      true,
    ],
    [
      'in whatever order it leads to them on the way back',
      {
        state: 'Preparing',
        record: backwards,
        up: ['B2', 'A0', 'B1'],
        routed: ['A0', 'B1', 'B2'],
        replicas: 3,
      },
      true,
    ],
    ['not when it leads to too few', { up: ['A0', 'A1'], routed: ['A1'], replicas: 2 }, false],
    ['not when it leads to others', { up: ['A0', 'B0'], routed: ['B0'] }, false],
    [
      'not while somebody has requests of before',
      {
        up: ['A0', 'B0'],
        routed: ['A0'],
        record: { traffic: { routed: [], drainingUntilMs: { [idOf('B0')]: NOW + 1 } } },
      },
      false,
    ],
    ['when there is none to move', { up: ['A0'], facts: { wish: undefined } }, true],
  ])('has moved %s', (_, scene, expected) => {
    expect(hasMoved(view(scene))).toBe(expected);
  });
});

describe('the last requests of who left', () => {
  const before = (routed: Name[], draining: Partial<Record<Name, number>> = {}): Partial<AgentRecord> => ({
    traffic: {
      routed: routed.map(idOf),
      drainingUntilMs: Object.fromEntries(
        Object.entries(draining).map(([name, untilMs]) => [idOf(name as Name), untilMs]),
      ),
    },
  });
  const noted = (scene: Scene) => {
    const { routed = [], drainingUntilMs = {} } = noteTraffic(view(scene)) ?? {};
    const draining = Object.entries(drainingUntilMs).map(([id, untilMs]) => `${nameOf(id)} ${untilMs - NOW}`);
    return [routed.map(nameOf).join(' '), ...draining];
  };

  test.each<[string, Scene, string[]]>([
    ['nobody left', { up: ['A0', 'B0'], routed: ['B0', 'A0'], record: before(['A0']) }, ['A0 B0']],
    [
      'nobody left, in whatever order they are seen',
      { up: ['B0', 'A0'], routed: ['A0', 'B0'], record: before(['A0']) },
      ['A0 B0'],
    ],
    ['who left has time', { up: ['A0', 'B0'], routed: ['B0'], record: before(['A0']) }, ['B0', 'A0 3000']],
    [
      'who was stopped has none',
      { up: ['B0'], down: ['A0'], routed: ['B0'], record: before(['A0']) },
      ['B0'],
    ],
    [
      'who left before has what is left',
      { up: ['A0', 'B0'], routed: ['B0'], record: before(['B0'], { A0: NOW + 5 }) },
      ['B0', 'A0 5'],
    ],
    ['it is over in time', { up: ['A0', 'B0'], routed: ['B0'], record: before(['B0'], { A0: NOW }) }, ['B0']],
    [
      'who comes back is not on the way out',
      { up: ['A0', 'B0'], routed: ['A0'], record: before(['B0'], { A0: NOW + 5 }) },
      ['A0', 'B0 3000'],
    ],
    ['nothing was known', { up: ['A0'], routed: ['A0'] }, ['A0']],
  ])('%s', (_, scene, expected) => {
    expect(noted(scene)).toEqual(expected);
  });

  test('nothing is noted without a holder, and five seconds are the usual time', () => {
    expect(noteTraffic(view({ up: ['A0'] }))).toBeUndefined();
    expect(drainMs(view({ up: ['A0'] }))).toBe(3_000);
    expect(drainMs(view({ up: ['A0'], facts: { spec: undefined } }))).toBe(5_000);
  });

  const old = (record: Partial<AgentRecord>, state: AgentState = 'Monitoring'): Scene => ({
    state,
    up: ['A0', 'B0'],
    record: { ...blueGreen, currentRevision: BESIDE_B.id, ...record },
  });
  const forgotten = old({ ...before([], { A0: NOW + 1 }), revisions: [BESIDE_B] });
  const unknownWay: Scene = { state: 'Failing', up: ['A0', 'B0'], record: before(['A0']) };
  test.each<[string, Scene, boolean]>([
    ['is asked still', old(before(['A0'])), true],
    ['is not asked any more', old(before(['B0'])), false],
    ['answers what it was asked before', old(before([], { A0: NOW + 1 })), true],
    [
      'answers, but failed',
      old({ ...before([], { A0: NOW + 1 }), revisions: [{ ...BESIDE_A, outcome: 'Failed' }, BESIDE_B] }),
      false,
    ],
    [
      'is asked, though it failed',
      old({ ...before(['A0']), revisions: [{ ...BESIDE_A, outcome: 'Failed' }, BESIDE_B] }),
      true,
    ],
    ['is wanted running, which is no stop', old({ ...before(['A0']), currentRevision: BESIDE_A.id }), false],
    [
      'must make room for the new one',
      old({ ...before(['A0']), rollout: { strategy: 'Recreate' } }, 'Starting'),
      false,
    ],
    ['need not make room for one beside it', old(before(['A0']), 'Failing'), true],
    ['need not make room when nobody knows how it is replaced', unknownWay, true],
    ['answers what it was asked, though its revision is forgotten', forgotten, true],
    [
      'is one of several that are wanted running',
      { ...old({ ...before(['A0']), currentRevision: BESIDE_A.id }), replicas: 2 },
      false,
    ],
    ['need not make room any more', old({ ...before(['A0']), rollout: { strategy: 'Recreate' } }), true],
    ['was never told of', old({}), false],
  ])('the old one waits with its stop: it %s', (_, scene, expected) => {
    expect(mustWait(view(scene), refOf('A0'))).toBe(expected);
  });
});
