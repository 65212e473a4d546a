import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLibpod } from '../src/podman/libpod.ts';
import { mendTornSecrets } from '../src/podman/torn-secrets.ts';

const NAMES = 'secrets/secrets.json';
const VALUES = 'secrets/filedriver/secretsdata.json';
const WRITTEN_MS = 1_000_000;
const LONG_AFTER_MS = WRITTEN_MS + 10_000;

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rookery-torn-'));
  mkdirSync(join(root, 'secrets/filedriver'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

function write(file: string, text: string): void {
  writeFileSync(join(root, file), text);
  utimesSync(join(root, file), WRITTEN_MS / 1_000, WRITTEN_MS / 1_000);
}
const read = (file: string): unknown => JSON.parse(readFileSync(join(root, file), 'utf8'));
const namesOf = (driver: string): string =>
  JSON.stringify({ secrets: { a1: { driver } }, nameToID: { one: 'a1' }, idToName: { a1: 'one' } });
const NONE = { secrets: {}, nameToID: {}, idToName: {} };

test('lost names are none, for the eyes of their owner, and the values stay', async () => {
  write(NAMES, '');
  write(VALUES, '{"a1":"eA=="}');
  expect(await mendTornSecrets(root, LONG_AFTER_MS)).toBe(true);
  expect(read(NAMES)).toEqual(NONE);
  expect(read(VALUES)).toEqual({ a1: 'eA==' });
  expect(statSync(join(root, NAMES)).mode & 0o777).toBe(0o600);
});

test('with lost values their names go', async () => {
  write(NAMES, namesOf('file'));
  write(VALUES, '');
  expect(await mendTornSecrets(root, LONG_AFTER_MS)).toBe(true);
  expect([read(NAMES), read(VALUES)]).toEqual([NONE, {}]);
});

test('names of what another driver keeps stay', async () => {
  write(NAMES, namesOf('pass'));
  write(VALUES, '');
  expect(await mendTornSecrets(root, LONG_AFTER_MS)).toBe(true);
  expect([read(NAMES), read(VALUES)]).toEqual([JSON.parse(namesOf('pass')), {}]);
});

test.each([
  ['what may still be in the middle of being written', '', LONG_AFTER_MS - 1],
  ['what is whole', namesOf('file'), LONG_AFTER_MS],
  ['what is broken in another way', '{"secrets":', LONG_AFTER_MS],
])('%s is left alone', async (_what, text, nowMs) => {
  write(NAMES, text);
  expect(await mendTornSecrets(root, nowMs)).toBe(false);
  expect(readFileSync(join(root, NAMES), 'utf8')).toBe(text);
});

test('a storage that this host does not see has nothing to mend', async () => {
  expect(await mendTornSecrets(join(root, 'elsewhere'), LONG_AFTER_MS)).toBe(false);
});

test.each([
  ['once it was empty for ten seconds', LONG_AFTER_MS, true],
  ['not while it may still be being written', LONG_AFTER_MS - 1, false],
])('a call that is refused mends it, by the clock that it was given: %s', async (_when, nowMs, mends) => {
  write(NAMES, '');
  const refusal = JSON.stringify({ message: 'unexpected end of JSON input', response: 500 });
  const server = createServer(({ url }, response) => {
    if (url?.includes('/info')) return response.end(JSON.stringify({ store: { graphRoot: root } }));
    const isWhole = readFileSync(join(root, NAMES), 'utf8') !== '';
    return response.writeHead(isWhole ? 200 : 500).end(isWhole ? '[]' : refusal);
  });
  const socketPath = join(root, 'sock');
  await once(server.listen(socketPath), 'listening');
  try {
    const listed = createLibpod({ socketPath, now: () => nowMs }).listSecrets('');
    if (mends) expect(await listed).toEqual([]);
    else await expect(listed).rejects.toThrow('unexpected end of JSON input');
  } finally {
    server.close();
  }
});
