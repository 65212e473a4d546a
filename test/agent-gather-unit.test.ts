import { describe, expect, test } from 'vitest';
import { gatesOfMove, podGating, podToMoveTo, unitFacts } from '../controllers/agent/gather-unit.ts';
import type { Peers } from '../controllers/agent/peers.ts';
import { agentKey, type KeyString, keyString } from '../src/api/key.ts';
import { dependencyGraph, type Gate } from '../src/plan/graph.ts';
import { podsKey, type PodsFacts } from '../src/state/provision.ts';
import type { AgentRecord, Revision } from '../src/state/record.ts';
import { desiredFrom } from './fakes/desired-objects.ts';
import {
  ALONE,
  ARRIVED,
  EDGE_POD,
  fellow,
  IN_NEW,
  IN_OLD,
  NEW_POD,
  OLD_POD,
  podsSeen,
  wayTo,
  wishFor,
  without,
} from './fakes/pod-group.ts';
import {
  aReadableWorld,
  manifestOf,
  peersOf,
  podGroupOf,
  specIn,
  type Surroundings,
} from './fakes/readable-world.ts';

const key = agentKey('ns', 'web');
const idOf = (name: string): KeyString => keyString(agentKey('ns', name));
const inCore = (name: string, spec: object = {}, namespace = 'ns'): object =>
  manifestOf(name, { podGroup: 'core', ...spec }, namespace);
const inPod = fellow('web', 'Healthy', { revisions: [IN_OLD] });
const outside = fellow('web', 'Healthy', { revisions: [ALONE] });

interface Seen {
  readonly surroundings: Surroundings;
  readonly peers?: Peers;
  readonly record?: AgentRecord;
}

const factsIn = ({ surroundings, peers = peersOf(), record }: Seen) => {
  const world = aReadableWorld(surroundings);
  return unitFacts({ world, peers, key, record, spec: specIn(world, key) });
};

describe('the fellows of a member', () => {
  const manifests = [
    inCore('web'),
    inCore('base'),
    inCore('side'),
    inCore('far', {}, 'elsewhere'),
    manifestOf('edge', { podGroup: 'edge' }),
    manifestOf('alone'),
  ];
  const records = ['web', 'base', 'edge', 'alone'].map((name) => fellow(name, 'Healthy'));
  const far = { ...fellow('far', 'Healthy'), key: agentKey('elsewhere', 'far') };
  const statesOf = (fellows: readonly AgentRecord[]) => fellows.map((one) => [one.key.name, one.state]);

  test('are the others of its group and namespace, as they were saved', () => {
    const { fellows } = factsIn({ surroundings: { manifests, records: [...records, far] }, record: inPod });
    expect(statesOf(fellows)).toEqual([['base', 'Healthy']]);
  });

  test('are as they were last seen, where they were', () => {
    const peers = peersOf(...['base', 'side'].map((name) => ({ record: fellow(name, 'Starting') })));
    const { fellows } = factsIn({ surroundings: { manifests, records }, peers, record: inPod });
    expect(statesOf(fellows)).toEqual([
      ['base', 'Starting'],
      ['side', 'Starting'],
    ]);
  });

  test('are there before it has a record itself', () => {
    expect(statesOf(factsIn({ surroundings: { manifests, records } }).fellows)).toEqual([
      ['base', 'Healthy'],
    ]);
  });

  test.each<[name: string, web: object | undefined]>([
    ['left its group', manifestOf('web')],
    ['is removed', undefined],
  ])('are none of one that %s', (_name, web) => {
    const others = manifests.slice(1);
    const surroundings = { manifests: web ? [web, ...others] : others, records };
    expect(factsIn({ surroundings, record: inPod }).fellows).toEqual([]);
  });
});

describe('the pods that it is told of', () => {
  const seen: PodsFacts = { kind: 'Pods', present: [OLD_POD], running: { name: OLD_POD } };
  const groups = [podGroupOf('core'), podGroupOf('edge'), podGroupOf('core', 'elsewhere')];
  const provisions: Surroundings['provisions'] = new Map([
    [keyString(podsKey('ns', 'core')), { ready: true, facts: seen }],
    [
      keyString({ kind: 'PodGroup', namespace: 'ns', name: 'core' }),
      { ready: true, facts: { kind: 'PodGroup', podName: NEW_POD, move: { type: 'None' } } },
    ],
    [keyString(podsKey('ns', 'edge')), { ready: false, reason: 'x', message: 'y', terminal: false }],
  ]);
  const all = [{ name: 'core', seen }, { name: 'edge' }];

  test.each<[name: string, web: object | undefined, record: AgentRecord | undefined, pods: unknown]>([
    ['those of its namespace, of a member', inCore('web'), inPod, all],
    ['those of its namespace, of one that becomes a member', inCore('web'), outside, all],
    ['those of its namespace, of one that has no record yet', inCore('web'), undefined, all],
    ['those of its namespace, of one that left its group', manifestOf('web'), inPod, all],
    ['those of its namespace, of one that is removed', undefined, inPod, all],
    [
      'those of its namespace, of one that was in a pod before',
      manifestOf('web'),
      fellow('web', 'Healthy', { revisions: [ALONE, IN_OLD] }),
      all,
    ],
    ['none, of one that was never in any', manifestOf('web'), outside, []],
    ['none, of one that is new and outside', manifestOf('web'), undefined, []],
  ])('%s', (_name, web, record, pods) => {
    const surroundings = { manifests: web ? [web, ...groups] : groups, provisions };
    expect(factsIn({ surroundings, ...(record && { record }) }).pods).toStrictEqual(pods);
  });
});

describe('to start in a pod that was switched to', () => {
  const gatingOf = (condition: string, peers: Peers) =>
    factsIn({
      surroundings: {
        manifests: [
          inCore('web', { dependsOn: [{ name: 'outer' }, { name: 'base', condition }] }),
          inCore('base'),
          manifestOf('outer'),
        ],
      },
      peers,
      record: inPod,
    }).startGating;
  const closed = {
    open: false,
    reason: 'WaitingForDependency',
    message: 'waits for base, which is in its pod',
  };
  const base = fellow('base', 'Starting');
  const ended = without(fellow('base', 'Completed'), 'healthySinceMs');
  const wasWell = { ...base, healthySinceMs: 1 };

  test.each<[condition: string, name: string, peers: Peers, open: boolean]>([
    ['Healthy', 'has not been seen yet', peersOf(), false],
    ['Healthy', 'only runs', peersOf({ record: base, ready: false }), false],
    ['Healthy', 'is ready', peersOf({ record: base }), true],
    [
      'Healthy',
      'was rolled back',
      peersOf({ record: fellow('base', 'RolledBack'), live: false, ready: false }),
      true,
    ],
    ['Healthy', 'failed', peersOf({ record: fellow('base', 'Failed'), live: false, ready: false }), true],
    ['Healthy', 'is paused', peersOf({ record: fellow('base', 'Paused'), live: false, ready: false }), true],
    [
      'Healthy',
      'is failing',
      peersOf({ record: fellow('base', 'Failing'), live: false, ready: false }),
      false,
    ],
    ['Healthy', 'has ended', peersOf({ record: ended, live: false, ready: false }), true],
    ['Healthy', 'was healthy to its end', peersOf({ record: wasWell, live: false, ready: false }), true],
    ['Healthy', 'was healthy, and runs on', peersOf({ record: wasWell, ready: false }), false],
    [
      'Healthy',
      'is down, and never was healthy',
      peersOf({ record: base, live: false, ready: false }),
      false,
    ],
    ['Started', 'runs', peersOf({ record: base, ready: false }), true],
    ['Started', 'does not run', peersOf({ record: base, live: false, ready: false }), false],
    ['Started', 'has ended', peersOf({ record: ended, live: false, ready: false }), true],
    ['Completed', 'is ready', peersOf({ record: base }), false],
    ['Completed', 'has ended', peersOf({ record: ended, live: false, ready: false }), true],
  ])('it needs its fellow %s, which %s', (condition, _name, peers, open) => {
    expect(gatingOf(condition, peers)).toEqual(open ? { open: true } : closed);
  });

  test('nothing outside of the pod is waited for, and nobody without an edge', () => {
    const manifests = [inCore('web'), inCore('base')];
    expect(factsIn({ surroundings: { manifests }, record: inPod }).startGating).toEqual({ open: true });
  });

  test('one outside of pods waits for nobody so', () => {
    const manifests = [manifestOf('web', { dependsOn: [{ name: 'base' }] }), inCore('base')];
    expect(factsIn({ surroundings: { manifests }, record: outside }).startGating).toEqual({ open: true });
  });

  test('the second of two is waited for when the first is up', () => {
    const dependsOn = [{ name: 'base' }, { name: 'side' }];
    const surroundings = { manifests: [inCore('web', { dependsOn }), inCore('base'), inCore('side')] };
    const peers = peersOf({ record: base }, { record: fellow('side', 'Starting'), ready: false });
    expect(factsIn({ surroundings, peers, record: inPod }).startGating).toEqual({
      ...closed,
      message: 'waits for side, which is in its pod',
    });
  });
});

const { wish: inNew } = wishFor(IN_NEW);
const { wish: alone } = wishFor(ALONE);
const first = (revision: Revision): AgentRecord =>
  without(fellow('web', 'Pending', { targetRevision: revision.id }), 'currentRevision', 'unit');

describe('the pod to move to', () => {
  test.each([
    [
      'is another one of its group',
      { wish: inNew, record: without(fellow('web', 'Healthy'), 'unit') },
      NEW_POD,
    ],
    [
      'is the one that it is on its way to',
      { wish: inNew, record: fellow('web', 'Starting', ARRIVED) },
      NEW_POD,
    ],
    ['is none once it is there', { wish: inNew, record: fellow('web', 'Healthy', ARRIVED) }, undefined],
    ['is none for who runs nowhere', { wish: inNew, record: first(IN_NEW) }, undefined],
    ['is none for who has no record', { wish: inNew, record: undefined }, undefined],
    ['is none outside of pods', { wish: alone, record: fellow('web', 'Healthy') }, undefined],
    ['is none without a wish', { wish: undefined, record: fellow('web', 'Healthy') }, undefined],
  ])('%s', (_name, placed, pod) => {
    expect(podToMoveTo(placed)).toBe(pod);
  });
});

describe('a pod that is gone to', () => {
  const closed = {
    open: false,
    reason: 'WaitingForPodGroup',
    message: `pod ${NEW_POD} is not there yet: its pod group is on the way to it, or went back`,
  };
  const made = [
    podsSeen({ present: [EDGE_POD] }, 'edge'),
    podsSeen({ present: [OLD_POD, NEW_POD], running: { name: OLD_POD } }),
  ];
  const up = [podsSeen({ present: [OLD_POD, NEW_POD], running: { name: NEW_POD } })];
  const gone = [podsSeen({ present: [OLD_POD], running: { name: OLD_POD } })];
  const moves = fellow('web', 'Healthy');

  test.each([
    ['must have been made, to be moved to', moves, made, true],
    ['is waited for until it is made', moves, gone, false],
    ['is waited for until somebody looked', moves, [podsSeen()], false],
    ['is waited for while its group is not there', moves, [], false],
    ['must run, for who is new', first(IN_NEW), up, true],
    ['is waited for by who is new while the old one runs', first(IN_NEW), made, false],
    ['is waited for by who is new until somebody looked', first(IN_NEW), [podsSeen()], false],
    ['is waited for by who is new until any runs', first(IN_NEW), [podsSeen({ present: [NEW_POD] })], false],
    ['must run, for who has no record', undefined, up, true],
    ['is waited for by who has no record', undefined, made, false],
    ['is not waited for by who is in it', fellow('web', 'Healthy', ARRIVED), gone, true],
  ])('%s', (_name, record, pods, open) => {
    expect(podGating({ wish: inNew, record }, pods)).toEqual(open ? { open: true } : closed);
  });

  test.each([
    ['of none', alone],
    ['unknown', undefined],
  ])('is not waited for where the wish is %s', (_name, wish) => {
    expect(podGating({ wish, record: moves }, gone)).toEqual({ open: true });
  });
});

describe('what a move waits for', () => {
  const graph = (...manifests: readonly object[]) =>
    dependencyGraph({
      objects: new Map(manifests.map((one) => desiredFrom(one)).map((one) => [keyString(one.key), one])),
    });
  const on = (...names: readonly string[]) => ({ dependsOn: names.map((name) => ({ name })) });
  const names = (gates: readonly Gate[]): string[] => gates.map((gate) => gate.on);
  const fellows = [fellow('base', 'Healthy')];

  test.each<[name: string, manifests: readonly object[], fellows: readonly AgentRecord[], gates: string[]]>([
    [
      'one outside of the pod',
      [inCore('web', on('outer')), manifestOf('outer'), inCore('base')],
      fellows,
      ['outer'],
    ],
    ['not one that moves with it', [inCore('web', on('base')), inCore('base')], fellows, []],
    [
      'not one that waits for a fellow',
      [
        inCore('web', on('above', 'outer')),
        manifestOf('above', on('base')),
        manifestOf('outer'),
        inCore('base'),
      ],
      fellows,
      ['outer'],
    ],
    [
      'not one that waits for one that waits for a fellow',
      [
        inCore('web', on('top')),
        manifestOf('top', on('above')),
        manifestOf('above', on('base')),
        inCore('base'),
      ],
      fellows,
      [],
    ],
    [
      'one that others wait for as well, which wait for a fellow',
      [
        inCore('web', on('outer')),
        manifestOf('outer'),
        manifestOf('above', on('outer', 'base')),
        inCore('base'),
      ],
      fellows,
      ['outer'],
    ],
    [
      'all, when it moves alone',
      [inCore('web', on('above')), manifestOf('above', on('base')), inCore('base')],
      [],
      ['above'],
    ],
    ['nobody that is not there', [inCore('web'), inCore('base')], fellows, []],
    ['nobody of one that is not there itself', [inCore('base')], fellows, []],
    [
      'one of two, through whichever fellow',
      [
        inCore('web', on('above', 'outer')),
        manifestOf('above', on('side')),
        manifestOf('outer'),
        inCore('base'),
        inCore('side', on('base')),
      ],
      [...fellows, fellow('side', 'Healthy', { unit: wayTo(NEW_POD) })],
      ['outer'],
    ],
  ])('is %s', (_name, manifests, companions, gates) => {
    expect(names(gatesOfMove(graph(...manifests), keyString(key), companions))).toEqual(gates.map(idOf));
  });
});
