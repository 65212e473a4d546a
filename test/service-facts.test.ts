import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { chown, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serviceFacts } from '../src/podman/service-facts.ts';
import { createFakePodman, type FakePodman } from './fakes/fake-podman.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

let directory: string;
let podman: FakePodman;
let socket: string;
let closeSocket: () => void;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-facts-'));
  podman = createFakePodman({ clock: createSimulatedClock() });
  socket = join(directory, 'podman.sock');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  closeSocket = () => void server.close();
});

afterEach(() => {
  closeSocket();
  rmSync(directory, { recursive: true });
});

const ask = (apiVersion = '4.3.1') =>
  serviceFacts(podman, { socket, apiVersion, cacheFile: join(directory, 'podman.json') });

const questions = (): number => podman.controls.calls.filter(({ method }) => method === 'info').length;

/** A user's socket; root's own is the other test. */
const giveAway = (): Promise<void> => (isRoot ? chown(socket, NOBODY, NOBODY) : Promise.resolve());

// Only root has a socket of root's.
test.runIf(isRoot)("root's socket is root's Podman, without a question", async () => {
  expect(await ask()).toEqual({ version: '4.3.1', rootless: false });
  expect(questions()).toBe(0);
});

test('any other is asked once', async () => {
  await giveAway();
  const first = await ask();
  expect(await ask()).toEqual(first);
  expect(questions()).toBe(1);
});

test('it is asked again after an upgrade, and when its socket is another one', async () => {
  await giveAway();
  await ask();
  await ask('5.4.2');
  expect(questions()).toBe(2);
  utimesSync(socket, 1, 1);
  await ask('5.4.2');
  expect(questions()).toBe(3);
});

test.each(['', '{', '{"identity":1}', '{"identity":"x","facts":{}}'])(
  'a note that says nothing (%j) is passed over and written anew',
  async (text) => {
    await giveAway();
    const file = join(directory, 'podman.json');
    await writeFile(file, text);
    await ask();
    expect(questions()).toBe(1);
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ facts: { rootless: false } });
  },
);
