import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../src/manager/clock.ts';
import { debounce } from '../src/source/debounce.ts';
import { watchDirectory } from '../src/source/watch.ts';
import { createManifestTree, type ManifestTree } from './fakes/manifest-tree.ts';
import { createSimulatedClock, type SimulatedClock } from './fakes/simulated-clock.ts';

let tree: ManifestTree;
const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  tree = createManifestTree();
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  tree.dispose();
});

const DEADLINE = { timeout: 5_000, interval: 10 };

/** Watches with the real clock, and waits until it really watches: a change before that is nobody's promise. */
async function watchReally() {
  let changes = 0;
  const watch = watchDirectory({ directory: tree.manifests, clock: systemClock }, () => {
    changes += 1;
  });
  closers.push(() => watch.close());
  let attempt = 0;
  await vi.waitFor(
    () => {
      tree.write('manifests/probe.yaml', String((attempt += 1)));
      expect(changes).toBeGreaterThan(0);
    },
    { timeout: 5_000, interval: 400 },
  );
  const seenSince = async (change: () => void): Promise<void> => {
    const before = changes;
    change();
    await vi.waitFor(() => expect(changes).toBeGreaterThan(before), DEADLINE);
  };
  return { seenSince, changes: () => changes };
}

describe('a change of a file is told', () => {
  test('when one is written, changed, renamed, removed, or made in a new directory', async () => {
    const { seenSince } = await watchReally();
    await seenSince(() => tree.write('manifests/a.yaml', 'a'));
    await seenSince(() => tree.write('manifests/a.yaml', 'ab'));
    await seenSince(() => renameSync(tree.path('manifests/a.yaml'), tree.path('manifests/b.yaml')));
    await seenSince(() => tree.remove('manifests/b.yaml'));
    await seenSince(() => tree.write('manifests/new/c.yaml', 'c'));
  });

  test('when the directory itself was moved away and came back', async () => {
    const { seenSince } = await watchReally();
    const away = tree.path('away');
    await seenSince(() => renameSync(tree.manifests, away));
    await seenSince(() => renameSync(away, tree.manifests));
    await vi.waitFor(() => seenSince(() => tree.write('manifests/after.yaml', String(performance.now()))), {
      timeout: 10_000,
      interval: 400,
    });
  });

  test('when a link is swapped, as Kubernetes mounts config maps', async () => {
    tree.write('manifests/..v1/a.yaml', '1');
    tree.write('manifests/..v2/a.yaml', '2');
    symlinkSync('..v1', tree.path('manifests/..data'));
    symlinkSync('..data/a.yaml', tree.path('manifests/a.yaml'));
    const { seenSince } = await watchReally();
    await seenSince(() => {
      symlinkSync('..v2', tree.path('manifests/..new'));
      renameSync(tree.path('manifests/..new'), tree.path('manifests/..data'));
    });
  });
});

describe('time', () => {
  const watchSimulated = () => {
    const clock = createSimulatedClock();
    let changes = 0;
    const watch = watchDirectory({ directory: tree.manifests, clock }, () => {
      changes += 1;
    });
    closers.push(() => watch.close());
    return { clock, watch, changes: () => changes };
  };

  /** Until an event armed the debounce beside the rescan: from then on chokidar really watches. */
  const untilSeen = async (clock: SimulatedClock): Promise<void> => {
    let attempt = 0;
    const write = () => {
      tree.write('manifests/probe.yaml', String((attempt += 1)));
      expect(clock.pendingTimers).toBe(2);
    };
    await vi.waitFor(write, { timeout: 5_000, interval: 20 });
  };

  test('brings a rescan every 20 s, whatever is or is not seen', async () => {
    const { clock, changes } = watchSimulated();
    await clock.advance(19_999);
    expect(changes()).toBe(0);
    await clock.advance(1);
    expect(changes()).toBe(1);
    rmSync(tree.manifests, { recursive: true });
    await clock.advance(20_000);
    mkdirSync(tree.manifests);
    await clock.advance(20_000);
    expect(changes()).toBeGreaterThanOrEqual(3);
  });

  test('brings sight back after the directory was made anew', async () => {
    const { clock, changes } = watchSimulated();
    await untilSeen(clock);
    await clock.advance(300);
    const first = changes();
    rmSync(tree.manifests, { recursive: true });
    await vi.waitFor(async () => {
      await clock.advance(300);
      expect(changes()).toBeGreaterThan(first);
    }, DEADLINE);
    mkdirSync(tree.manifests);
    await clock.advance(20_000);
    // Fewer steps than the next rescan is away, and more often than echoes of the deletion come: it must see.
    for (const round of [1, 2, 3]) {
      const before = changes();
      let attempt = 0;
      const change = async () => {
        tree.write('manifests/a.yaml', `${round}.${(attempt += 1)}`);
        await clock.advance(300);
        expect(changes()).toBeGreaterThan(before);
      };
      await vi.waitFor(change, { timeout: 2_000, interval: 100 });
    }
  });

  test('brings one call for a burst of events', async () => {
    const clock = createSimulatedClock();
    let calls = 0;
    const { trigger } = debounce(clock, () => {
      calls += 1;
    });
    for (let index = 0; index < 5; index += 1) {
      trigger();
      await clock.advance(249);
    }
    expect(calls).toBe(0);
    await clock.advance(1);
    expect(calls).toBe(1);
    await clock.advance(10_000);
    expect(calls).toBe(1);
  });

  test('ends a burst that does not end by itself after 2 s', async () => {
    const clock = createSimulatedClock();
    const calledAfterMs: number[] = [];
    const startMs = clock.now();
    const { trigger } = debounce(clock, () => calledAfterMs.push(clock.now() - startMs));
    for (let index = 0; index < 45; index += 1) {
      trigger();
      await clock.advance(100);
    }
    expect(calledAfterMs).toEqual([2_000, 4_000]);
  });

  test('brings nothing after the end', async () => {
    const { clock, watch, changes } = watchSimulated();
    await watch.close();
    await clock.advance(60_000);
    expect(changes()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
