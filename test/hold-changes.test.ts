import { describe, expect, test } from 'vitest';
import { agentKey, type KeyString, keyString, parseKey } from '../src/api/key.ts';
import { kinds, type Manifest } from '../src/api/kinds.ts';
import type { Secret } from '../src/api/resources.ts';
import { type DesiredObject, type DesiredState, EMPTY_DESIRED } from '../src/state/desired.ts';
import { desiredDigest } from '../src/state/desired-digest.ts';
import { formatProblem } from '../src/state/format-problem.ts';
import { holdChanges, meaningOf } from '../src/state/hold-changes.ts';
import { secretName } from '../src/state/names.ts';
import { secretNames, secretTexts, secretValue } from '../src/state/secret-values.ts';

const keyOf = (name: string): KeyString => `ConfigMap/default/${name}`;
const position = { file: 'x.yaml', line: 1, column: 1 };

const object = (name: string, version = 1, inputs: Partial<DesiredObject['inputs']> = {}): DesiredObject => ({
  key: parseKey(keyOf(name)),
  manifest: { kind: 'ConfigMap', data: { version: String(version) } } as unknown as Manifest,
  position,
  specHash: `${name}@${version}`,
  inputs: { paths: {}, digests: {}, baseImages: [], ...inputs },
});

const stateOf = (objects: readonly DesiredObject[], change: Partial<DesiredState> = {}): DesiredState => ({
  ...EMPTY_DESIRED,
  objects: new Map(objects.map((item) => [keyString(item.key), item])),
  ...change,
});

const window = { open: false, untilMs: 9, message: 'closed until nine' } as const;
const hold = (
  previous: DesiredState,
  next: DesiredState,
  applied: readonly string[] = [],
  found: readonly KeyString[] = [],
) =>
  holdChanges({
    previous,
    next,
    window,
    wasApplied: ({ key }) => applied.includes(key.name),
    wasFound: (key) => found.includes(key),
  });

describe('outside of a sync window', () => {
  test('what differs waits, and is told in order; what was desired stays', () => {
    const held = hold(
      stateOf([object('b'), object('a')]),
      stateOf([object('c'), object('b', 2), object('a')]),
    );
    expect([...held.objects.values()].map(({ specHash }) => specHash)).toEqual(['a@1', 'b@1']);
    expect(held.held).toEqual({ ...window, waiting: [keyOf('b'), keyOf('c')], adopted: [] });
  });

  test('what means the same is taken anew, at its new place', () => {
    const moved = { ...object('a'), position: { ...position, file: 'y.yaml' } };
    const held = hold(stateOf([object('a')]), stateOf([moved]));
    expect(held.objects.get(keyOf('a'))).toBe(moved);
    expect('held' in held).toBe(false);
  });

  test('what was applied before this process began is followed', () => {
    const held = hold(stateOf([]), stateOf([object('b'), object('a')]), ['a']);
    expect([...held.objects.keys()]).toEqual([keyOf('a')]);
    expect(held.held?.waiting).toEqual([keyOf('b')]);
  });

  test('an agent that was found running is there, waits, and has what it is started with; others are not', () => {
    const agents = ['x', 'y'].map(
      (name): DesiredObject => ({ ...object(name), key: agentKey('default', name) }),
    );
    const next = stateOf([object('a'), ...agents]);
    const [x, y] = agents.map(({ key }) => keyString(key)) as [KeyString, KeyString];
    for (const previous of [stateOf([]), hold(stateOf([]), next, [], [x])]) {
      const held = hold(previous, next, [], [x]);
      expect([...held.objects.keys()]).toEqual([x, keyOf('a')]);
      expect(held.held).toEqual({ ...window, waiting: [x, y], adopted: [x] });
    }
    expect([...hold(stateOf([]), next).objects.keys()]).toEqual([]);
  });

  test('it is in the order of its keys, however it came', () => {
    const held = hold(
      stateOf(['e', 'a', 'd'].map((name) => object(name))),
      stateOf([object('b'), object('c')]),
      ['b', 'c'],
    );
    expect([...held.objects.keys()]).toEqual(['a', 'b', 'c', 'd', 'e'].map(keyOf));
  });

  test('a removal that began goes on, another one waits', () => {
    const before = stateOf([object('a'), object('b')], { pruned: new Set([keyOf('a'), keyOf('z')]) });
    const held = hold(before, stateOf([], { pruned: new Set([keyOf('a'), keyOf('b')]) }));
    expect(held.pruned).toEqual(new Set([keyOf('a')]));
    expect(held.held?.waiting).toEqual([keyOf('b')]);
  });

  test.each<[string, DesiredState, DesiredState, string | undefined]>([
    [
      'the commit that waits is not told as applied',
      stateOf([object('a')], { commit: 'one' }),
      stateOf([object('a', 2)], { commit: 'two' }),
      'one',
    ],
    [
      'one that changes nothing is',
      stateOf([object('a')], { commit: 'one' }),
      stateOf([object('a')], { commit: 'two' }),
      'two',
    ],
    ['a directory has none', stateOf([object('a')]), stateOf([object('a', 2)]), undefined],
  ])('%s', (_, previous, next, commit) => {
    const held = hold(previous, next);
    expect(held.commit).toBe(commit);
    expect('commit' in held).toBe(commit !== undefined);
  });

  test('a frozen world is none of its business', () => {
    const frozen = stateOf([object('b')], { frozen: 'the root is gone' });
    expect(hold(stateOf([object('a')]), frozen)).toBe(frozen);
  });
});

describe('what an object means', () => {
  test.each<[string, DesiredObject, boolean]>([
    [
      'wherever it lies',
      { ...object('a', 1, { paths: { x: '/elsewhere' } }), position: { ...position, line: 9 } },
      true,
    ],
    ['is what it asks for', object('a', 2), false],
    ['and the contents of what it points at', object('a', 1, { digests: { x: 'd' } }), false],
    ['and what it builds on', object('a', 1, { baseImages: ['base'] }), false],
  ])('%s', (_, other, isSame) => {
    const one = object('a');
    expect(meaningOf(one) === meaningOf(other)).toBe(isSame);
    expect(meaningOf(one)).toBe(meaningOf(one));
    expect(meaningOf(one)).toMatch(/^[0-9a-f]{64}$/);
  });
});

const us = { id: '0123456789abcdef', hmacKey: Buffer.from('key') };

describe('one digest of all that is desired', () => {
  const digest = (...objects: DesiredObject[]) => desiredDigest(us, stateOf(objects).objects);

  test('is the same in any order, and wherever it lies', () => {
    const one = digest(object('a'), object('b'));
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(digest({ ...object('b'), position: { ...position, line: 7 } }, object('a'))).toBe(one);
    const { objects } = stateOf([object('a'), object('b')]);
    expect([desiredDigest(us, objects), desiredDigest(us, objects)]).toEqual([one, one]);
  });

  test('is another one of anything else, and with another key', () => {
    const all = [
      digest(object('a'), object('b')),
      digest(object('a')),
      digest(object('a', 2), object('b')),
      digest(object('c'), object('b')),
      digest(object('a', 1, { digests: { x: 'd' } }), object('b')),
      digest(),
      desiredDigest({ ...us, hmacKey: Buffer.from('other') }, stateOf([object('a'), object('b')]).objects),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

test('the values of secrets are found by the names that Podman has for them', () => {
  const manifest = kinds.Secret.schema.parse({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'login', namespace: 'default' },
    stringData: { user: 'me', password: 'canary' },
  }) as Secret;
  const secret = { ...object('x'), key: { kind: 'Secret', namespace: 'default', name: 'login' }, manifest };
  const desired = stateOf([object('a'), secret]);
  const named = secretNames(us, secret);
  expect(named).toEqual({
    user: secretName(us, secret.key, 'user', Buffer.from('me')),
    password: secretName(us, secret.key, 'password', Buffer.from('canary')),
  });
  expect(Buffer.from(secretValue(desired, us, named.password ?? '') ?? []).toString()).toBe('canary');
  expect(secretValue(desired, us, 'rookery-01234567-0000000000000000')).toBeUndefined();
  expect(secretTexts(desired)).toEqual(['me', 'canary']);
});

test.each([
  ['what', {}, 'x.yaml:1:1: is wrong'],
  ['what was meant', { suggestion: 'image' }, 'x.yaml:1:1: is wrong (did you mean "image"?)'],
  ['the line itself', { snippet: 'a: b\n   ^' }, 'x.yaml:1:1: is wrong\n    a: b\n       ^'],
])('a problem says where, and %s', (_, change, text) => {
  expect(formatProblem({ reason: 'InvalidManifest', message: 'is wrong', position, ...change })).toBe(text);
});
