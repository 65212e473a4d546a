import { describe, expect, test } from 'vitest';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { type GatherInput, gather } from '../controllers/agent/gather.ts';
import { keyString } from '../src/api/key.ts';
import { desiredDigest } from '../src/state/desired-digest.ts';
import type { HeldChanges } from '../src/state/desired.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import { A, aView, B, containerOf, NOW, READY } from './fakes/agent-views.ts';
import { fellow, wishFor, without } from './fakes/pod-group.ts';
import {
  aReadableWorld,
  manifestOf,
  type PeerFacts,
  peersOf,
  type Surroundings,
} from './fakes/readable-world.ts';

const { record } = aView('Healthy', {
  record: { currentRevision: A.id, specHash: 'as recorded', wishHash: wishHash(A.template) },
});
const container = containerOf(A, 1);

interface Seen extends Partial<GatherInput> {
  readonly surroundings?: Surroundings;
}

const twin = (spec: object = {}): Surroundings => ({ manifests: [manifestOf('twin', spec)] });

const factsIn = ({ surroundings = twin(), ...input }: Seen): AgentFacts =>
  gather({
    key: record.key,
    record,
    observed: { containers: [container], observedAtMs: NOW },
    acts: { specHash: 'hash' },
    resolved: { ...wishFor(A), missing: [] },
    verdictOf: () => READY,
    peers: peersOf(),
    world: aReadableWorld(surroundings),
    ...input,
  });

describe('the facts of an agent', () => {
  test('are those that were found', () => {
    const missing = [{ reason: 'x', message: 'y', terminal: false }];
    const facts = factsIn({ resolved: { ...wishFor(A), missing }, noWayBack: 'it was pruned' });
    expect(facts).toMatchObject({
      key: record.key,
      ...wishFor(A),
      missing,
      noWayBack: 'it was pruned',
      observed: { containers: [container], observedAtMs: NOW },
      acts: { specHash: 'hash' },
      bootId: 'boot',
      suspended: false,
      fellows: [],
      pods: [],
    });
    expect(facts.verdictOf(container)).toBe(READY);
  });

  test('do not tell what is not so', () => {
    const facts = factsIn({ surroundings: {} });
    expect(Object.keys(facts)).not.toContain('noWayBack');
    expect(Object.keys(facts)).not.toContain('change');
    expect([facts.spec, facts.dependencyDown, facts.origin]).toEqual([undefined, undefined, undefined]);
  });

  test.each<[name: string, input: Seen, specHash: RegExp]>([
    ['of its manifest', {}, /^[0-9a-f]{64}$/],
    ['of the last one, once that is gone', { surroundings: {} }, /^as recorded$/],
    ['unknown, where nothing was recorded', { surroundings: {}, record: undefined }, /^$/],
  ])('have the hash %s', (_name, input, specHash) => {
    expect(factsIn(input).specHash).toMatch(specHash);
  });

  test.each<[name: string, input: Seen, suspended: boolean]>([
    ['its manifest says so', { surroundings: twin({ suspend: true }) }, true],
    ['a person said so', { acts: { specHash: 'hash', suspended: { sinceMs: 1 } } }, true],
    [
      'a person said so, and its manifest is gone',
      { surroundings: {}, acts: { specHash: 'hash', suspended: { sinceMs: 1 } } },
      true,
    ],
    ['nobody said so', {}, false],
    ['its manifest is gone', { surroundings: {} }, false],
  ])('it is suspended: %s', (_name, input, suspended) => {
    expect(factsIn(input).suspended).toBe(suspended);
  });
});

describe('where its manifest stands', () => {
  const positioned = (file: string, desired: object): AgentFacts => {
    const world = aReadableWorld(twin());
    const before = world.desired();
    const objects = new Map(
      [...before.objects].map(([key, one]) => [key, { ...one, position: { file, line: 7, column: 3 } }]),
    );
    const state = { ...before, objects, ...desired };
    return factsIn({ world: { ...world, desired: () => state } });
  };

  test.each([
    [
      'below the directory',
      '/etc/agents/sub/twin.yaml',
      { origin: '/etc/agents' },
      { file: 'sub/twin.yaml', line: 7 },
    ],
    [
      'beside it',
      '/etc/agents-old/twin.yaml',
      { origin: '/etc/agents' },
      { file: '/etc/agents-old/twin.yaml', line: 7 },
    ],
    [
      'in a commit',
      'twin.yaml',
      { origin: 'git@host:x.git', commit: 'abc' },
      { file: 'twin.yaml', line: 7, commit: 'abc' },
    ],
  ])('%s', (_name, file, desired, origin) => {
    expect(positioned(file, desired).origin).toStrictEqual(origin);
  });
});

describe('what waits for a sync window', () => {
  const held: HeldChanges = {
    open: false,
    message: 'closed',
    waiting: [],
    adopted: [keyString(record.key)],
  };
  const surroundings = { ...twin({ replicas: 5 }), desired: { held } };
  const two = { a: NEW_REPLICA, b: NEW_REPLICA };

  test.each<[name: string, input: Seen, replicas: number]>([
    ['as many replicas as there were', { surroundings, record: { ...record, replicas: two } }, 2],
    ['one, where none was known', { surroundings, record: undefined }, 1],
    [
      'those of its manifest, if it is not of those',
      { surroundings: { ...surroundings, desired: { held: { ...held, adopted: [] } } } },
      5,
    ],
    ['those of its manifest, if nothing is held', { surroundings: twin({ replicas: 5 }) }, 5],
  ])('runs with %s', (_name, input, replicas) => {
    expect(factsIn(input).spec?.replicas).toBe(replicas);
  });
});

describe('the change that it follows', () => {
  const files = `files-${desiredDigest(aReadableWorld({}).installation(), aReadableWorld(twin()).desired().objects)}`;

  test.each<[name: string, input: Seen, change: string | undefined]>([
    [
      'is that of the files, when it asks for something new',
      { resolved: { ...wishFor(B), missing: [] } },
      files,
    ],
    ['is the one that it followed, at rest', { record: { ...record, change: 'files-1' } }, 'files-1'],
    ['is none, where it followed none', {}, undefined],
    ['is none, where nothing was recorded', { record: undefined }, undefined],
    [
      'is nobody else’s, when a person took it back',
      { resolved: { ...wishFor(B), missing: [] }, acts: { specHash: 'hash', undoToRevision: A.id } },
      undefined,
    ],
  ])('%s', (_name, input, change) => {
    expect(factsIn(input).change).toBe(change);
  });
});

describe('a dependency that is down', () => {
  const dependsOn = [{ name: 'first' }, { name: 'started', condition: 'Started' }, { name: 'second' }];
  const agent = (name: string) => without(fellow(name, 'Degraded'), 'unit');
  const down = (name: string) => ({ record: agent(name), ready: false });

  test.each<[name: string, peers: readonly PeerFacts[], down: string | undefined]>([
    ['is the first of them', [down('first'), down('second')], 'first'],
    ['is whichever it is', [{ record: agent('first') }, down('second')], 'second'],
    ['is none that only had to be started', [down('started')], undefined],
    ['is none that is ready', [{ record: agent('first') }], undefined],
    [
      'is none that never served',
      [{ ...down('first'), record: without(agent('first'), 'currentRevision') }],
      undefined,
    ],
    ['is none that was not seen yet', [], undefined],
  ])('%s', (_name, peers, expected) => {
    expect(factsIn({ surroundings: twin({ dependsOn }), peers: peersOf(...peers) }).dependencyDown).toBe(
      expected,
    );
  });
});
