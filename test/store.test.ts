import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { agentKey, keyString, type ObjectKey } from '../src/api/key.ts';
import { type StoreErrorKind, storeError } from '../src/store/errors.ts';
import type { InventoryEntry, Store } from '../src/store/store.ts';
import type { AgentRecord } from '../src/state/record.ts';
import {
  createMemoryFiles,
  type MemoryFiles,
  memoryStore,
  type MemoryStoreOptions,
} from './fakes/memory-store.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

/** As a start leaves it that found nothing to take over. */
async function keptStore(options: MemoryStoreOptions = {}): Promise<Store> {
  const store = await memoryStore(options);
  if (store.origin === 'New') await store.adoptInstallation(store.installation.id);
  return store;
}

const a = agentKey('default', 'a');
const b = agentKey('other', 'b');

/** The store looks at no more of a record than this. */
const recordOf = (key: ObjectKey, generation = 1): AgentRecord =>
  ({
    key,
    uid: `uid-${key.name}`,
    generation,
    state: 'Pending',
    revisions: [],
    replicas: {},
  }) as unknown as AgentRecord;

const secretEntry = (name: string): InventoryEntry => ({
  key: { kind: 'Secret', namespace: 'default', name },
  uid: 'u',
  podmanSecrets: { token: 'rookery-0123456789abcdef' },
});

/** Everything that a restart must find again. */
const dump = (store: Store) => ({
  installation: store.installation,
  records: [...store.records.list()].sort((left, right) => left.uid.localeCompare(right.uid)),
  inventory: store.inventory
    .list()
    .map(({ key }) => keyString(key))
    .sort(),
  annotations: store.annotations.list().map(({ key, values }) => ({ key, values })),
  addresses: store.addresses.all(),
  intents: store.journal.open(),
});

/** It has no space left while `isFull`. */
function fullDisk(): { isFull: boolean; readonly files: MemoryFiles } {
  const disk = {
    isFull: false,
    files: createMemoryFiles({
      before: () => {
        if (disk.isFull) throw storeError(Object.assign(new Error('full'), { code: 'ENOSPC' }), 'write', 'f');
      },
    }),
  };
  return disk;
}

test('the store tells why its newest write failed, until one goes well', async () => {
  const disk = fullDisk();
  const { files } = disk;
  const store = await keptStore({ files });
  expect(store.trouble()).toBeUndefined();
  disk.isFull = true;
  const act = { key: a, operation: 'start', name: 'x' };
  for (const write of [() => store.records.put(recordOf(a)), () => store.journal.intent(act)]) {
    await expect(write()).rejects.toMatchObject({ kind: 'NoSpace' });
    expect(store.trouble()).toContain('no space is left');
  }
  disk.isFull = false;
  await store.records.put(recordOf(a));
  expect(store.trouble()).toBeUndefined();
});

test('on a host at rest the store sees by itself that there is space again, and settles what it could not', async () => {
  const disk = fullDisk();
  const { files } = disk;
  const clock = createSimulatedClock(0);
  const store = await keptStore({ files, clock });
  const [kept, done] = [
    await store.journal.intent({ key: a, operation: 'start', name: 'kept' }),
    await store.journal.intent({ key: a, operation: 'start', name: 'done' }),
  ];
  disk.isFull = true;
  await store.journal.settle(done);
  await clock.advance(60_000);
  expect(store.trouble()).toContain('no space is left');
  expect(store.journal.open().map(({ id }) => id)).toEqual([kept, done]);

  disk.isFull = false;
  await clock.advance(10_000);
  expect(store.trouble()).toBeUndefined();
  expect(store.journal.open().map(({ id }) => id)).toEqual([kept]);
  expect((await keptStore({ files })).journal.open().map(({ id }) => id)).toEqual([kept]);
  expect(clock.pendingTimers).toBe(0);
});

test('a closed store tries nothing more', async () => {
  const disk = fullDisk();
  const { files } = disk;
  const clock = createSimulatedClock(0);
  const store = await keptStore({ files, clock });
  disk.isFull = true;
  await expect(store.records.put(recordOf(a))).rejects.toMatchObject({ kind: 'NoSpace' });
  expect(clock.pendingTimers).toBe(1);
  await store.close();
  expect(clock.pendingTimers).toBe(0);
});

describe('objects by key', () => {
  test('what was put is there after a restart, the newest of it', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    await store.records.put(recordOf(a));
    await store.records.put(recordOf(a, 2));
    await store.records.put(recordOf(b));
    await store.inventory.put(secretEntry('s'));
    await store.annotations.put({ key: a, values: { 'rookery.dev/suspend': 'true' } });
    await store.approvals.put({ key: b, approvedAtMs: 5 });
    await store.records.delete(b);
    const again = await keptStore({ files });
    expect(dump(again)).toEqual(dump(store));
    expect(again.records.get(a)?.generation).toBe(2);
    expect(again.records.get(b)).toBeUndefined();
    expect(again.approvals.get(b)?.approvedAtMs).toBe(5);
    expect(again.origin).toBe('Loaded');
  });

  test('an equal record is not written again', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    await store.records.put(recordOf(a));
    const before = files.changes;
    await store.records.put(recordOf(a));
    await store.records.delete(b);
    expect(files.changes).toBe(before);
  });

  test('puts of one key at the same time end with the last one, on disk too', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    await Promise.all([1, 2, 3].map((generation) => store.records.put(recordOf(a, generation))));
    expect(store.records.get(a)?.generation).toBe(3);
    expect((await keptStore({ files })).records.get(a)?.generation).toBe(3);
  });

  test('the values of a Secret never reach the disk', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    const key: ObjectKey = { kind: 'Secret', namespace: 'default', name: 's' };
    const leak = { key, uid: 'u', lastGood: { manifest: { stringData: { token: 'hunter2' } } } };
    expect(() => store.inventory.put(leak as unknown as InventoryEntry)).toThrow('never written');
    expect([...files.contents.values()].join()).not.toContain('hunter2');
  });
});

describe('installation', () => {
  test('is made once and kept', async () => {
    const files = createMemoryFiles();
    const first = await keptStore({ files });
    const second = await keptStore({ files });
    expect(first.origin).toBe('New');
    expect(second.origin).toBe('Loaded');
    expect(second.installation.id).toMatch(/^[0-9a-f]{16}$/);
    expect(second.installation.hmacKey).toHaveLength(32);
    expect(dump(second)).toEqual(dump(first));
  });

  test('a new one may take over the id that running containers carry, an old one may not', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    await store.adoptInstallation('feedfacefeedface');
    expect(store.installation.id).toBe('feedfacefeedface');
    const again = await keptStore({ files });
    expect(again.installation.id).toBe('feedfacefeedface');
    await expect(again.adoptInstallation('0')).rejects.toThrow('feedfacefeedface already');
  });

  test('a damaged one is fatal, and stays where it is', async () => {
    const files = createMemoryFiles({
      contents: new Map([['installation.json', '{"schemaVersion":1,"value":{}}']]),
    });
    await expect(keptStore({ files })).rejects.toMatchObject({ kind: 'Damaged' });
    expect(files.changes).toBe(0);
  });
});

describe('damage', () => {
  test.each([
    ['no JSON', '{"schemaVer'],
    ['empty', ''],
    ['no envelope', '[]'],
    ['another object', JSON.stringify({ schemaVersion: 1, value: recordOf(b) })],
    ['half a record', JSON.stringify({ schemaVersion: 1, value: { key: a } })],
  ])('a record that is %s goes to quarantine with a warning, and the others stay', async (_what, text) => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    await store.records.put(recordOf(a));
    await store.records.put(recordOf(b));
    const contents = new Map(files.contents).set('records/Agent.default.a.json', text);
    const warnings: string[] = [];
    const damaged = createMemoryFiles({ contents });
    const again = await keptStore({ files: damaged, warnings });
    expect(again.origin).toBe('Damaged');
    expect(again.records.list()).toEqual([recordOf(b)]);
    expect(warnings).toEqual([expect.stringContaining('records/Agent.default.a.json is damaged')]);
    const aside = [...damaged.contents].filter(([path]) => path.startsWith('quarantine/'));
    expect(aside.map(([, kept]) => kept)).toEqual([text]);
    expect((await keptStore({ files: damaged, warnings })).origin).toBe('Loaded');
    expect(warnings).toHaveLength(1);
  });

  test('what a newer Rookery wrote is refused, not thrown away', async () => {
    const files = createMemoryFiles();
    await keptStore({ files });
    const contents = new Map(files.contents).set('addresses.json', '{"schemaVersion":99,"value":{}}');
    const newer = createMemoryFiles({ contents });
    await expect(keptStore({ files: newer })).rejects.toMatchObject({ kind: 'TooNew' });
    expect(newer.contents.get('addresses.json')).toBe('{"schemaVersion":99,"value":{}}');
  });

  test.each<[string, StoreErrorKind, string]>([
    ['ENOSPC', 'NoSpace', 'no space is left'],
    ['EDQUOT', 'NoSpace', 'quota'],
    ['EROFS', 'ReadOnly', 'read-only'],
    ['EACCES', 'NotPermitted', 'permission denied'],
    ['ENOENT', 'Missing', 'it is gone or cannot be made'],
    ['EIO', 'Failed', 'EIO'],
  ])('%s is told to a person as %s', (code, kind, words) => {
    const error = storeError(Object.assign(new Error(code), { code }), 'write', '/s/records/x.json');
    expect(error).toMatchObject({ kind });
    expect(error.message).toContain('cannot write /s/records/x.json');
    expect(error.message).toContain(words);
  });
});

describe('journal', () => {
  test('an outcome that a full disk does not take goes with the next intent', async () => {
    const disk = fullDisk();
    const { journal } = await keptStore({ files: disk.files });
    const first = await journal.intent(act('one'));
    disk.isFull = true;
    await journal.settle(first);
    expect(journal.open()).toHaveLength(1);
    disk.isFull = false;
    const second = await journal.intent(act('two'));
    expect(journal.open()).toEqual([{ id: second, ...act('two') }]);
  });

  const act = (name: string) => ({ key: a, operation: 'CreateContainer', name });

  test('an intent is on disk before its promise resolves, also when the power fails', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    const first = await store.journal.intent(act('one'));
    const second = await store.journal.intent(act('two'));
    await store.journal.settle(first);
    const afterCrash = await keptStore({ files: createMemoryFiles({ contents: files.contents }) });
    expect(afterCrash.journal.open()).toEqual([{ id: second, ...act('two') }]);
    const afterPowerLoss = await keptStore({ files: createMemoryFiles({ contents: files.durable }) });
    expect(afterPowerLoss.journal.open().map(({ id }) => id)).toContain(second);
  });

  test('intents of one moment share a write', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    const before = files.changes;
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, index) => store.journal.intent(act(`c${index}`))),
    );
    expect(new Set(ids).size).toBe(50);
    expect(files.changes - before).toBe(1);
  });

  test('ids go on after a restart, so that an old settle never hits a new intent', async () => {
    const files = createMemoryFiles();
    const first = await (await keptStore({ files })).journal.intent(act('one'));
    const again = await keptStore({ files });
    const second = await again.journal.intent(act('two'));
    expect(second).toBeGreaterThan(first);
    expect(again.journal.open()).toHaveLength(2);
  });

  test('settling twice, or what was never open, is nothing', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    const id = await store.journal.intent(act('one'));
    await store.journal.settle(id);
    const before = files.changes;
    await store.journal.settle(id);
    await store.journal.settle(4_711);
    expect(files.changes).toBe(before);
  });

  test('stays short, keeps what is open', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    const open = await store.journal.intent(act('long'));
    for (let turn = 0; turn < 3_000; turn += 1)
      await store.journal.settle(await store.journal.intent(act('c')));
    const lines = (files.contents.get('journal.ndjson') ?? '').split('\n').length;
    expect(lines).toBeLessThan(1_100);
    const again = await keptStore({ files });
    expect(again.journal.open()).toEqual([{ id: open, ...act('long') }]);
  });

  test('a torn last line is no damage; a broken one in the middle is left out with a warning', async () => {
    const files = createMemoryFiles();
    const store = await keptStore({ files });
    await store.journal.intent(act('one'));
    await store.journal.intent(act('two'));
    const whole = files.contents.get('journal.ndjson') ?? '';
    const restart = async (journal: string) => {
      const warnings: string[] = [];
      const contents = new Map(files.contents).set('journal.ndjson', journal);
      const again = await keptStore({ files: createMemoryFiles({ contents }), warnings });
      return { names: again.journal.open().map(({ name }) => name), warnings };
    };
    expect(await restart(`${whole}{"intent":{"id":3,"na`)).toEqual({ names: ['one', 'two'], warnings: [] });
    const broken = await restart(`garbage\n${whole}`);
    expect(broken.names).toEqual(['one', 'two']);
    expect(broken.warnings).toEqual([expect.stringContaining('line 1 is damaged')]);
  });

  test('a journal that cannot be shortened goes on', async () => {
    let full = false;
    const files = createMemoryFiles({
      before: (change) => {
        if (full && change === 'write')
          throw storeError(Object.assign(new Error(), { code: 'ENOSPC' }), 'write', 'j');
      },
    });
    const warnings: string[] = [];
    const store = await keptStore({ files, warnings });
    full = true;
    for (let turn = 0; turn < 600; turn += 1)
      await store.journal.settle(await store.journal.intent(act('c')));
    expect(warnings[0]).toContain('no space');
    expect(store.journal.open()).toEqual([]);
  });
});

describe('events', () => {
  const news = (message: string, key = a) => ({ key, type: 'Normal', reason: 'Started', message }) as const;

  test('the same again counts up and moves to the end', async () => {
    const clock = createSimulatedClock(0);
    const store = await keptStore({ clock });
    store.events.record(news('one'));
    await clock.advance(5_000);
    store.events.record(news('two'));
    store.events.record(news('one', b));
    await clock.advance(5_000);
    store.events.record(news('one'));
    const events = store.events.list();
    expect(events.map(({ message, involvedObject, count }) => [message, involvedObject.name, count])).toEqual(
      [
        ['two', 'a', 1],
        ['one', 'b', 1],
        ['one', 'a', 2],
      ],
    );
    expect(events[2]).toMatchObject({
      firstTimestamp: '1970-01-01T00:00:00.000Z',
      lastTimestamp: '1970-01-01T00:00:10.000Z',
    });
    expect(new Set(events.map(({ metadata }) => metadata.name)).size).toBe(3);
    expect(store.events.list('other')).toHaveLength(1);
  });

  test('subscribers hear each, with a version that only grows, until they leave', async () => {
    const store = await keptStore();
    const versions: number[] = [];
    const leave = store.events.subscribe(({ metadata }) => versions.push(Number(metadata.resourceVersion)));
    store.events.record(news('one'));
    store.events.record(news('two'));
    store.events.record(news('one'));
    leave();
    store.events.record(news('one'));
    expect(versions).toEqual([1, 2, 3]);
  });

  test('the last 1,000 are kept', async () => {
    const store = await keptStore();
    for (let index = 0; index < 1_005; index += 1) store.events.record(news(`m${index}`));
    expect(store.events.list()).toHaveLength(1_000);
    expect(store.events.list()[0]?.message).toBe('m5');
  });

  test('a storm is written once a second, and survives a restart', async () => {
    const clock = createSimulatedClock(0);
    const files = createMemoryFiles();
    const store = await keptStore({ files, clock });
    const before = files.changes;
    for (let index = 0; index < 500; index += 1) store.events.record(news(`m${index % 7}`));
    await clock.advance(1_000);
    expect(files.changes - before).toBe(1);
    store.events.record(news('last'));
    await store.close();
    expect(clock.pendingTimers).toBe(0);
    const again = await keptStore({ files, clock });
    expect(again.events.list()).toEqual(store.events.list());
    again.events.record(news('m0'));
    expect(Number(again.events.list().at(-1)?.metadata.resourceVersion)).toBeGreaterThan(501);
  });

  test('a disk that refuses them costs a warning, nothing else', async () => {
    const clock = createSimulatedClock(0);
    const files = createMemoryFiles({
      before: (_change, path) => {
        if (path === 'events.json') throw new Error('full');
      },
    });
    const warnings: string[] = [];
    const store = await keptStore({ files, clock, warnings });
    store.events.record(news('one'));
    await clock.advance(1_000);
    expect(store.events.list()).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining('full')]);
  });
});

describe('addresses', () => {
  const lowest = (taken: ReadonlySet<string>): string => {
    let host = 2;
    while (taken.has(`10.0.0.${host}`)) host += 1;
    return `10.0.0.${host}`;
  };

  test('an object keeps its address; two that ask at once get two', async () => {
    const files = createMemoryFiles();
    const { addresses } = await keptStore({ files });
    const given = await Promise.all(['x', 'y', 'x'].map((object) => addresses.ensure('net', object, lowest)));
    expect(given).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.2']);
    const again = (await keptStore({ files })).addresses;
    expect(await again.ensure('net', 'y', lowest)).toBe('10.0.0.3');
    await again.release('x');
    expect(await again.ensure('net', 'z', lowest)).toBe('10.0.0.2');
    expect(await again.ensure('net2', 'z', lowest)).toBe('10.0.0.2');
  });

  test('fifty that are asked for together are written together, and one that fails spoils no other', async () => {
    const files = createMemoryFiles();
    const { addresses } = await keptStore({ files });
    const before = files.changes;
    const ask = (index: number): Promise<string> =>
      addresses.ensure('net', `agent-${index}`, () => (index === 7 ? '10.0.0.0' : `10.0.0.${index}`));
    const given = await Promise.allSettled(Array.from({ length: 50 }, (_, index) => ask(index)));
    expect(files.changes - before).toBe(1);
    expect(given.filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(Object.keys((await keptStore({ files })).addresses.all()['net'] ?? {})).toHaveLength(49);
  });

  test('an address that is taken is not given twice', async () => {
    const { addresses } = await keptStore();
    await addresses.ensure('net', 'x', () => '10.0.0.2');
    await expect(addresses.ensure('net', 'y', () => '10.0.0.2')).rejects.toThrow('taken');
    expect(addresses.get('net', 'y')).toBeUndefined();
  });
});

/** One thing a controller does to its store. */
type Step = (store: Store, open: number[]) => Promise<unknown>;

const names = fc.constantFrom('a', 'b', 'c');
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(names, fc.integer({ min: 1, max: 9 })).map(
    ([name, generation]): Step =>
      (store) =>
        store.records.put(recordOf(agentKey('default', name), generation)),
  ),
  names.map(
    (name): Step =>
      (store) =>
        store.records.delete(agentKey('default', name)),
  ),
  names.map(
    (name): Step =>
      (store) =>
        store.inventory.put(secretEntry(name)),
  ),
  names.map(
    (name): Step =>
      (store) =>
        store.addresses.ensure('net', name, (taken) => `10.0.0.${taken.size + 2}`),
  ),
  names.map(
    (name): Step =>
      async (store, open) => {
        open.push(await store.journal.intent({ key: a, operation: 'StartContainer', name }));
      },
  ),
  fc.constant<Step>(async (store, open) => store.journal.settle(open.shift() ?? 0)),
  fc.constant<Step>(async (store) => store.journal.rewrite()),
);

test('whichever writes fail, memory and disk agree, and no failed call leaves a trace', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(step, fc.boolean()), { maxLength: 40 }), async (steps) => {
      let failing = false;
      const files = createMemoryFiles({
        before: (_change, path) => {
          if (failing) throw storeError(Object.assign(new Error(), { code: 'ENOSPC' }), 'write', path);
        },
      });
      const store = await keptStore({ files });
      const open: number[] = [];
      for (const [run, fails] of steps) {
        failing = fails;
        const before = dump(store);
        const error = await run(store, open).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        if (error) {
          expect(error).toMatchObject({ name: 'StoreError', kind: 'NoSpace' });
          expect(dump(store)).toEqual(before);
        }
        const restarted = await keptStore({ files: createMemoryFiles({ contents: files.contents }) });
        expect(dump(restarted)).toEqual(dump(store));
      }
    }),
    { numRuns: 100 },
  );
});
