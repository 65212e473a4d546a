import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ContainerFiles, createContainerFiles } from '../src/podman/container-files.ts';

let root: string;
let files: ContainerFiles;
let umask: number;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rookery-files-'));
  files = createContainerFiles(root, Date.now);
  umask = process.umask();
});
afterEach(() => {
  process.umask(umask);
  rmSync(root, { recursive: true });
});

const DIGEST = 'd'.repeat(64);
const bytesOf = (entries: Record<string, string>) =>
  Object.fromEntries(Object.entries(entries).map(([key, text]) => [key, Buffer.from(text)]));
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('what containers mount', () => {
  test('can be read by programs of any user, whatever the umask', async () => {
    process.umask(0o077);
    const { directory, liveDirectory } = await files.writeConfigMap('c', DIGEST, bytesOf({ key: 'v' }));
    const hosts = await files.writeHosts('net', '10.0.0.1 a');
    const [live, real] = [join(liveDirectory, 'key'), join(directory, 'key')];
    expect([directory, liveDirectory, join(liveDirectory, '..data')].map(modeOf)).toEqual([
      '755',
      '755',
      '755',
    ]);
    expect([real, live, hosts].map(modeOf)).toEqual(['644', '644', '644']);
  });

  test('has every key, also one that another one would have been made by', async () => {
    const entries = bytesOf({ 'a.partial': '1', a: '2', 'b.partial': '3' });
    const { liveDirectory } = await files.writeConfigMap('c', DIGEST, entries);
    for (const [key, bytes] of Object.entries(entries))
      expect(readFileSync(join(liveDirectory, key))).toEqual(bytes);
    expect(readdirSync(liveDirectory)).not.toContain('..partial');
  });

  test('is whole after a write that was cut off', async () => {
    const { directory, liveDirectory } = files.configMapPaths('c', DIGEST);
    for (const place of [directory, join(liveDirectory, `..${DIGEST.slice(0, 16)}`)])
      mkdirSync(`${place}.partial`, { recursive: true });
    await files.writeConfigMap('c', DIGEST, bytesOf({ key: 'v' }));
    expect(readFileSync(join(directory, 'key'), 'utf8')).toBe('v');
    expect(readFileSync(join(liveDirectory, 'key'), 'utf8')).toBe('v');
    expect(readdirSync(liveDirectory).filter((name) => name.includes('partial'))).toEqual([]);
  });

  test('follows its ConfigMap, key by key', async () => {
    await files.writeConfigMap('c', DIGEST, bytesOf({ gone: '1', kept: '1' }));
    const { liveDirectory } = await files.writeConfigMap(
      'c',
      'e'.repeat(64),
      bytesOf({ kept: '2', fresh: '3' }),
    );
    expect(readdirSync(liveDirectory).sort()).toEqual(['..data', `..${'e'.repeat(16)}`, 'fresh', 'kept']);
    expect(readFileSync(join(liveDirectory, 'kept'), 'utf8')).toBe('2');
  });

  test('a hosts file keeps its inode, whether it grows or shrinks', async () => {
    const path = await files.writeHosts('net', 'long text');
    const { ino } = statSync(path);
    await files.writeHosts('net', 'short');
    expect(readFileSync(path, 'utf8')).toBe('short');
    expect(statSync(path).ino).toBe(ino);
  });
});
