import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const HEAD = /^\| (Could try|---)/;

test('every line of the threat model names a test that is there', () => {
  const rows = readFileSync('docs/security.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|') && !HEAD.test(line.replace('|---', '| ---')));
  const tests = rows.map((row) => row.match(/test\/[\w/.-]+\.test\.ts/g) ?? []);
  expect(rows.length).toBeGreaterThan(15);
  expect(rows.filter((_, index) => tests[index]?.length === 0)).toEqual([]);
  expect(tests.flat().filter((path) => !existsSync(path))).toEqual([]);
});
