import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import lock from '../package-lock.json' with { type: 'json' };
import packageJson from '../package.json' with { type: 'json' };

interface Entry {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly link?: boolean;
}
const entries = Object.entries(lock.packages as Readonly<Record<string, Entry>>).filter(
  ([path]) => path !== '',
);
const nameOf = (path: string): string =>
  path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

/** All permissive, or weak copyleft for a file of its own that we do not change. */
const ALLOWED = new Set([
  'Apache-2.0',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT AND MPL-2.0',
  'PSF-2.0',
  'Unlicense',
]);

/** Their package.json says it in the old way, which the lock file does not know; each is MIT. */
const SAID_ELSEWHERE = new Set(['buildcheck', 'cpu-features', 'ssh2']);

test('every package is known by its hash, and by no place', () => {
  expect(entries.length).toBeGreaterThan(100);
  expect(
    entries.filter(([, entry]) => !entry.integrity?.startsWith('sha512-')).map(([path]) => path),
  ).toEqual([]);
  expect(entries.filter(([, entry]) => entry.resolved !== undefined || entry.link)).toEqual([]);
  expect(readFileSync('.npmrc', 'utf8')).toContain('omit-lockfile-registry-resolved=true');
});

test('every version is exact', () => {
  const wanted = { ...packageJson.dependencies, ...packageJson.devDependencies };
  expect(Object.entries(wanted).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test('what users get has a licence that we may pass on', () => {
  const runtime = entries.filter(([, { dev }]) => !dev);
  const others = runtime
    .filter(([path, { license = '' }]) => !ALLOWED.has(license) && !SAID_ELSEWHERE.has(nameOf(path)))
    .map(([path, { license }]) => `${nameOf(path)}: ${license}`);
  expect(others).toEqual([]);
});

test('no install script of a package runs', () => {
  expect(readFileSync('scripts/lib.sh', 'utf8')).toContain('npm ci --include=dev --ignore-scripts');
});
