import { describe, expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import { labels } from '../src/api/labels.ts';
import * as names from '../src/state/names.ts';

const us: names.Installation = { id: '0123456789abcdef', hmacKey: Buffer.from('key') };
const key = agentKey('ns', 'twin');
const secret = { kind: 'Secret', namespace: 'ns', name: 'login' };
const nameOf = (
  entry: string,
  value: string,
  change: { key?: typeof secret; by?: names.Installation } = {},
) => names.secretName(change.by ?? us, change.key ?? secret, entry, Buffer.from(value));

describe('names are a function of what they name', () => {
  test.each<[string, () => string, string]>([
    [
      'a container',
      () => names.containerName({ key, revision: 'aaaaaaaa', attempt: 2, ordinal: 1 }),
      'ns.twin-aaaaaaaa-2-1',
    ],
    ['a holder', () => names.holderName(key), 'ns.twin-holder'],
    ['a pod', () => names.podName('ns', 'core', 'aaaaaaaa'), 'ns.core-aaaaaaaa'],
    [
      'a built image',
      () => names.builtImageReference('a'.repeat(64)),
      `localhost/rookery/build:${'a'.repeat(16)}`,
    ],
    ['a kept image', () => names.keptImage(us, 'sha256-1'), 'localhost/rookery/kept-01234567:sha256-1'],
    // The first 16 digits of what sha256sum says of `a:1`.
    [
      'a pulled one',
      () => names.pulledImage(us, 'a:1'),
      'localhost/rookery/pulled-01234567:2b2c40a6706d9e5f',
    ],
  ])('%s', (_, nameOfIt, expected) => {
    expect(nameOfIt()).toBe(expected);
  });

  test('a secret is named by its key, its entry and its value, and by who names it', () => {
    const name = nameOf('password', 'x');
    expect(name).toMatch(/^rookery-01234567-[0-9a-f]{16}$/);
    expect(nameOf('password', 'x')).toBe(name);
    const others = [
      nameOf('password', 'y'),
      nameOf('user', 'x'),
      nameOf('password', 'x', { key: { ...secret, name: 'other' } }),
      nameOf('password', 'x', { key: { ...secret, namespace: 'other' } }),
      nameOf('password', 'x', { by: { ...us, hmacKey: Buffer.from('other') } }),
    ];
    expect(new Set([name, ...others]).size).toBe(6);
  });
});

test.each([
  ['ns.core-aaaaaaaa', true],
  ['ns.core-bbbbbbbb', true],
  ['ns.core-two-aaaaaaaa', false],
  ['other.core-aaaaaaaa', false],
  ['ns.core', false],
])('%s is a pod of the group core: %s', (pod, isOne) => {
  expect(names.isPodOf('ns', 'core', pod)).toBe(isOne);
  expect(names.areOfOneGroup('ns.core-cccccccc', pod)).toBe(isOne);
});

test.each([
  ['ns.twin-0123abcd-1-0', true],
  ['my-ns.my-twin-0123abcd-12-34', true],
  ['ns.twin-holder', true],
  ['my-ns.my-twin-holder', true],
  ['ns.twin', false],
  ['ns.twin-0123abcd', false],
  ['ns.twin-0123abcx-1-0', false],
  ['ns.twin-0123abc-1-0', false],
  ['ns.twin-0123abcd-1-0-infra', false],
  ['/ns.twin-0123abcd-1-0', false],
  ['twin-holder', false],
  ['ns.core-0123abcd', false],
])('%s is a name that we give to containers: %s', (name, isOne) => {
  expect(names.isContainerName(name)).toBe(isOne);
});

test.each([
  ['localhost/rookery/kept-01234567:1', true],
  ['localhost/rookery/kept-89abcdef:1', true],
  ['localhost/rookery/pulled-01234567:1', false],
  ['example/localhost/rookery/kept-', false],
])('%s only keeps an image: %s', (reference, isKept) => {
  expect(names.isKeptImage(reference)).toBe(isKept);
});

describe('what is ours says so', () => {
  const owner = {
    [labels.managedBy]: 'rookery',
    [labels.installation]: us.id,
    [labels.kind]: 'Agent',
    [labels.namespace]: 'ns',
    [labels.name]: 'twin',
  };

  test('in labels, by which it is found again', () => {
    expect(names.ownerLabels(us, key, 'u1')).toEqual({ ...owner, [labels.uid]: 'u1' });
    expect(names.ownerLabels({ ...us, home: 'h1' }, key, 'u1')).toEqual({
      ...owner,
      [labels.uid]: 'u1',
      [labels.home]: 'h1',
    });
    expect(names.ownFilter(us, key)).toEqual(owner);
    expect(names.ownFilter(us)).toEqual({
      [labels.managedBy]: 'rookery',
      [labels.installation]: us.id,
    });
  });

  test.each([
    ['all of them', {}, true],
    ['and others', { more: 'x', [labels.uid]: 'u2' }, true],
    ['but of another installation', { [labels.installation]: 'other' }, false],
    ['but of another agent', { [labels.name]: 'other' }, false],
    ['but of another kind', { [labels.kind]: 'Volume' }, false],
    ['but of another manager', { [labels.managedBy]: 'compose' }, false],
  ])('%s', (_, change: Record<string, string>, isOurs) => {
    expect(names.isOurs(us, key, { ...owner, ...change })).toBe(isOurs);
  });

  test('nothing without labels is', () => {
    expect(names.isOurs(us, key, {})).toBe(false);
  });
});
