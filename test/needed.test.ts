import { describe, expect, test } from 'vitest';
import { type KeyString, keyString, parseKey } from '../src/api/key.ts';
import { kinds, type Manifest } from '../src/api/kinds.ts';
import {
  type DesiredObject,
  EMPTY_DESIRED,
  type ManifestProblem,
  type Snapshot,
} from '../src/state/desired.ts';
import { withDefaultNetworks } from '../src/state/implicit.ts';
import {
  DIRECTORY_ABSENCE_MS,
  type Merged,
  type MergeInput,
  mergeDesired,
} from '../src/state/merge-desired.ts';
import { neededBy } from '../src/state/needed.ts';

const object = (kind: Manifest['kind'], name: string, spec: object = {}): DesiredObject => ({
  key: { kind, namespace: 'ns', name },
  manifest: kinds[kind].schema.parse({
    apiVersion: 'rookery.dev/v1alpha1',
    kind,
    metadata: { name, namespace: 'ns' },
    spec,
  }),
  position: { file: `${name}.yaml`, line: 1, column: 1 },
  specHash: JSON.stringify(spec),
  inputs: { paths: {}, digests: {}, baseImages: [] },
});
const image = 'localhost/web:1';
const net = object('Network', 'net');
const core = object('PodGroup', 'core', { networks: ['net'] });
const base = object('Agent', 'base', { image, networks: ['net'] });
const web = object('Agent', 'web', { image, podGroup: 'core', dependsOn: [{ name: 'base' }] });
const lone = object('Volume', 'lone');
const other = object('Agent', 'other', { image, hostNetwork: true });

const problem = ({ key, position }: DesiredObject): ManifestProblem => ({
  reason: 'UnknownReference',
  message: 'there is no PodGroup "core"',
  position,
  key,
});
const reading = (objects: readonly DesiredObject[], problems: readonly ManifestProblem[] = []): Snapshot =>
  withDefaultNetworks({
    objects: new Map(objects.map((one) => [keyString(one.key), one])),
    problems,
    complete: true,
    origin: 'manifests',
    takenAtMs: 0,
  });

/** Readings, each 10 s after the one before. */
function merged(readings: readonly Snapshot[], more: Partial<MergeInput> = {}): Merged['desired'] {
  let last: Merged = { desired: EMPTY_DESIRED, absentSinceMs: new Map() };
  readings.forEach((snapshot, index) => {
    last = mergeDesired({
      previous: last.desired,
      absentSinceMs: last.absentSinceMs,
      snapshot,
      inventory: [...last.desired.objects.keys(), ...last.desired.pruned],
      approvedPrunes: 'all',
      nowMs: index * DIRECTORY_ABSENCE_MS,
      absenceMs: DIRECTORY_ABSENCE_MS,
      ...more,
    });
  });
  return last.desired;
}
const names = (keys: Iterable<KeyString>): string[] => [...keys].map((key) => parseKey(key).name).sort();

describe('what is gone from the source while somebody needs it', () => {
  const all = [net, core, base, web, lone, other];

  test('stays with an agent that runs from its last good spec, and so does what that needs', () => {
    const half = reading([other], [problem(web)]);
    const desired = merged([reading(all), half, half]);
    expect(names(desired.pruned)).toEqual(['lone']);
    expect(names(desired.objects.keys())).toEqual(['base', 'core', 'net', 'other', 'web']);
    expect(desired.recheckAtMs).toBeUndefined();
  });

  test('goes with the agent, without another wait', () => {
    const half = reading([other], [problem(web)]);
    const without = reading([other]);
    const early = merged([reading(all), half, half, without]);
    expect([names(early.pruned), early.leaving?.map((key) => parseKey(key).name)]).toEqual([
      ['lone'],
      ['web'],
    ]);
    expect(names(merged([reading(all), half, half, without, without]).pruned)).toEqual([
      'base',
      'core',
      'lone',
      'net',
      'web',
    ]);
  });

  test('is not kept by an agent that no longer names it, in the commit that says so', () => {
    const moved = object('Agent', 'web', { image, networks: ['net'] });
    const desired = merged([reading(all), reading([net, base, moved, lone, other])], { absenceMs: 0 });
    expect(names(desired.pruned)).toEqual(['core']);
  });

  test('is the network also that a namespace has without anyone writing it down', () => {
    const plain = object('Agent', 'plain', { image });
    const broken = reading([], [problem(plain)]);
    const desired = merged([reading([plain]), broken, broken]);
    expect(names(desired.objects.keys())).toEqual(['default', 'plain']);
    const host = object('Agent', 'plain', { image, hostNetwork: true });
    const gone = merged([
      reading([host, lone]),
      reading([lone], [problem(host)]),
      reading([], [problem(host)]),
    ]);
    expect(names(gone.objects.keys())).toEqual(['lone', 'plain']);
  });
});

describe('what one that stays needs', () => {
  const known = (...objects: DesiredObject[]): Map<KeyString, DesiredObject> =>
    new Map(objects.map((one) => [keyString(one.key), one]));

  test('ends where two name each other', () => {
    const left = object('Agent', 'left', { image, hostNetwork: true, dependsOn: [{ name: 'right' }] });
    const right = object('Agent', 'right', { image, hostNetwork: true, dependsOn: [{ name: 'left' }] });
    expect(names(neededBy([left], known(left, right)))).toEqual(['left', 'right']);
  });

  test('is named also where nobody has it', () => {
    expect(names(neededBy([web], known()))).toEqual(['base', 'core']);
  });
});

test('a network of a namespace that somebody wrote down is that one', () => {
  const written = object('Network', 'default', { internal: true });
  const plain = object('Agent', 'plain', { image });
  expect(reading([written, plain]).objects.get(keyString(written.key))).toBe(written);
});
