import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLibpod } from '../src/podman/libpod.ts';
import type { Podman } from '../src/podman/podman.ts';

let directory: string;
let server: Server;
let closed: Promise<unknown>;
let podman: Podman;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-hung-'));
  writeFileSync(join(directory, 'Containerfile'), 'FROM scratch');
  closed = new Promise((resolve) => {
    server = createServer((request, response) => {
      request.resume();
      request.socket.once('close', resolve);
      response.write('{"stream":"STEP 1"}\n');
    });
  });
  const socketPath = join(directory, 'sock');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  podman = createLibpod({ socketPath, now: Date.now, imageTimeouts: { buildMs: 500, pullMs: 500 } });
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

test.each([
  [
    'build',
    (progress: (line: string) => void, signal: AbortSignal) =>
      podman.buildImage(
        { contextDir: directory, containerfile: 'Containerfile', tags: ['t'], args: {}, labels: {} },
        progress,
        signal,
      ),
  ],
  [
    'pull',
    (progress: (line: string) => void, signal: AbortSignal) => podman.pullImage('image', progress, signal),
  ],
])('a %s that began and says nothing more ends, and so does its connection', async (_what, call) => {
  const lines: string[] = [];
  const { signal } = new AbortController();
  await expect(call((line) => lines.push(line), signal)).rejects.toMatchObject({ kind: 'Timeout' });
  expect(lines).toEqual(['STEP 1']);
  await closed;
});
