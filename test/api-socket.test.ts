import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, startServer } from '../src/server/server.ts';
import { createFakeBackend } from './fakes/fake-backend.ts';
import { createRecordingLog } from './fakes/log.ts';
import { call, temporaryDirectory } from './fakes/unix-socket.ts';

const directory = temporaryDirectory();
const log = createRecordingLog();
const backend = createFakeBackend();
let number = 0;
let socketPath: string;
let server: ApiServer | undefined;

const start = async (): Promise<void> => {
  server = await startServer({ backend, socketPath, log });
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

describe('the socket', () => {
  test('only its owner may open it or its directory', async () => {
    const umask = process.umask();
    await start();
    expect(process.umask()).toBe(umask);
    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(socketPath).uid).toBe(process.getuid?.());
    expect(statSync(dirname(socketPath)).mode & 0o777).toBe(0o700);
  });

  test('is gone after the end', async () => {
    await start();
    await server?.close();
    expect(existsSync(socketPath)).toBe(false);
  });

  test('a stale one is replaced', async () => {
    mkdirSync(dirname(socketPath));
    await leaveStaleSocket(socketPath);
    expect(existsSync(socketPath)).toBe(true);
    await start();
    expect((await call(socketPath, '/healthz')).text).toBe('ok');
  });

  test('one that somebody answers on is left alone', async () => {
    await start();
    const second = startServer({ backend, socketPath, log });
    await expect(second).rejects.toThrow(/another controller answers on .*--api-socket/);
    expect((await call(socketPath, '/healthz')).text).toBe('ok');
  });

  test('a file in its place is left alone', async () => {
    mkdirSync(dirname(socketPath));
    writeFileSync(socketPath, 'precious');
    await expect(start()).rejects.toThrow(/is no socket/);
    expect(statSync(socketPath).size).toBe(8);
  });

  test('a place that cannot be written says what to do', async () => {
    socketPath = '/proc/none/api.sock';
    await expect(start()).rejects.toThrow(/cannot listen on .*--api-socket/);
  });
});

/** What a killed process leaves: the file without its listener. */
async function leaveStaleSocket(path: string): Promise<void> {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(`${path}.old`, resolve));
  renameSync(`${path}.old`, path);
  await new Promise((resolve) => listener.close(resolve));
}
