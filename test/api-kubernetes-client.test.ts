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

test("Kubernetes' own client lists, gets, and is refused in its own words", async () => {
  backend.registry.publish(fakeAgent('a'));
  const client = config.makeApiClient(CustomObjectsApi);
  const list = (await client.listNamespacedCustomObject(agents)) as KubernetesListObject<KubernetesObject>;
  expect(list.items.map(({ metadata }) => metadata?.name)).toEqual(['a']);
  expect(await client.getNamespacedCustomObject({ ...agents, name: 'a' })).toMatchObject({ kind: 'Agent' });
  await expect(client.deleteNamespacedCustomObject({ ...agents, name: 'a' })).rejects.toMatchObject({
    code: 405,
    body: expect.stringContaining('the files are the truth') as unknown,
  });
});

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

/** Notes what an informer of the agents says. */
function follow(listed: typeof list) {
  const seen: string[] = [];
  const informer = makeInformer(config, '/apis/rookery.dev/v1alpha1/namespaces/default/agents', listed);
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, ({ metadata }) => void seen.push(`${verb} ${metadata?.name}`));
  return { informer, seen };
}

test("Kubernetes' informer follows", async () => {
  backend.registry.publish(fakeAgent('b'));
  const { informer, seen } = follow(list);
  await informer.start();
  await expect.poll(() => seen).toContain('add b');
  backend.registry.publish(fakeAgent('b', { status: { phase: 'Degraded' } }));
  await expect.poll(() => seen).toContain('update b');
  backend.registry.remove('Agent', 'default', 'b');
  await expect.poll(() => seen).toContain('delete b');
  await informer.stop();
});

test("Kubernetes' informer lists anew when its history is gone", async () => {
  let lists = 0;
  const staleAtFirst: typeof list = async () => {
    lists += 1;
    const fresh = await list();
    return lists > 1 ? fresh : { ...fresh, metadata: { resourceVersion: '5' } };
  };
  const { informer, seen } = follow(staleAtFirst);
  await informer.start();
  await expect.poll(() => lists).toBe(2);
  backend.registry.publish(fakeAgent('c'));
  await expect.poll(() => seen).toContain('add c');
  await informer.stop();
});
