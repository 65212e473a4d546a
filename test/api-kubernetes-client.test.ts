import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import {
  CoreV1Api,
  CustomObjectsApi,
  type KubernetesListObject,
  type KubernetesObject,
  KubeConfig,
  Log,
  makeInformer,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startServer } from '../src/server/server.ts';
import { createFakeBackend, fakeAgent, fakeEvent, lines } from './fakes/fake-backend.ts';
import { createRecordingLog } from './fakes/log.ts';
import { temporaryDirectory } from './fakes/unix-socket.ts';

const directory = temporaryDirectory();
const socketPath = join(directory.path, 'api.sock');
const backend = createFakeBackend();
const config = new KubeConfig();
const agents = {
  group: 'rookery.dev',
  version: 'v1alpha1',
  namespace: 'default',
  plural: 'agents',
};
let api: ApiServer;
let bridge: Server;

beforeAll(async () => {
  api = await startServer({ backend, socketPath, log: createRecordingLog() });
  bridge = await bridgeTo(socketPath);
  const { port } = bridge.address() as { port: number };
  const server = `http://127.0.0.1:${port}`;
  config.loadFromClusterAndUser({ name: 'c', server, skipTLSVerify: true }, { name: 'u' });
});
afterAll(async () => {
  await api.close();
  bridge.close();
  directory.remove();
});

/** Kubernetes' client knows no unix sockets. */
async function bridgeTo(path: string): Promise<Server> {
  const server = createServer((inward) => {
    const outward = connect(path);
    for (const socket of [inward, outward]) {
      socket.on('error', () => undefined);
      socket.once('close', () => [inward, outward].forEach((end) => end.destroy()));
    }
    inward.pipe(outward).pipe(inward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

test("Kubernetes' own client reads events and logs", async () => {
  backend.registry.publish(fakeAgent('a'));
  backend.output.set('default/a', lines('one', 'two'));
  backend.happen(fakeEvent('a'));
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedEvent({ namespace: 'default' });
  expect(items.map(({ reason, involvedObject }) => `${reason} ${involvedObject.name}`)).toEqual([
    'Started a',
  ]);
  const output = new PassThrough().setEncoding('utf8');
  await new Log(config).log('default', 'a', '', output);
  let text = '';
  for await (const chunk of output) text += String(chunk);
  expect(text).toBe('one\ntwo\n');
});

const list = async () =>
  (await config
    .makeApiClient(CustomObjectsApi)
    .listNamespacedCustomObject(agents)) as KubernetesListObject<KubernetesObject>;

test("Kubernetes' informer lists anew when its history is gone", async () => {
  let lists = 0;
  const staleAtFirst: typeof list = async () => {
    lists += 1;
    const fresh = await list();
    return lists > 1 ? fresh : { ...fresh, metadata: { resourceVersion: '5' } };
  };
  const seen: string[] = [];
  const path = '/apis/rookery.dev/v1alpha1/namespaces/default/agents';
  const informer = makeInformer(config, path, staleAtFirst);
  informer.on('add', ({ metadata }) => void seen.push(`add ${metadata?.name}`));
  await informer.start();
  await expect.poll(() => lists).toBe(2);
  backend.registry.publish(fakeAgent('c'));
  await expect.poll(() => seen).toContain('add c');
  await informer.stop();
});
