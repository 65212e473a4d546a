import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import { systemClock } from '../src/manager/clock.ts';
import { openStateDirectory } from '../src/store/directory.ts';
import { findHolder } from '../src/store/lock.ts';
import type { Store } from '../src/store/store.ts';

const a = agentKey('default', 'a');

let scratch: string;
let path: string;
let holder: string;
const warnings: string[] = [];
const children: ChildProcess[] = [];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'rookery-state-'));
  holder = join(scratch, 'holder.mjs');
  buildSync({
    stdin: {
      contents: `
        import { openStateDirectory } from './src/store/directory.ts';
        const clock = { now: Date.now, setTimer: () => () => {} };
        openStateDirectory({ path: process.argv[2], clock, warn: () => {} }).then(
          () => { console.log('held'); setInterval(() => {}, 1000); },
          (error) => { console.log(JSON.stringify({ kind: error.kind, pid: error.holderPid })); },
        );`,
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: holder,
  });
});
beforeEach(() => {
  path = join(mkdtempSync(join(scratch, 'case-')), 'state');
  warnings.length = 0;
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** As a start leaves it that found nothing to take over. */
const open = async (): Promise<Store> => {
  const warn = (message: string): void => void warnings.push(message);
  const store = await openStateDirectory({ path, clock: systemClock, warn });
  if (store.origin === 'New') await store.adoptInstallation(store.installation.id);
  return store;
};

async function startHolder(): Promise<{ child: ChildProcess; says: string }> {
  const child = spawn(process.execPath, [holder, path], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, says: chunk.toString().trim() };
}

const modeOf = (name: string): string => (statSync(name).mode & 0o777).toString(8);

const filesUnder = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe('state directory', () => {
  test('is made for its owner alone, parents included, and so is every file', async () => {
    const store = await open();
    await store.annotations.put({ key: a, values: { x: 'y' } });
    await store.journal.intent({ key: a, operation: 'CreateContainer', name: 'c' });
    store.events.record({ key: a, type: 'Normal', reason: 'Created', message: 'm' });
    await store.close();
    expect(modeOf(path)).toBe('700');
    expect(modeOf(join(path, 'annotations'))).toBe('700');
    const files = filesUnder(path);
    expect(files.map((name) => name.slice(path.length + 1)).sort()).toEqual([
      'annotations/Agent.default.a.json',
      'events.json',
      'installation.json',
      'journal.ndjson',
      'lock',
    ]);
    expect(files.map(modeOf)).toEqual(Array(5).fill('600'));
    expect(warnings).toEqual([]);
  });

  test('what was stored is there after a restart', async () => {
    const store = await open();
    await store.annotations.put({ key: a, values: { x: 'y' } });
    const id = await store.journal.intent({ key: a, operation: 'CreateContainer', name: 'c' });
    store.events.record({ key: a, type: 'Warning', reason: 'Failed', message: 'm' });
    await store.close();
    const again = await open();
    expect(again.annotations.get(a)?.values).toEqual({ x: 'y' });
    expect(again.journal.open()).toEqual([{ id, key: a, operation: 'CreateContainer', name: 'c' }]);
    expect(again.events.list()).toEqual(store.events.list());
    expect(again.installation).toEqual(store.installation);
    await again.journal.settle(id);
    await again.annotations.delete(a);
    await again.close();
    const last = await open();
    expect(last.journal.open()).toEqual([]);
    expect(last.annotations.list()).toEqual([]);
    await last.close();
  });

  test('one that others may read is closed to them, with a warning', async () => {
    mkdirSync(path, { mode: 0o755, recursive: true });
    chmodSync(path, 0o755);
    await (await open()).close();
    expect(modeOf(path)).toBe('700');
    expect(warnings).toEqual([expect.stringContaining('mode 755')]);
  });

  test('leftovers of a write that a crash cut short are cleared away', async () => {
    await (await open()).close();
    const leftover = join(path, 'records', 'Agent.default.a.json.7.tmp');
    writeFileSync(leftover, '{"half');
    const store = await open();
    expect(existsSync(leftover)).toBe(false);
    expect(store.origin).toBe('Loaded');
    await store.close();
  });

  test('a damaged file is moved to quarantine', async () => {
    await (await open()).close();
    writeFileSync(join(path, 'records', 'Agent.default.a.json'), 'x');
    const store = await open();
    expect(store.origin).toBe('Damaged');
    expect(readdirSync(join(path, 'quarantine'))).toEqual([
      expect.stringMatching(/^records-Agent\.default\.a\.json\.\d+$/),
    ]);
    await store.close();
  });

  test('a write into a directory that vanished fails clearly and changes nothing', async () => {
    const store = await open();
    await store.annotations.put({ key: a, values: { x: 'old' } });
    rmSync(join(path, 'annotations'), { recursive: true });
    await expect(store.annotations.put({ key: a, values: { x: 'new' } })).rejects.toMatchObject({
      name: 'StoreError',
      kind: 'Missing',
    });
    expect(store.annotations.get(a)?.values).toEqual({ x: 'old' });
    await store.close();
  });

  test('something else in its place is told', async () => {
    writeFileSync(path, '');
    await expect(open()).rejects.toMatchObject({ name: 'StoreError', kind: 'Missing' });
  });
});

describe('lock', () => {
  test('a second controller is refused, with the pid of the first', async () => {
    const store = await open();
    const { says } = await startHolder();
    expect(JSON.parse(says)).toEqual({ kind: 'Locked', pid: process.pid });
    await store.close();
    expect((await startHolder()).says).toBe('held');
    await expect(open()).rejects.toThrow(/in use by process \d+/);
  });

  test('kill -9 lets go of it', async () => {
    const first = await startHolder();
    expect(first.says).toBe('held');
    const refused = await open().catch((error: unknown) => error);
    expect(refused).toMatchObject({ kind: 'Locked', holderPid: first.child.pid });
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await (await open()).close();
  });

  test('who has the lock can be told without taking it', async () => {
    const lock = join(path, 'lock');
    expect(findHolder(lock)).toBeUndefined();
    const store = await open();
    // The kernel lists the locks of a dead child in the first namespace of processes alone.
    const isListed = readlinkSync('/proc/self/ns/pid') === 'pid:[4026531836]';
    if (isListed) expect(findHolder(lock)).toMatchObject({ kind: 'Locked', holderPid: process.pid });
    else expect(findHolder(lock)).toBeUndefined();
    await store.close();
    expect(findHolder(lock)).toBeUndefined();
    await (await open()).close();
  });

  test('of many that start at once exactly one gets it', async () => {
    const starts = await Promise.all(Array.from({ length: 6 }, startHolder));
    expect(starts.filter(({ says }) => says === 'held')).toHaveLength(1);
  });

  test('a store that cannot be loaded lets go of it', async () => {
    await (await open()).close();
    const installation = join(path, 'installation.json');
    writeFileSync(installation, 'x');
    await expect(open()).rejects.toMatchObject({ kind: 'Damaged' });
    rmSync(installation);
    await (await open()).close();
  });

  test('children of the holder do not keep it', async () => {
    const store = await open();
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    children.push(child);
    await once(child, 'spawn');
    await store.close();
    expect((await startHolder()).says).toBe('held');
  });
});
