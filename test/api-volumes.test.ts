import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startServer } from '../src/server/server.ts';
import { createFakeBackend, fakeAgent } from './fakes/fake-backend.ts';
import { createRecordingLog } from './fakes/log.ts';
import { call, temporaryDirectory } from './fakes/unix-socket.ts';

const GROUP = '/apis/rookery.dev/v1alpha1';
const RESTORE = `${GROUP}/namespaces/a/volumes/data/restore`;

test('exports of volumes, putting one back, and consent to removals by name', async () => {
  const directory = temporaryDirectory();
  const socketPath = join(directory.path, 'api.sock');
  const backend = createFakeBackend();
  const server = await startServer({ backend, socketPath, log: createRecordingLog(), limits: {} });
  const post = async (path: string) => (await call(socketPath, path, { method: 'POST' })).code;
  try {
    const { text } = await call(socketPath, `${GROUP}/exports`);
    expect(JSON.parse(text)).toMatchObject({ items: [{ volume: 'a/data' }] });
    expect(await post(RESTORE)).toBe(404);
    backend.registry.publish({ ...fakeAgent('data', { namespace: 'a' }), kind: 'Volume' });
    expect(await post(RESTORE)).toBe(200);
    expect(await post(`${RESTORE}?from=x.tar`)).toBe(200);
    expect((await call(socketPath, RESTORE)).code).toBe(405);
    expect(await post(`${GROUP}/sync?approve=Agent/a/web&approve=Volume/a/data`)).toBe(200);
    expect(await post(`${GROUP}/sync?approve=web`)).toBe(400);
    expect(backend.asked).toEqual([
      'restore a/data from the newest',
      'restore a/data from x.tar',
      'sync, Agent/a/web, Volume/a/data',
    ]);
  } finally {
    await server.close();
    directory.remove();
  }
});
