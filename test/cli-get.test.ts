import { afterEach, describe, expect, test } from 'vitest';
import { apiAgent, listOf } from './fakes/api-objects.ts';
import { ago, type Answer, cli, type FakeApi, serveApi } from './fakes/cli.ts';

const AGENTS = '/apis/rookery.dev/v1alpha1/namespaces/ai-system/agents';
const ALL_AGENTS = '/apis/rookery.dev/v1alpha1/agents';

const twin = apiAgent('system-digital-twin', {
  spec: { layer: 0 },
  status: { address: '10.89.0.2', containerName: 'ai-system.system-digital-twin-3f9c21ab-1-0' },
});
const coordinator = apiAgent('coordinator', {
  ageSeconds: 5_000,
  status: { phase: 'Degraded', ready: false, restarts: 3, message: 'exited with 1\n\u001b[31mbad' },
});
const other = apiAgent('lonely', { namespace: 'default', status: { phase: 'Blocked', ready: false } });

let api: FakeApi;
const serve = async (answers: Readonly<Record<string, unknown>>): Promise<void> => {
  api = await serveApi(answers);
};
afterEach(() => api.close());

const get = (...args: string[]) => cli(['get', ...args, '--api-socket', api.socket]);

const agents = { [AGENTS]: listOf([twin, coordinator]), [ALL_AGENTS]: listOf([twin, coordinator, other]) };

describe('get prints a table without borders', () => {
  test('of the agents of one namespace, by name', async () => {
    await serve(agents);
    expect(await get('agents', '-n', 'ai-system')).toEqual({
      code: 0,
      err: '',
      out: [
        'NAME                  LAYER   PHASE      READY   RESTARTS   REVISION   AGE',
        'coordinator           1       Degraded   False   3          3f9c21ab   83m',
        'system-digital-twin   0       Healthy    True    0          3f9c21ab   5m',
        '',
      ].join('\n'),
    });
  });

  test('of all namespaces', async () => {
    await serve(agents);
    expect((await get('ag', '-A')).out).toBe(
      [
        'NAMESPACE   NAME                  LAYER   PHASE      READY   RESTARTS   REVISION   AGE',
        'ai-system   coordinator           1       Degraded   False   3          3f9c21ab   83m',
        'ai-system   system-digital-twin   0       Healthy    True    0          3f9c21ab   5m',
        'default     lonely                1       Blocked    False   0          3f9c21ab   5m',
        '',
      ].join('\n'),
    );
  });

  test('wide, every cell one harmless line', async () => {
    await serve(agents);
    expect((await get('agents', '-n', 'ai-system', '-o', 'wide')).out).toBe(
      [
        'NAME                  LAYER   PHASE      READY   RESTARTS   REVISION   AGE   REPLICAS   ADDRESS     CONTAINER                                    MESSAGE',
        'coordinator           1       Degraded   False   3          3f9c21ab   83m   1/1        <none>      <none>                                       exited with 1 \\u001b[31mbad',
        'system-digital-twin   0       Healthy    True    0          3f9c21ab   5m    1/1        10.89.0.2   ai-system.system-digital-twin-3f9c21ab-1-0',
        '',
      ].join('\n'),
    );
  });

  test('of several kinds, one after the other, each name with its kind', async () => {
    const logs = {
      ...twin,
      kind: 'Volume',
      metadata: { ...twin.metadata, name: 'logs' },
      spec: { retention: 'Retain', accessMode: 'Shared' },
      status: { phase: 'Ready', message: '', observedGeneration: 1, conditions: [] },
    };
    await serve({ [AGENTS]: listOf([twin]), [AGENTS.replace('agents', 'volumes')]: listOf([logs]) });
    expect((await get('agents,volumes', '-n', 'ai-system')).out).toBe(
      [
        'NAME                        LAYER   PHASE     READY   RESTARTS   REVISION   AGE',
        'agent/system-digital-twin   0       Healthy   True    0          3f9c21ab   5m',
        '',
        'NAME          RETENTION   ACCESS   PHASE   AGE',
        'volume/logs   Retain      Shared   Ready   5m',
        '',
      ].join('\n'),
    );
  });
});

describe('get prints for programs', () => {
  test('names', async () => {
    await serve(agents);
    expect((await get('agents', '-n', 'ai-system', '-o', 'name')).out).toBe(
      'agent/coordinator\nagent/system-digital-twin\n',
    );
  });

  test('a list as JSON, one object as itself', async () => {
    await serve({ ...agents, [`${AGENTS}/coordinator`]: coordinator });
    const list = JSON.parse((await get('agents', '-n', 'ai-system', '-o', 'json')).out);
    expect(list).toEqual({ apiVersion: 'v1', kind: 'List', metadata: {}, items: [coordinator, twin] });
    const one = await get('agent', 'coordinator', '-n', 'ai-system', '-o', 'json');
    expect(JSON.parse(one.out)).toEqual(coordinator);
    expect(one.out).not.toContain('\u001b');
  });

  test('YAML', async () => {
    const map = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...twin.metadata, name: 'common' },
      data: { FORCE_LOCAL_MODE: 'true' },
    };
    await serve({ '/api/v1/namespaces/ai-system/configmaps/common': map });
    expect((await get('cm/common', '-n', 'ai-system', '-o', 'yaml')).out).toBe(
      [
        'apiVersion: v1',
        'kind: ConfigMap',
        'metadata:',
        '  name: common',
        '  namespace: ai-system',
        '  uid: uid-of-system-digital-twin',
        '  generation: 2',
        "  resourceVersion: '7'",
        `  creationTimestamp: '${ago(300)}'`,
        'data:',
        "  FORCE_LOCAL_MODE: 'true'",
        '',
      ].join('\n'),
    );
  });
});

describe('get says what to do', () => {
  test('where the agents are, when they are in another namespace', async () => {
    await serve({ ...agents, '/apis/rookery.dev/v1alpha1/namespaces/empty/agents': listOf([]) });
    expect(await get('agents', '-n', 'empty')).toEqual({
      code: 0,
      out: '',
      err: 'no agents found in namespace "empty"; there are 3 elsewhere: add -A\n',
    });
  });

  test.each([
    [
      'cordinator',
      'rookery: agent "cordinator" not found in namespace "ai-system"; did you mean "coordinator"?\n',
    ],
    [
      'lonely',
      'rookery: agent "lonely" not found in namespace "ai-system"; there is one in another: add -n default\n',
    ],
    ['zzz', 'rookery: agent "zzz" not found in namespace "ai-system"\n'],
  ])('when there is no agent %s', async (name, err) => {
    await serve(agents);
    expect(await get('agent', name, '-n', 'ai-system')).toEqual({ code: 1, out: '', err });
  });

  test('which kinds there are', async () => {
    await serve({});
    expect((await get('agnets')).err).toBe(
      'rookery: unknown kind "agnets" (did you mean "agents"?); known are agents, podgroups, networks, volumes, images, configmaps, secrets, resourcequotas\n',
    );
  });

  test('that no controller runs', async () => {
    await serve({});
    const result = await cli(['get', 'agents', '--api-socket', `${api.socket}.not`]);
    expect(result).toEqual({
      code: 1,
      out: '',
      err: `rookery: no controller runs at ${api.socket}.not; start one with: rookery run, or say where it listens with --api-socket\n`,
    });
  });

  test('what the controller says when it refuses', async () => {
    const refuse: Answer = (_request, response) => {
      response.writeHead(503);
      response.end(
        JSON.stringify({
          kind: 'Status',
          code: 503,
          reason: 'ServiceUnavailable',
          message: 'not \u001b[2Jready',
        }),
      );
    };
    await serve({ [AGENTS]: refuse });
    expect((await get('agents', '-n', 'ai-system')).err).toBe('rookery: not \\u001b[2Jready\n');
  });
});

test('get -w goes on with a line for every change until the controller ends', async () => {
  const changed = { ...coordinator, status: { ...coordinator.status, phase: 'Healthy', ready: true } };
  const changes = [
    { type: 'MODIFIED', object: changed },
    { type: 'BOOKMARK', object: {} },
    { type: 'DELETED', object: twin },
  ];
  await serve({
    ...agents,
    [`${AGENTS}?watch=true&resourceVersion=7`]: changes
      .map((change) => `${JSON.stringify(change)}\n`)
      .join(''),
  });
  expect(await get('agents', '-w', '-n', 'ai-system')).toEqual({
    code: 1,
    out: [
      'NAME                  LAYER   PHASE      READY   RESTARTS   REVISION   AGE',
      'coordinator           1       Degraded   False   3          3f9c21ab   83m',
      'system-digital-twin   0       Healthy    True    0          3f9c21ab   5m',
      'coordinator           1       Healthy    True    3          3f9c21ab   83m',
      'system-digital-twin   0       Healthy    True    0          3f9c21ab   5m',
      '',
    ].join('\n'),
    err: 'rookery: the controller ended; start it again with: rookery run\n',
  });
});

test('get -w of one object tells its changes only', async () => {
  const changes = [
    { type: 'MODIFIED', object: twin },
    { type: 'DELETED', object: coordinator },
  ];
  await serve({
    ...agents,
    [`${AGENTS}?watch=true&resourceVersion=7`]: changes
      .map((change) => `${JSON.stringify(change)}\n`)
      .join(''),
  });
  expect((await get('agent', 'coordinator', '-w', '-o', 'name', '-n', 'ai-system')).out).toBe(
    'agent/coordinator\nagent/coordinator\n',
  );
});
