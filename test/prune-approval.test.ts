import { expect, test } from 'vitest';
import { type KeyString, parseKey } from '../src/api/key.ts';
import type { Manifest } from '../src/api/kinds.ts';
import { createDesiredKeeper } from '../src/manager/desired-keeper.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const keyOf = (name: string): KeyString => `ConfigMap/default/${name}`;

const object = (name: string): DesiredObject => ({
  key: parseKey(keyOf(name)),
  manifest: { kind: 'ConfigMap', data: {} } as unknown as Manifest,
  position: { file: `${name}.yaml`, line: 1, column: 1 },
  specHash: name,
  inputs: { paths: {}, digests: {}, baseImages: [] },
});

/** A directory of manifests, what was made of it, and what a person agreed to. */
function site({ mustAskBeforePruning = false, pruned = new Set<KeyString>() } = {}) {
  const clock = createSimulatedClock();
  const host = {
    manifests: NAMES,
    made: new Set<KeyString>(NAMES.map(keyOf)),
    approved: new Set<KeyString>(),
  };
  const decisions: { pruned: KeyString[]; before: KeyString[] }[] = [];
  const keeper = createDesiredKeeper(
    {
      read: () =>
        Promise.resolve({
          objects: new Map(host.manifests.map((name) => [keyOf(name), object(name)])),
          problems: [],
          complete: true,
          origin: 'manifests',
          takenAtMs: clock.now(),
        }),
      inventory: () => [...host.made],
      approved: () => host.approved,
      onApprove: (keys) => Promise.resolve(keys.forEach((key) => host.approved.add(key))),
      onApprovalEnd: (keys) => Promise.resolve(keys.forEach((key) => host.approved.delete(key))),
      onDecision: ({ pruned: decided }) =>
        Promise.resolve(void decisions.push({ pruned: [...decided], before: [...keeper.current().pruned] })),
      clock,
      absenceMs: 10_000,
      mustAskBeforePruning: () => mustAskBeforePruning,
      window: () => ({ open: true }),
      wasApplied: () => false,
      wasFound: () => false,
      onChange: () => undefined,
    },
    { lastGood: new Map(NAMES.map((name) => [keyOf(name), object(name)])), pruned },
  );
  const gone = async (): Promise<void> => {
    host.manifests = [];
    await keeper.refresh();
    await clock.advance(10_000);
    await keeper.refresh();
  };
  return { host, keeper, clock, gone, decisions };
}

test('agreeing to a prune is not agreeing to the next one', async () => {
  const { host, keeper, gone } = site();
  await keeper.refresh();
  await gone();
  expect(keeper.current().pruned.size).toBe(0);
  await keeper.refresh({ approvePrune: true });
  await keeper.refresh();
  expect(keeper.current().pruned.size).toBe(5);

  host.manifests = NAMES;
  await keeper.refresh();
  expect(host.approved.size).toBe(0);
  await gone();
  expect(keeper.current().pruned.size).toBe(0);
  expect(keeper.current().pruneBlocked).toContain('there is no manifest left');
  keeper.close();
});

test('consent is forgotten with what it was given for', async () => {
  const { host, keeper, gone } = site();
  await keeper.refresh();
  await gone();
  await keeper.refresh({ approvePrune: true });
  host.made.delete(keyOf('a'));
  await keeper.refresh();
  expect([...host.approved].sort()).toEqual(NAMES.slice(1).map(keyOf));
  keeper.close();
});

test('consent that is given before the absence is confirmed waits for it', async () => {
  const { host, keeper, clock } = site();
  await keeper.refresh();
  host.manifests = [];
  await keeper.refresh({ approvePrune: true });
  expect(keeper.current().pruned.size).toBe(0);
  await clock.advance(10_000);
  await keeper.refresh();
  expect(keeper.current().pruned.size).toBe(5);
  keeper.close();
});

test('after a lost state even one removal is asked about, and what is held stays desired', async () => {
  const { host, keeper, clock } = site({ mustAskBeforePruning: true });
  await keeper.refresh();
  host.manifests = NAMES.slice(1);
  await keeper.refresh();
  await clock.advance(10_000);
  await keeper.refresh();
  expect(keeper.current().pruneBlocked).toContain('the state directory was lost or damaged');
  expect(keeper.current().objects.size).toBe(NAMES.length);
  await keeper.refresh({ approvePrune: true });
  expect(keeper.current().pruned.size).toBe(1);
});

test('one may agree to some of it by name, and is asked about the rest', async () => {
  const { host, keeper, gone } = site();
  await keeper.refresh();
  await gone();
  expect(keeper.current().awaitsConsent).toEqual(NAMES.map(keyOf));
  await keeper.refresh({ approve: [keyOf('a'), keyOf('b')] });
  expect([...keeper.current().pruned].sort()).toEqual([keyOf('a'), keyOf('b')]);
  expect(keeper.current().awaitsConsent).toEqual(['c', 'd', 'e'].map(keyOf));
  expect([...host.approved].sort()).toEqual([keyOf('a'), keyOf('b')]);
  keeper.close();
});

test('agreeing to what is there is agreeing to nothing', async () => {
  const { host, keeper } = site();
  await keeper.refresh();
  await keeper.refresh({ approve: [keyOf('a')] });
  expect(host.approved.size).toBe(0);
  expect(keeper.current().pruned.size).toBe(0);
  keeper.close();
});

test('a removal that began in a former life needs neither another wait nor another consent', async () => {
  const { host, keeper } = site({ pruned: new Set(NAMES.map(keyOf)) });
  host.manifests = [];
  await keeper.refresh();
  expect(keeper.current().pruned.size).toBe(5);
  expect(keeper.current().objects.size).toBe(0);
  expect(keeper.current().pruneBlocked).toBeUndefined();
  keeper.close();
});

test('what is removed is told before anybody acts on it', async () => {
  const { host, keeper, decisions, clock } = site();
  await keeper.refresh();
  host.manifests = NAMES.slice(1);
  await keeper.refresh();
  await clock.advance(10_000);
  expect(decisions.at(-1)).toEqual({ pruned: [keyOf('a')], before: [] });
  keeper.close();
});
