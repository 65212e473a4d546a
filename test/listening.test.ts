import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { selectorOf } from '../src/server/selectors.ts';
import { listenPrivately } from '../src/server/socket.ts';

test('connections that cannot be accepted end nothing, and are told', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-listen-'));
  const server = createServer();
  const told: string[] = [];
  try {
    await listenPrivately(server, join(directory, 'sock'), ({ message }) => told.push(message));
    // As Node does for each when files have run out.
    for (const message of ['EMFILE', 'ENFILE']) server.emit('error', new Error(message));
    expect(told).toEqual(['EMFILE', 'ENFILE']);
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
});

test('no selector takes long to refuse', () => {
  const startedAt = performance.now();
  for (const field of ['labelSelector', 'fieldSelector'])
    expect(() => selectorOf(new URLSearchParams({ [field]: `a=${' '.repeat(100_000)}!` }))).toThrow();
  expect(performance.now() - startedAt).toBeLessThan(1_000);
});
