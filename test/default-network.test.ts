import { expect, test } from 'vitest';
import { type Kind, kinds } from '../src/api/kinds.ts';
import { keyString } from '../src/api/key.ts';
import { type DesiredObject, membersOf, type Snapshot } from '../src/state/desired.ts';
import { withDefaultNetworks } from '../src/state/implicit.ts';

interface Written {
  readonly kind: Kind;
  readonly name: string;
  readonly namespace?: string;
  readonly spec?: object;
}

function object({ kind, name, namespace = 'ns', spec = {} }: Written): DesiredObject {
  const manifest = kinds[kind].schema.parse({
    apiVersion: 'rookery.dev/v1alpha1',
    kind,
    metadata: { name, namespace },
    spec: kind === 'Agent' ? { image: 'a:1', ...spec } : spec,
  });
  const inputs = { paths: {}, digests: {}, baseImages: [] };
  const position = { file: 'x.yaml', line: 7, column: 1 };
  return { key: { kind, namespace, name }, manifest, position, specHash: name, inputs };
}

const snapshotOf = (...written: Written[]): Snapshot => ({
  objects: new Map(written.map(object).map((one) => [keyString(one.key), one])),
  problems: [],
  complete: true,
  origin: 'manifests',
  takenAtMs: 0,
});

test.each<[string, Written[], string[]]>([
  ['nobody is there', [], []],
  ['an agent that names none', [{ kind: 'Agent', name: 'a' }], ['ns']],
  ['one that names it', [{ kind: 'Agent', name: 'a', spec: { networks: ['x', 'default'] } }], ['ns']],
  ['one that names another', [{ kind: 'Agent', name: 'a', spec: { networks: ['x'] } }], []],
  ['one on the network of the host', [{ kind: 'Agent', name: 'a', spec: { hostNetwork: true } }], []],
  ['one in a pod, which has its own', [{ kind: 'Agent', name: 'a', spec: { podGroup: 'g' } }], []],
  ['a pod group', [{ kind: 'PodGroup', name: 'g' }], ['ns']],
  [
    'a pod group on the network of the host',
    [{ kind: 'PodGroup', name: 'g', spec: { hostNetwork: true } }],
    [],
  ],
  ['a volume', [{ kind: 'Volume', name: 'v' }], []],
  [
    'several in two namespaces',
    [
      { kind: 'Agent', name: 'a' },
      { kind: 'Agent', name: 'b' },
      { kind: 'PodGroup', name: 'g', namespace: 'other' },
    ],
    ['ns', 'other'],
  ],
  [
    'it is written down',
    [
      { kind: 'Agent', name: 'a' },
      { kind: 'Network', name: 'default' },
      { kind: 'Agent', name: 'b', namespace: 'other' },
    ],
    ['other'],
  ],
])('a namespace has a network of its own where somebody is on it: %s', (_, written, expected) => {
  const before = snapshotOf(...written);
  const after = withDefaultNetworks(before);
  const added = [...after.objects].filter(([key]) => !before.objects.has(key));
  expect(added.map(([key]) => key)).toEqual(expected.map((namespace) => `Network/${namespace}/default`));
  for (const [key, { key: own, manifest, position }] of added) {
    expect(keyString(own)).toBe(key);
    expect(manifest.metadata).toMatchObject({ name: 'default', namespace: own.namespace });
    expect(manifest.kind).toBe('Network');
    expect(position).toEqual({ file: 'manifests', line: 1, column: 1 });
  }
  expect([...after.objects.keys()].slice(0, before.objects.size)).toEqual([...before.objects.keys()]);
  if (expected.length === 0) expect(after).toBe(before);
});

test('the members of a pod group are the agents of its namespace that name it', () => {
  const snapshot = snapshotOf(
    { kind: 'Agent', name: 'a', spec: { podGroup: 'g' } },
    { kind: 'Agent', name: 'b', spec: { podGroup: 'h' } },
    { kind: 'Agent', name: 'c' },
    { kind: 'Agent', name: 'd', namespace: 'other', spec: { podGroup: 'g' } },
    { kind: 'PodGroup', name: 'g' },
  );
  expect(membersOf(snapshot, 'ns', 'g').map(({ key }) => key.name)).toEqual(['a']);
});
