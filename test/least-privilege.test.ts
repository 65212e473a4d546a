import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectPodman } from '../src/podman/connect.ts';
import { type ApiServer, startServer } from '../src/server/server.ts';
import { createFakeBackend } from './fakes/fake-backend.ts';
import { createRecordingLog } from './fakes/log.ts';
import { call, temporaryDirectory } from './fakes/unix-socket.ts';

const directory = temporaryDirectory();
let number = 0;
let socketPath: string;
let server: ApiServer | undefined;
const start = async (): Promise<void> => {
  server = await startServer({ backend: createFakeBackend(), socketPath, log: createRecordingLog() });
};

beforeEach(() => {
  number += 1;
  socketPath = join(directory.path, String(number), 'api.sock');
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(directory.remove);

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe('the directory of the API socket', () => {
  test.each([0o770, 0o777, 0o702])('is refused when others may write in it (%o)', async (mode) => {
    mkdirSync(dirname(socketPath));
    chmodSync(dirname(socketPath), mode);
    await expect(start()).rejects.toThrow(/is open to other users.*chmod go-w/);
  });

  test('may be a sticky one, in which nobody replaces what is not theirs', async () => {
    mkdirSync(dirname(socketPath));
    chmodSync(dirname(socketPath), 0o1777);
    await start();
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  });

  // Only root can give a directory away.
  test.runIf(isRoot)('is refused when it is somebody else’s', async () => {
    mkdirSync(dirname(socketPath), { mode: 0o755 });
    chownSync(dirname(socketPath), NOBODY, NOBODY);
    await expect(start()).rejects.toThrow(/belongs to user 65534/);
  });

  test('a link in the place of the socket is left alone', async () => {
    mkdirSync(dirname(socketPath), { mode: 0o700 });
    symlinkSync('/etc/passwd', socketPath);
    await expect(start()).rejects.toThrow(/is there and is no socket/);
  });

  test.each([0o000, 0o077, 0o022])('whatever the umask (%o), the socket is its owner’s', async (mask) => {
    const before = process.umask(mask);
    try {
      await start();
    } finally {
      process.umask(before);
    }
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(socketPath)).mode & 0o077).toBe(0);
  });
});

// Only root can give a socket away.
test.runIf(isRoot)('a Podman socket of another user is told nothing', async () => {
  mkdirSync(dirname(socketPath), { mode: 0o700 });
  const other = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => other.listen(socketPath, resolve));
  chownSync(socketPath, NOBODY, NOBODY);
  await expect(connectPodman([socketPath], Date.now)).rejects.toThrow(/belongs to user 65534/);
  other.close();
});

test('a client that never ends its request loses its connection', async () => {
  const limits = { receiveTimeoutMs: 200 };
  const log = createRecordingLog();
  server = await startServer({ backend: createFakeBackend(), socketPath, log, limits });
  const client = connect(socketPath);
  client.on('error', () => undefined);
  client.resume();
  client.write('GET /healthz HTTP/1.1\r\nHost: ');
  await new Promise<void>((resolve) => client.once('close', () => resolve()));
  expect(client.destroyed).toBe(true);
}, 5_000);

test('clients that never end their request keep nobody waiting', async () => {
  await start();
  const slow = Array.from({ length: 50 }, () => connect(socketPath));
  for (const socket of slow) socket.write('GET /healthz HTTP/1.1\r\nhost:');
  await expect.poll(() => slow.every(({ bytesWritten }) => bytesWritten > 0)).toBe(true);
  expect((await call(socketPath, '/healthz')).code).toBe(200);
  for (const socket of slow) socket.destroy();
});
