import { Agent } from 'node:http';
import { join } from 'node:path';
import {
  CustomObjectsApi,
  createConfiguration,
  KubeConfig,
  makeInformer,
  ServerConfiguration,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startServer } from '../src/server/server.ts';
import { createFakeBackend, fakeAgent } from './fakes/fake-backend.ts';
import { createRecordingLog } from './fakes/log.ts';
import { temporaryDirectory } from './fakes/unix-socket.ts';

const directory = temporaryDirectory();
const socketPath = join(directory.path, 'api.sock');
const backend = createFakeBackend();
let server: ApiServer;

beforeAll(async () => {
  server = await startServer({ backend, socketPath, log: createRecordingLog() });
});
afterAll(async () => {
  await server.close();
  directory.remove();
});

const GROUP = { group: 'rookery.dev', version: 'v1alpha1', namespace: 'default', plural: 'agents' };

/** Kubernetes' own client knows no unix sockets, but takes an agent that does. */
class SocketConfig extends KubeConfig {
  readonly agent = new Agent({ socketPath } as object);

  constructor() {
    super();
    this.loadFromClusterAndUser(
      { name: 'rookery', server: 'http://rookery', skipTLSVerify: true },
      { name: 'me' },
    );
  }

  override async applyToFetchOptions(): Promise<never> {
    return { agent: this.agent } as never;
  }
}

interface AgentObject {
  metadata: { name: string; namespace: string; resourceVersion: string };
  status: { phase: string };
}

const clientOf = (config: SocketConfig) =>
  new CustomObjectsApi(
    createConfiguration({
      baseServer: new ServerConfiguration('http://rookery', {}),
      promiseMiddleware: [
        {
          pre: async (request) => {
            request.setAgent(config.agent);
            return request;
          },
          post: async (response) => response,
        },
      ],
    }),
  );

test("Kubernetes' own client lists, gets, is refused, and its informer follows", async () => {
  backend.registry.publish(fakeAgent('twin'));
  const config = new SocketConfig();
  const client = clientOf(config);
  const list = async () => (await client.listNamespacedCustomObject(GROUP)) as { items: AgentObject[] };

  expect((await list()).items.map(({ metadata }) => metadata.name)).toEqual(['twin']);
  await expect(client.getNamespacedCustomObject({ ...GROUP, name: 'nobody' })).rejects.toMatchObject({
    code: 404,
  });
  await expect(client.deleteNamespacedCustomObject({ ...GROUP, name: 'twin' })).rejects.toMatchObject({
    code: 405,
  });

  const path = '/apis/rookery.dev/v1alpha1/namespaces/default/agents';
  const informer = makeInformer(config, path, list as never);
  const seen: string[] = [];
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, (object) => {
      const { metadata, status } = object as unknown as AgentObject;
      seen.push(`${verb} ${metadata.name} ${status.phase}`);
    });
  }
  await informer.start();
  backend.registry.publish(fakeAgent('twin', { status: { phase: 'Degraded' } }));
  backend.registry.publish(fakeAgent('model-manager', { status: { phase: 'Pending' } }));
  backend.registry.remove('Agent', 'default', 'twin');
  await expect
    .poll(() => seen)
    .toEqual([
      'add twin Healthy',
      'update twin Degraded',
      'add model-manager Pending',
      'delete twin Degraded',
    ]);
  await informer.stop();
});
