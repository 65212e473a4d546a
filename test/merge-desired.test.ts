import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type KeyString, parseKey } from '../src/api/key.ts';
import type { Manifest } from '../src/api/kinds.ts';
import {
  type DesiredObject,
  type DesiredState,
  EMPTY_DESIRED,
  type ManifestProblem,
  type Snapshot,
} from '../src/state/desired.ts';
import { DIRECTORY_ABSENCE_MS, type MergeInput, mergeDesired } from '../src/state/merge-desired.ts';

const keyOf = (name: string): KeyString => `ConfigMap/default/${name}`;

const object = (name: string, version = 1, file = `${name}.yaml`): DesiredObject => ({
  key: parseKey(keyOf(name)),
  manifest: { kind: 'ConfigMap', data: { version: String(version) } } as unknown as Manifest,
  position: { file, line: 1, column: 1 },
  specHash: `${name}@${version}`,
  inputs: { paths: {}, digests: {}, baseImages: [] },
});

const problem = (name: string | undefined, file = `${name}.yaml`): ManifestProblem => ({
  reason: 'InvalidManifest',
  message: 'is wrong',
  position: { file, line: 1, column: 1 },
  ...(name !== undefined && { key: parseKey(keyOf(name)) }),
});

const snapshotOf = (objects: readonly DesiredObject[], more: Partial<Snapshot> = {}): Snapshot => ({
  objects: new Map(objects.map((item) => [keyOf(item.key.name), item])),
  problems: [],
  complete: true,
  origin: 'manifests',
  takenAtMs: 0,
  ...more,
});

interface Step extends Partial<Omit<MergeInput, 'previous' | 'absentSinceMs'>> {
  readonly snapshot: Snapshot;
}

/** Merges one snapshot after the other, as a running controller does; the inventory is all that ever was. */
function merge(steps: readonly Step[]) {
  let desired: DesiredState = EMPTY_DESIRED;
  let absentSinceMs: ReadonlyMap<KeyString, number> = new Map();
  const inventory = new Set<KeyString>();
  for (const step of steps) {
    const defaults = { inventory: [...inventory], approvedPrunes: new Set<KeyString>(), nowMs: 0 };
    const input = { ...defaults, absenceMs: DIRECTORY_ABSENCE_MS, ...step, previous: desired, absentSinceMs };
    ({ desired, absentSinceMs } = mergeDesired(input));
    for (const key of desired.objects.keys()) inventory.add(key);
  }
  return desired;
}

test('what an unreadable file replaces does not take its place', () => {
  const replaced = { ...object('a', 2), position: { file: 'hosts/a.yaml', line: 1, column: 1 } };
  const below = { ...object('a', 1), position: { file: 'base/a.yaml', line: 1, column: 1 } };
  const broken = { problems: [problem(undefined, 'hosts/a.yaml')], complete: false };
  const desired = merge([{ snapshot: snapshotOf([replaced]) }, { snapshot: snapshotOf([below], broken) }]);
  expect(hashes(desired)).toEqual(['a@2']);
  expect([...desired.stalled.keys()]).toEqual([keyOf('a')]);
});

const hashes = (desired: DesiredState) => [...desired.objects.values()].map(({ specHash }) => specHash);
const letters = (count: number) => 'abcdefghijklmnopqrstuvwxyz'.slice(0, count).split('');

describe('the last known good spec', () => {
  test('of an invalid object stays, and says why; the others go on', () => {
    const first = snapshotOf([object('a'), object('b')]);
    const second = snapshotOf([object('b', 2)], { problems: [problem('a')] });
    const desired = merge([
      { snapshot: first },
      { snapshot: second, nowMs: 60_000 },
      { snapshot: second, nowMs: 90_000 },
    ]);
    expect(hashes(desired)).toEqual(['a@1', 'b@2']);
    expect([...desired.stalled.keys()]).toEqual([keyOf('a')]);
    expect(desired.pruned.size).toBe(0);
    expect(
      hashes(
        merge([
          { snapshot: first },
          { snapshot: second },
          { snapshot: snapshotOf([object('a', 3), object('b')]) },
        ]),
      ),
    ).toEqual(['a@3', 'b@1']);
  });

  test('of everything in a file that stopped parsing stays', () => {
    const first = snapshotOf([object('a', 1, 'f.yaml'), object('b', 1, 'f.yaml'), object('c')]);
    const broken = snapshotOf([object('c', 2)], {
      problems: [problem(undefined, 'f.yaml')],
      complete: false,
    });
    const desired = merge([
      { snapshot: first },
      { snapshot: broken, nowMs: 1e6 },
      { snapshot: broken, nowMs: 2e6 },
    ]);
    expect(hashes(desired)).toEqual(['a@1', 'b@1', 'c@2']);
    expect([...desired.stalled.keys()]).toEqual([keyOf('a'), keyOf('b')]);
  });

  test('of an object that was renamed in a document which is wrong stays', () => {
    const first = snapshotOf([object('old', 1, 'f.yaml'), object('b')]);
    const renamed = snapshotOf([object('b')], { problems: [problem('new', 'f.yaml')] });
    const desired = merge([{ snapshot: first }, { snapshot: renamed }, { snapshot: renamed, nowMs: 60_000 }]);
    expect(hashes(desired)).toEqual(['b@1', 'old@1']);
    expect([...desired.stalled.keys()]).toEqual([keyOf('new'), keyOf('old')]);
  });

  test('is not that of what was moved away from another file, or of another kind, that is wrong', () => {
    const first = snapshotOf([object('a', 1, 'a.yaml'), object('b', 1, 'b.yaml')]);
    const broken = { ...problem('c', 'b.yaml'), key: parseKey('Secret/default/c') };
    const desired = merge([
      { snapshot: first },
      { snapshot: snapshotOf([], { problems: [broken, problem(undefined, 'z.yaml')] }) },
    ]);
    expect([...desired.stalled.keys()]).toEqual(['Secret/default/c']);
  });

  test('is not that of an object whose neighbour, known before, is wrong now', () => {
    const first = snapshotOf([object('a', 1, 'f.yaml'), object('b', 1, 'f.yaml')]);
    const desired = merge([
      { snapshot: first },
      { snapshot: snapshotOf([], { problems: [problem('b', 'f.yaml')] }) },
    ]);
    expect([...desired.stalled.keys()]).toEqual([keyOf('b')]);
  });

  test('stays for what took its place from another file only while nobody can tell which it is', () => {
    const first = snapshotOf([object('a', 1, 'f.yaml')]);
    const moved = object('a', 2, 'g.yaml');
    const after = (...problems: ManifestProblem[]) =>
      hashes(merge([{ snapshot: first }, { snapshot: snapshotOf([moved], { problems }) }]));
    expect(after(problem(undefined, 'f.yaml'))).toEqual(['a@1']);
    expect(after(problem(undefined, 'z.yaml'))).toEqual(['a@2']);
    expect(after(problem('b', 'f.yaml'))).toEqual(['a@2']);
  });

  test('is not needed by what is there in the file where it was', () => {
    const first = snapshotOf([object('a', 1, 'f.yaml')]);
    const next = snapshotOf([object('a', 2, 'f.yaml')], { problems: [problem(undefined, 'f.yaml')] });
    expect(hashes(merge([{ snapshot: first }, { snapshot: next }]))).toEqual(['a@2']);
  });

  test('an object that never was good is told of, and not there', () => {
    const desired = merge([{ snapshot: snapshotOf([], { problems: [problem('a')] }) }]);
    expect(hashes(desired)).toEqual([]);
    expect(desired.stalled.get(keyOf('a'))?.message).toBe('is wrong');
  });
});

describe('the commit', () => {
  test.each<[string, Step[], string | undefined]>([
    ['is that of the snapshot', [{ snapshot: snapshotOf([], { commit: 'one' }) }], 'one'],
    ['is none where the source knows none', [{ snapshot: snapshotOf([]) }], undefined],
    [
      'is the last one that was read',
      [
        { snapshot: snapshotOf([], { commit: 'one' }) },
        { snapshot: snapshotOf([], { complete: false, rootError: 'it is gone' }) },
      ],
      'one',
    ],
    [
      'was never read',
      [{ snapshot: snapshotOf([], { complete: false, rootError: 'it is gone' }) }],
      undefined,
    ],
  ])('%s', (_, steps, commit) => {
    const desired = merge(steps);
    expect(desired.commit).toBe(commit);
    expect('commit' in desired).toBe(commit !== undefined);
  });
});

describe('a root that cannot be read', () => {
  const lost = snapshotOf([], { complete: false, rootError: 'it is gone' });

  test('freezes the world, and the absence is counted anew when it is back', () => {
    const first = { snapshot: snapshotOf([object('a'), object('b')]) };
    const frozen = merge([first, { snapshot: lost, nowMs: 60_000, approvedPrunes: 'all' }]);
    expect(frozen).toMatchObject({ frozen: 'it is gone', pruned: new Set() });
    expect(hashes(frozen)).toEqual(['a@1', 'b@1']);
    const gone = snapshotOf([object('a')]);
    const steps = [
      first,
      { snapshot: gone, nowMs: 1_000 },
      { snapshot: lost, nowMs: 15_000 },
      { snapshot: gone, nowMs: 20_000 },
    ];
    expect(merge(steps)).toMatchObject({ pruned: new Set(), recheckAtMs: 30_000 });
    expect(merge(steps).frozen).toBeUndefined();
  });
});

describe('an absence', () => {
  const first = { snapshot: snapshotOf(letters(8).map((name) => object(name))) };
  const gone = snapshotOf(letters(7).map((name) => object(name)));

  test('counts from the second scan that is 10 s later', () => {
    expect(merge([first, { snapshot: gone, nowMs: 1_000 }])).toMatchObject({
      pruned: new Set(),
      recheckAtMs: 11_000,
    });
    const early = merge([first, { snapshot: gone, nowMs: 1_000 }, { snapshot: gone, nowMs: 10_999 }]);
    expect(early).toMatchObject({ pruned: new Set(), recheckAtMs: 11_000 });
    expect(early.objects.has(keyOf('h'))).toBe(true);
    const due = merge([first, { snapshot: gone, nowMs: 1_000 }, { snapshot: gone, nowMs: 11_000 }]);
    expect(due.pruned).toEqual(new Set([keyOf('h')]));
    expect(due.objects.has(keyOf('h'))).toBe(false);
    expect(due.recheckAtMs).toBeUndefined();
  });

  test('that was interrupted starts again', () => {
    const steps = [
      first,
      { snapshot: gone, nowMs: 1_000 },
      { ...first, nowMs: 5_000 },
      { snapshot: gone, nowMs: 12_000 },
    ];
    expect(merge(steps)).toMatchObject({ pruned: new Set(), recheckAtMs: 22_000 });
  });

  test('is looked at again when the first of several is due', () => {
    const desired = merge([
      { snapshot: snapshotOf([object('a'), object('b'), object('c')]) },
      { snapshot: snapshotOf([object('b'), object('c')]), nowMs: 1_000 },
      { snapshot: snapshotOf([object('c')]), nowMs: 3_000 },
    ]);
    expect(desired.recheckAtMs).toBe(1_000 + DIRECTORY_ABSENCE_MS);
    expect('recheckAtMs' in merge([{ snapshot: snapshotOf([object('a')]) }])).toBe(false);
  });

  test('in a commit counts at once', () => {
    expect(merge([first, { snapshot: gone, absenceMs: 0 }]).pruned).toEqual(new Set([keyOf('h')]));
  });

  test('of an object from before a restart is told by the inventory', () => {
    const inventory = letters(8).map(keyOf);
    const steps = [
      { snapshot: gone, inventory, nowMs: 1 },
      { snapshot: gone, inventory, nowMs: 20_000 },
    ];
    expect(merge(steps).pruned).toEqual(new Set([keyOf('h')]));
  });
});

describe('much at once needs consent', () => {
  const first = { snapshot: snapshotOf(letters(20).map((name) => object(name))) };
  const left = (count: number, more: Partial<Step> = {}): Step => ({
    snapshot: snapshotOf(letters(count).map((name) => object(name))),
    absenceMs: 0,
    ...more,
  });

  test.each([
    [14, 6, undefined],
    [13, 0, '7 of 20 objects are gone from manifests, and more than 6 at once need consent'],
    [0, 0, 'there is no manifest left in manifests'],
  ])('%i of 20 left: %i pruned', (count, pruned, blocked) => {
    const desired = merge([first, left(count)]);
    expect(desired.pruned.size).toBe(pruned);
    if (blocked === undefined) expect(desired.pruneBlocked).toBeUndefined();
    else expect(desired.pruneBlocked).toContain(blocked);
    expect(desired.objects.size).toBe(20 - pruned);
  });

  test('and the refusal names what it is about and what to do', () => {
    const text = merge([first, left(13)]).pruneBlocked;
    expect(text).toContain('ConfigMap default/n, ConfigMap default/o');
    expect(text).toContain(
      'and 2 more is removed. Put the manifests back, or agree: rookery prune approve, or rookery apply --approve-prune',
    );
  });

  test('three always go, be the inventory ever so small', () => {
    const small = { snapshot: snapshotOf(letters(4).map((name) => object(name))) };
    expect(merge([small, left(1)]).pruned.size).toBe(3);
    expect(merge([small, left(0)]).pruned.size).toBe(0);
  });

  test('consent for all, or for some', () => {
    expect(merge([first, left(0, { approvedPrunes: 'all' })]).pruned.size).toBe(20);
    const some = merge([first, left(0, { approvedPrunes: new Set(letters(2).map(keyOf)) })]);
    expect(some.pruned).toEqual(new Set(letters(2).map(keyOf)));
    expect(some.pruneBlocked).toBeDefined();
    expect(some.awaitsConsent).toEqual(letters(20).slice(2).map(keyOf));
  });

  test('the source itself may agree to some', () => {
    const approvedPrunes = new Set(letters(18).map(keyOf));
    const { pruned, pruneBlocked } = merge([
      first,
      { snapshot: snapshotOf([object('t')], { approvedPrunes }), absenceMs: 0 },
    ]);
    expect(pruned.size).toBe(19);
    expect(pruneBlocked).toBeUndefined();
  });

  test('consent lasts until what it was given for is gone, and for nothing more', () => {
    const inventory = letters(20).map(keyOf);
    const approved = left(10, { approvedPrunes: 'all', inventory });
    expect(merge([first, approved, left(10, { inventory })]).pruned.size).toBe(10);
    const further = merge([first, approved, left(9, { inventory })]);
    expect(further.pruned.size).toBe(10);
    expect(further.pruneBlocked).toContain('ConfigMap default/j is removed');
  });

  test('nothing twice three at a time while the first are still going', () => {
    const inventory = letters(20).map(keyOf);
    const desired = merge([first, left(15, { inventory }), left(12, { inventory })]);
    expect(desired.pruned.size).toBe(5);
    expect(desired.pruneBlocked).toContain('8 of 20');
  });
});

const name = fc.constantFrom(...letters(12));
const step = fc.record({
  present: fc.uniqueArray(fc.record({ name, version: fc.integer({ min: 1, max: 3 }) }), {
    selector: (item) => item.name,
  }),
  wrong: fc.uniqueArray(name, { maxLength: 2 }),
  complete: fc.boolean(),
  lost: fc.boolean(),
  waitMs: fc.integer({ min: 0, max: 30_000 }),
  approveAll: fc.boolean(),
});
type StepValue = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Runs the steps and hands each merge with its input to `check`. */
function simulate(
  steps: readonly StepValue[],
  check: (input: MergeInput, after: DesiredState) => void,
): void {
  let desired: DesiredState = EMPTY_DESIRED;
  let absentSinceMs: ReadonlyMap<KeyString, number> = new Map();
  let nowMs = 0;
  const inventory = new Set<KeyString>();
  for (const { present, wrong, complete, lost, waitMs, approveAll } of steps) {
    nowMs += waitMs;
    const good = present.filter((item) => !wrong.includes(item.name));
    const snapshot = snapshotOf(
      good.map((item) => object(item.name, item.version)),
      { problems: wrong.map((item) => problem(item)), complete, ...(lost && { rootError: 'lost' }) },
    );
    const input: MergeInput = {
      previous: desired,
      snapshot,
      inventory: [...inventory],
      approvedPrunes: approveAll ? 'all' : new Set(),
      nowMs,
      absentSinceMs,
      absenceMs: DIRECTORY_ABSENCE_MS,
    };
    ({ desired, absentSinceMs } = mergeDesired(input));
    check(input, desired);
    for (const key of desired.objects.keys()) inventory.add(key);
  }
}

const always = (check: (input: MergeInput, after: DesiredState) => void) =>
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => simulate(steps, check)),
    { numRuns: 300 },
  );

describe('always', () => {
  test('nothing is pruned from a snapshot that is incomplete or lost', () => {
    always(({ snapshot }, { pruned }) => {
      if (!snapshot.complete || snapshot.rootError !== undefined) expect(pruned.size).toBe(0);
    });
  });

  test('nothing that is in the source, good or bad, is pruned; what is pruned is not desired', () => {
    always(({ snapshot }, { pruned, objects, stalled }) => {
      for (const key of pruned) {
        expect(snapshot.objects.has(key) || stalled.has(key) || objects.has(key)).toBe(false);
      }
    });
  });

  test('what is desired goes only by being pruned, and what was read well is taken as it is', () => {
    always(({ previous, snapshot }, { objects, pruned }) => {
      for (const key of previous.objects.keys()) expect(objects.has(key) || pruned.has(key)).toBe(true);
      if (snapshot.rootError !== undefined) return;
      for (const [key, item] of snapshot.objects) expect(objects.get(key)).toBe(item);
    });
  });

  test('without consent no more than the free number is newly pruned', () => {
    always(({ approvedPrunes, previous, inventory }, { pruned }) => {
      if (approvedPrunes === 'all') return;
      const fresh = [...pruned].filter((key) => !previous.pruned.has(key));
      expect(fresh.length).toBeLessThanOrEqual(Math.max(3, Math.floor(inventory.length * 0.3)));
    });
  });

  test('the order of the files does not matter', () => {
    always((input) => {
      const { snapshot, inventory } = input;
      const turned = {
        ...input,
        inventory: inventory.toReversed(),
        snapshot: { ...snapshot, objects: new Map([...snapshot.objects].toReversed()) },
      };
      expect(JSON.stringify(plain(mergeDesired(turned).desired))).toBe(
        JSON.stringify(plain(mergeDesired(input).desired)),
      );
    });
  });

  test('merging the same snapshot again changes nothing but what time brings', () => {
    always((input, after) => {
      const again = mergeDesired({
        ...input,
        previous: after,
        absentSinceMs: mergeDesired(input).absentSinceMs,
      });
      expect(hashes(again.desired)).toEqual(hashes(after));
    });
  });
});

const plain = ({ objects, stalled, pruned, ...rest }: DesiredState) => ({
  ...rest,
  objects: [...objects],
  stalled: [...stalled],
  pruned: [...pruned],
});
