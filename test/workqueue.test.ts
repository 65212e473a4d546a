import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentKey, keyString, type ObjectKey } from '../src/api/key.ts';
import { createWorkQueue, type WorkQueue } from '../src/manager/workqueue.ts';
import { createSimulatedClock, type SimulatedClock } from './fakes/simulated-clock.ts';

const key = (name: string): ObjectKey => agentKey('default', name);
const a = key('a');
const b = key('b');

const setUp = (random = 0.5) => {
  const clock = createSimulatedClock(0);
  let skewMs = 0;
  const wall = { ...clock, now: () => clock.now() + skewMs };
  const queue = createWorkQueue({ clock: wall, random: () => random });
  return { clock, queue, skew: (byMs: number) => (skewMs = byMs) };
};

/** The next key without waiting for one: a waiting `get` would swallow a later add. */
const take = async (queue: WorkQueue): Promise<ObjectKey | undefined> =>
  queue.stats().queued > 0 ? queue.get() : undefined;

describe('work queue', () => {
  test('a key that is added twice is handed out once', async () => {
    const { queue } = setUp();
    queue.add(a);
    queue.add(b);
    queue.add(a);
    expect(await take(queue)).toEqual(a);
    expect(await take(queue)).toEqual(b);
    expect(await take(queue)).toBeUndefined();
  });

  test('adds during a run mean exactly one more run, and only after it', async () => {
    const { queue } = setUp();
    queue.add(a);
    await take(queue);
    queue.add(a);
    queue.add(a);
    expect(await take(queue)).toBeUndefined();
    queue.done(a);
    expect(await take(queue)).toEqual(a);
    queue.done(a);
    expect(await take(queue)).toBeUndefined();
  });

  test('waiting workers are woken in turn, each with its own key', async () => {
    const { queue } = setUp();
    const first = queue.get();
    const second = queue.get();
    queue.add(a);
    queue.add(b);
    expect(await first).toEqual(a);
    expect(await second).toEqual(b);
  });

  test('of several delays of a key the earliest counts, and it fires once', async () => {
    const { queue, clock } = setUp();
    queue.addAfter(a, 1_000);
    queue.addAfter(a, 100);
    queue.addAfter(a, 500);
    await clock.advance(99);
    expect(await take(queue)).toBeUndefined();
    await clock.advance(1);
    expect(await take(queue)).toEqual(a);
    queue.done(a);
    await clock.advance(10_000);
    expect(await take(queue)).toBeUndefined();
  });

  test('a thousand delays hold one timer', async () => {
    const { queue, clock } = setUp();
    for (let index = 0; index < 1_000; index += 1) queue.addAfter(key(`k${index}`), 1_000 + index);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1_499);
    expect(queue.stats()).toMatchObject({ queued: 500, delayed: 500 });
  });

  test('a deadline pulled forward again and again does not pile up', () => {
    const { queue, clock } = setUp();
    for (let index = 0; index < 10_000; index += 1) queue.addAfter(a, 100_000 - index);
    expect(queue.stats().delayed).toBe(1);
    expect(clock.pendingTimers).toBe(1);
  });

  test('a timer that fires late (a suspended host) does not bring a newer deadline forward', async () => {
    const { queue, clock, skew } = setUp();
    queue.addAfter(a, 100);
    queue.addAfter(a, 50);
    queue.addAfter(b, 60);
    await clock.advance(50);
    await take(queue);
    queue.done(a);
    queue.addAfter(a, 500);
    skew(60);
    await clock.advance(10);
    expect(queue.stats()).toMatchObject({ queued: 1, delayed: 1 });
  });

  test.each([
    [0, [750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]],
    [0.5, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]],
    [1, [1_250, 2_500, 5_000, 10_000, 20_000, 40_000, 75_000, 75_000]],
  ])('back-off doubles from 1 s to 60 s, ±25 %% (random %d)', (random, expected) => {
    const { queue } = setUp(random);
    expect(expected.map(() => queue.addRateLimited(a))).toEqual(expected);
  });

  test('each key has its own back-off, and forget starts it anew', () => {
    const { queue } = setUp();
    queue.addRateLimited(a);
    expect(queue.addRateLimited(a)).toBe(2_000);
    expect(queue.addRateLimited(b)).toBe(1_000);
    queue.forget(a);
    expect(queue.addRateLimited(a)).toBe(1_000);
    expect(queue.stats().failing).toBe(2);
  });

  test('shutting down drains what is queued, drops what is delayed, takes nothing more', async () => {
    const { queue, clock } = setUp();
    queue.add(a);
    queue.add(b);
    await take(queue);
    queue.addAfter(key('later'), 10);
    let drained = false;
    const shutDown = queue.shutDown().then(() => {
      drained = true;
    });
    queue.add(key('new'));
    queue.addAfter(key('new'), 1);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1_000);
    expect(await queue.get()).toEqual(b);
    queue.done(b);
    await clock.settle();
    expect(drained).toBe(false);
    queue.done(a);
    await shutDown;
    expect(await queue.get()).toBeUndefined();
  });

  test('shutting down wakes idle workers', async () => {
    const { queue } = setUp();
    const idle = queue.get();
    await queue.shutDown();
    expect(await idle).toBeUndefined();
  });
});

/** client-go's promises in the plainest words: three collections and a table of deadlines. */
interface Model {
  queued: string[];
  running: Set<string>;
  dirty: Set<string>;
  dueAt: Map<string, number>;
}
interface Real {
  readonly queue: WorkQueue;
  readonly clock: SimulatedClock;
}
type Command = fc.AsyncCommand<Model, Real>;

function modelAdd(model: Model, name: string): void {
  if (model.running.has(name)) model.dirty.add(name);
  else if (!model.queued.includes(name)) model.queued.push(name);
}

function agree(model: Model, { queue, clock }: Real): void {
  expect(queue.stats()).toMatchObject({
    queued: model.queued.length,
    running: model.running.size,
    delayed: model.dueAt.size,
  });
  expect(clock.pendingTimers).toBe(model.dueAt.size > 0 ? 1 : 0);
}

const command = (
  text: string,
  check: (model: Model) => boolean,
  run: (model: Model, real: Real) => Promise<void>,
): Command => ({
  check,
  run: async (model, real) => {
    await run(model, real);
    agree(model, real);
  },
  toString: () => text,
});

const add = (name: string): Command =>
  command(
    `add(${name})`,
    () => true,
    async (model, { queue }) => {
      queue.add(key(name));
      modelAdd(model, name);
    },
  );

const addAfter = (name: string, delayMs: number): Command =>
  command(
    `addAfter(${name}, ${delayMs})`,
    () => true,
    async (model, { queue, clock }) => {
      queue.addAfter(key(name), delayMs);
      const dueAtMs = clock.now() + delayMs;
      model.dueAt.set(name, Math.min(model.dueAt.get(name) ?? dueAtMs, dueAtMs));
    },
  );

const get = (): Command =>
  command(
    'get',
    (model) => model.queued.length > 0,
    async (model, { queue }) => {
      const got = await queue.get();
      const expected = model.queued.shift() as string;
      expect(got && keyString(got)).toBe(keyString(key(expected)));
      expect(model.running.has(expected)).toBe(false);
      model.running.add(expected);
    },
  );

const done = (name: string): Command =>
  command(
    `done(${name})`,
    (model) => model.running.has(name),
    async (model, { queue }) => {
      queue.done(key(name));
      model.running.delete(name);
      if (model.dirty.delete(name)) modelAdd(model, name);
    },
  );

const advance = (durationMs: number): Command =>
  command(
    `advance(${durationMs})`,
    () => true,
    async (model, { clock }) => {
      await clock.advance(durationMs);
      const due = [...model.dueAt].filter(([, dueAtMs]) => dueAtMs <= clock.now());
      due.sort(([, left], [, right]) => left - right);
      for (const [name] of due) {
        model.dueAt.delete(name);
        modelAdd(model, name);
      }
    },
  );

test('whatever happens, the queue does what its model does', async () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  // A delay of its own for every key: which of two that fall due together comes first is nobody's promise.
  const delay = fc.integer({ min: 1, max: 50 }).map((factor) => factor * 8);
  const offset = { a: 0, b: 1, c: 2, d: 3 } as const;
  const commands = [
    name.map(add),
    fc.tuple(name, delay).map(([who, delayMs]) => addAfter(who, delayMs + offset[who])),
    fc.constant(get()),
    name.map(done),
    fc.integer({ min: 0, max: 50 }).map((factor) => advance(factor * 8)),
  ];
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 60 }), async (run) => {
      const clock = createSimulatedClock(0);
      const real = { clock, queue: createWorkQueue({ clock, random: () => 0.5 }) };
      const model = { queued: [], running: new Set<string>(), dirty: new Set<string>(), dueAt: new Map() };
      await fc.asyncModelRun(() => ({ model, real }), run);
    }),
    { numRuns: 200 },
  );
});
