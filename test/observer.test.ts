import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, test } from 'vitest';
import type { ObjectKey } from '../src/api/key.ts';
import { createObserver, type Observer } from '../src/podman/observer.ts';
import type { Labels } from '../src/podman/podman.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import { ownerLabels } from '../src/state/names.ts';
import { createFakePodman, type FakePodman } from './fakes/fake-podman.ts';
import { createSimulatedClock, type SimulatedClock } from './fakes/simulated-clock.ts';
import { aTemplate } from './fakes/templates.ts';

const IMAGE = 'localhost/agent:1';
const installation = { id: 'here', hmacKey: new Uint8Array(32) };
const twin: ObjectKey = { kind: 'Agent', namespace: 'ai', name: 'twin' };
const other: ObjectKey = { kind: 'Agent', namespace: 'ai', name: 'other' };

let clock: SimulatedClock;
let podman: FakePodman;
let observer: Observer;
let changed: string[];
let ending: AbortController;

beforeEach(async () => {
  clock = createSimulatedClock();
  podman = createFakePodman({ clock });
  podman.controls.addImage(IMAGE);
  changed = [];
  ending = new AbortController();
  observer = createObserver({
    podman,
    traffic: podman.controls.traffic,
    clock,
    installation: () => installation,
    onChange: ({ name }) => changed.push(name),
    onResource: () => undefined,
    onRelist: () => undefined,
    onReachable: () => undefined,
  });
});

const start = async (): Promise<void> => {
  const started = observer.start(ending.signal);
  await clock.settle();
  await started;
};

async function create(
  key: ObjectKey,
  name: string,
  labels?: Labels,
  network: ContainerTemplate['network'] = { mode: 'none' },
): Promise<void> {
  const image = { reference: IMAGE, id: (await podman.inspectImage(IMAGE))?.id ?? '' };
  const template = aTemplate({ image, network });
  const owned = labels ?? ownerLabels(installation, key, 'uid-1');
  await podman.createContainer({ name, template, labels: owned, annotations: {} });
  await podman.startContainer(name);
  await clock.settle();
}

const namesOf = async (key: ObjectKey): Promise<string[]> =>
  (await observer.observe(key)).containers.map(({ name }) => name).sort();

const callsSince = (begin: number): string[] =>
  podman.controls.calls.slice(begin).map(({ method }) => method);

describe('what is asked of Podman', () => {
  test('one list finds the containers of every object, and each is inspected', async () => {
    await create(twin, 'a-twin');
    await create(other, 'an-other');
    await start();
    expect([...new Set(changed)].sort()).toEqual(['other', 'twin']);
    const begin = podman.controls.calls.length;
    expect(await namesOf(twin)).toEqual(['a-twin']);
    expect(await namesOf(other)).toEqual(['an-other']);
    expect(callsSince(begin)).toEqual(['inspectContainer', 'inspectContainer']);
  });

  test('a container that its create and its event tell of is looked at once', async () => {
    await start();
    await create(twin, 'a-twin');
    observer.expect(twin, 'a-twin');
    const begin = podman.controls.calls.length;
    expect(await namesOf(twin)).toEqual(['a-twin']);
    expect(callsSince(begin)).toEqual(['inspectContainer']);
  });

  test('nothing while nothing hints at a change', async () => {
    await create(twin, 'a-twin');
    await start();
    await namesOf(twin);
    const begin = podman.controls.calls.length;
    await namesOf(twin);
    expect(callsSince(begin)).toEqual([]);
  });

  test('before the start, one list for all who ask', async () => {
    await create(twin, 'a-twin');
    const found = await Promise.all([namesOf(twin), namesOf(other)]);
    expect(found).toEqual([['a-twin'], []]);
    expect(podman.controls.calls.filter(({ method }) => method === 'listContainers')).toHaveLength(1);
  });

  test('an event that tells late of what was seen already is passed over', async () => {
    await start();
    podman.controls.setDelivery(() => [200]);
    await create(twin, 'a-twin');
    observer.expect(twin, 'a-twin');
    observer.invalidate(twin);
    await clock.advance(100);
    await namesOf(twin);
    changed = [];
    await clock.advance(200);
    expect(changed).toEqual([]);
  });

  test('an event of something newer than the last look makes us look again', async () => {
    await create(twin, 'a-twin');
    await start();
    await namesOf(twin);
    changed = [];
    await clock.advance(100);
    podman.controls.setDelivery(() => [200]);
    podman.controls.kill('a-twin', 137);
    await clock.advance(250);
    expect(changed).toContain('twin');
    expect((await observer.observe(twin)).containers[0]?.state).toBe('exited');
  });
});

describe('a container is found', () => {
  beforeEach(start);

  test('when its event is lost and its create never answered, because it was expected', async () => {
    podman.controls.setDelivery(() => []);
    await create(twin, 'a-twin');
    observer.expect(twin, 'a-twin');
    observer.invalidate(twin);
    expect(await namesOf(twin)).toEqual(['a-twin']);
  });

  test('by its id from then on, whatever its name', async () => {
    podman.controls.setDelivery(() => []);
    await create(twin, 'a-twin');
    observer.expect(twin, 'a-twin');
    observer.invalidate(twin);
    await namesOf(twin);
    await podman.renameContainer('a-twin', 'renamed');
    observer.invalidate(twin);
    expect(await namesOf(twin)).toEqual(['renamed']);
  });

  test('when somebody else made it with our labels, by its event', async () => {
    await create(twin, 'a-twin');
    expect(await namesOf(twin)).toEqual(['a-twin']);
  });

  test('when even that event is lost, by the slow list', async () => {
    await namesOf(twin);
    podman.controls.setDelivery(() => []);
    await create(twin, 'a-twin');
    expect(await namesOf(twin)).toEqual([]);
    await clock.advance(30_000);
    expect(await namesOf(twin)).toEqual(['a-twin']);
  });

  test('when it came while Podman could not be reached', async () => {
    await namesOf(twin);
    podman.controls.down();
    await clock.settle();
    podman.controls.up();
    podman.controls.setDelivery(() => []);
    await create(twin, 'a-twin');
    await clock.advance(10_000);
    expect(await namesOf(twin)).toEqual(['a-twin']);
  });
});

describe('who looks while another does', () => {
  const stateOf = async (): Promise<string | undefined> =>
    (await observer.observe(twin)).containers[0]?.state;
  /** The answer to the next inspect is what is true now, and comes when the returned function is called. */
  const holdAnswer = (): (() => void) => {
    let answer = (): void => undefined;
    const isDue = new Promise<void>((resolve) => {
      answer = resolve;
    });
    podman.controls.afterCall = async ({ method }) => {
      if (method !== 'inspectContainer') return;
      podman.controls.afterCall = () => undefined;
      await isDue;
    };
    return answer;
  };
  beforeEach(async () => {
    await start();
    podman.controls.setDelivery(() => []);
    await create(twin, 'a-twin');
    observer.expect(twin, 'a-twin');
    await stateOf();
    observer.invalidate(twin);
    podman.controls.kill('a-twin', 1);
  });

  test('waits for the same look, and is not told of before', async () => {
    const answer = holdAnswer();
    const begin = podman.controls.calls.length;
    const both = Promise.all([stateOf(), stateOf()]);
    await clock.settle();
    answer();
    expect(await both).toEqual(['exited', 'exited']);
    expect(callsSince(begin)).toEqual(['inspectContainer']);
  });

  test('looks again when it is doubted meanwhile, and the older answer does not count, though it comes last', async () => {
    const answer = holdAnswer();
    const first = stateOf();
    await clock.settle();
    await podman.controls.byHand.startContainer('a-twin');
    observer.invalidate(twin);
    expect(await stateOf()).toBe('running');
    answer();
    expect(await first).toBe('exited');
    expect(await stateOf()).toBe('running');
  });

  test('looks again when the look of the other failed', async () => {
    podman.controls.beforeCall = ({ method }) => {
      if (method !== 'inspectContainer') return;
      podman.controls.beforeCall = () => undefined;
      throw new Error('cut off');
    };
    await expect(Promise.all([stateOf(), stateOf()])).rejects.toThrow('cut off');
    expect(await stateOf()).toBe('exited');
  });
});

test("a foreign container of the expected name is nobody's", async () => {
  await start();
  await create(twin, 'a-twin', { somebody: 'else' });
  observer.expect(twin, 'a-twin');
  expect(await namesOf(twin)).toEqual([]);
});

test('what was removed is gone, and is not asked for again', async () => {
  await create(twin, 'a-twin');
  await start();
  await namesOf(twin);
  await podman.removeContainer('a-twin');
  observer.invalidate(twin);
  expect(await namesOf(twin)).toEqual([]);
  observer.invalidate(twin);
  const begin = podman.controls.calls.length;
  await namesOf(twin);
  expect(callsSince(begin)).toEqual([]);
});

test('a long outage leaves nothing behind on the signal', async () => {
  await start();
  const before = getEventListeners(ending.signal, 'abort').length;
  podman.controls.down();
  await clock.advance(600_000);
  expect(getEventListeners(ending.signal, 'abort').length).toBeLessThanOrEqual(before + 1);
});

test('a Podman that has no events is asked ever more rarely', async () => {
  let lists = 0;
  const reachable: boolean[] = [];
  const silent = createObserver({
    podman: {
      ...podman,
      listContainers: (labels) => {
        lists += 1;
        return podman.listContainers(labels);
      },
      events: async function* () {
        // As Podman does with the events logger "none": one error that is no event, then the end.
      },
    },
    traffic: podman.controls.traffic,
    clock,
    installation: () => installation,
    onChange: () => undefined,
    onResource: () => undefined,
    onRelist: () => undefined,
    onReachable: (ok) => reachable.push(ok),
  });
  const started = silent.start(ending.signal);
  await clock.settle();
  await started;
  await clock.advance(60_000);
  expect(lists).toBeGreaterThan(10);
  expect(lists).toBeLessThan(25);
  expect(reachable).not.toContain(false);
  ending.abort();
});

test('a container that was renamed before its id was known is found by its labels', async () => {
  await start();
  podman.controls.setDelivery(() => []);
  await create(twin, 'a-twin');
  observer.expect(twin, 'a-twin');
  await podman.renameContainer('a-twin', 'mine');
  expect(await namesOf(twin)).toEqual(['mine']);
});

test('a network that somebody puts a container on is noticed at once, though the event has no label', async () => {
  const request = { driver: 'bridge', subnets: [], internal: false, dns: true, options: {}, labels: {} };
  for (const name of ['base', 'lab']) await podman.createNetwork({ ...request, name });
  await start();
  const base = { mode: 'bridge', networks: [{ name: 'base', aliases: [] }] } as const;
  await create(twin, 'a-twin', undefined, base);
  await create(other, 'an-other', undefined, base);
  await observer.observe(twin);
  await observer.observe(other);
  await clock.advance(1_000);
  changed = [];
  await podman.connectNetwork('lab', 'a-twin', { aliases: [] });
  await clock.settle();
  expect(changed).toEqual(['twin']);
  expect((await observer.observe(twin)).containers[0]?.networks).toHaveProperty('lab');
});
