import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ApiServer, type ServerLimits, startServer } from '../src/server/server.ts';
import { createFakeBackend, fakeAgent, fakeEvent, lines } from './fakes/fake-backend.ts';
import { createRecordingLog } from './fakes/log.ts';
import { call, collectLines, open, temporaryDirectory } from './fakes/unix-socket.ts';

const AGENTS = '/apis/rookery.dev/v1alpha1/namespaces/default/agents';
const ALL_AGENTS = '/apis/rookery.dev/v1alpha1/agents';

const directory = temporaryDirectory();
const log = createRecordingLog();
let number = 0;
let socketPath: string;
let backend: ReturnType<typeof createFakeBackend>;
let server: ApiServer | undefined;

const start = async (limits: Partial<ServerLimits> = {}): Promise<void> => {
  server = await startServer({ backend, socketPath, log, limits });
};
const get = async (path: string) => {
  const { code, text } = await call(socketPath, path);
  return { code, body: JSON.parse(text) as unknown };
};

beforeEach(() => {
  number += 1;
  socketPath = join(directory.path, String(number), 'api.sock');
  backend = createFakeBackend();
});
afterEach(async () => {
  await server?.close();
  server = undefined;
});
afterAll(directory.remove);

describe('reading', () => {
  test('a list has its version and its objects', async () => {
    backend.registry.publish(fakeAgent('b'));
    backend.registry.publish(fakeAgent('a', { namespace: 'other' }));
    await start();
    expect((await get(ALL_AGENTS)).body).toMatchObject({
      kind: 'AgentList',
      apiVersion: 'rookery.dev/v1alpha1',
      metadata: { resourceVersion: '1002' },
      items: [{ metadata: { name: 'b' } }, { metadata: { name: 'a' } }],
    });
    expect((await get(AGENTS)).body).toMatchObject({ items: [{ metadata: { name: 'b' } }] });
    expect((await get(`${AGENTS}/b`)).body).toMatchObject({ kind: 'Agent', metadata: { name: 'b' } });
  });

  test('core kinds are below /api/v1, and not below ours', async () => {
    backend.registry.publish({ ...fakeAgent('c'), apiVersion: 'v1', kind: 'ConfigMap' });
    await start();
    expect((await get('/api/v1/namespaces/default/configmaps/c')).code).toBe(200);
    expect((await get('/apis/rookery.dev/v1alpha1/configmaps')).code).toBe(404);
    expect((await get('/api/v1/agents')).code).toBe(404);
  });

  test('of a Secret no value, whichever way it is asked for', async () => {
    const secret = { ...fakeAgent('s'), apiVersion: 'v1', kind: 'Secret' };
    backend.registry.publish({
      ...secret,
      spec: { stringData: { token: 'hunter2' } },
      data: { token: 'hunter2' },
    });
    await start();
    const secrets = '/api/v1/namespaces/default/secrets';
    const watched = collectLines(await open(socketPath, `${secrets}?watch=true`));
    const [one, list] = [await call(socketPath, `${secrets}/s`), await call(socketPath, '/api/v1/secrets')];
    for (const text of [one.text, list.text, ...(await watched.until(1))]) {
      expect(text).toContain('"data":{"token":""}');
      expect(text).not.toContain('hunter2');
    }
  });

  test.each([
    ['fieldSelector=metadata.name%3Da', ['a']],
    ['fieldSelector=metadata.name!%3Da', ['b', 'c']],
    ['fieldSelector=status.phase%3DFailed', ['c']],
    ['labelSelector=tier%3Dfront', ['a']],
    ['labelSelector=tier%3D%3Dback,extra', ['b']],
    ['labelSelector=!tier', ['c']],
  ])('selects by %s', async (query, names) => {
    backend.registry.publish(fakeAgent('a', { labels: { tier: 'front' } }));
    backend.registry.publish(fakeAgent('b', { labels: { tier: 'back', extra: '' } }));
    backend.registry.publish(fakeAgent('c', { status: { phase: 'Failed' } }));
    await start();
    const { body } = await get(`${AGENTS}?${query}`);
    expect(
      (body as { items: { metadata: { name: string } }[] }).items.map(({ metadata }) => metadata.name),
    ).toEqual(names);
  });

  test('discovery names what is here', async () => {
    await start();
    expect((await get('/apis')).body).toMatchObject({
      kind: 'APIGroupList',
      groups: [{ name: 'rookery.dev' }],
    });
    expect((await get('/apis/rookery.dev/v1alpha1')).body).toMatchObject({
      kind: 'APIResourceList',
      groupVersion: 'rookery.dev/v1alpha1',
      resources: expect.arrayContaining([
        expect.objectContaining({
          name: 'agents',
          kind: 'Agent',
          shortNames: ['ag'],
          verbs: ['get', 'list', 'watch'],
        }),
      ]) as unknown,
    });
    expect(JSON.stringify((await get('/api/v1')).body)).toContain('"pods/log"');
  });
});

describe('errors are Status objects', () => {
  test.each([
    ['/apis/rookery.dev/v1alpha1/widgets', 404, 'NotFound', /could not find the requested resource/],
    [`${AGENTS}/nobody`, 404, 'NotFound', /agents.rookery.dev "nobody" not found/],
    ['/elsewhere', 404, 'NotFound', /\/elsewhere/],
    [`${AGENTS}/quiet/status`, 404, 'NotFound', /quiet\/status/],
    [`${AGENTS}/%zz`, 400, 'BadRequest', /escape/],
    [`${AGENTS}?fieldSelector=spec.image%3Dx`, 400, 'BadRequest', /not supported; fields: metadata.name/],
    [`${AGENTS}?labelSelector=a+in+(b)`, 400, 'BadRequest', /key=value/],
    [`${AGENTS}?watch=perhaps`, 400, 'BadRequest', /watch "perhaps" must be true or false/],
    [`${AGENTS}?watch=true&resourceVersion=abc`, 400, 'BadRequest', /resourceVersion "abc"/],
    [`${AGENTS}?watch=true&resourceVersion=5`, 410, 'Expired', /too old resource version: 5/],
    ['/api/v1/namespaces/default/pods/nobody/log', 404, 'NotFound', /agents "nobody" not found/],
    ['/api/v1/namespaces/default/pods/quiet/log', 400, 'BadRequest', /has no container/],
    ['/api/v1/namespaces/default/pods/quiet/log?tailLines=-1', 400, 'BadRequest', /tailLines "-1"/],
    ['/api/v1/namespaces/default/pods/quiet/log?sinceTime=noon', 400, 'BadRequest', /sinceTime "noon"/],
    [
      '/api/v1/namespaces/default/pods/quiet/log?sinceSeconds=1&sinceTime=2026-01-01',
      400,
      'BadRequest',
      /not both/,
    ],
  ])('%s → %i %s', async (path, code, reason, message) => {
    backend.registry.publish(fakeAgent('quiet'));
    await start();
    const reply = await get(path);
    expect(reply).toMatchObject({ code, body: { kind: 'Status', status: 'Failure', code, reason } });
    expect((reply.body as { message: string }).message).toMatch(message);
  });

  test.each([
    ['DELETE', `${AGENTS}/a`, /the files are the truth: edit the manifest of default\/a, or delete it/],
    ['PATCH', `${AGENTS}/a`, /the files are the truth/],
    ['POST', AGENTS, /edit the manifests, and the controller follows/],
    ['GET', '/apis/rookery.dev/v1alpha1/sync', /sync is asked for with POST/],
    ['POST', '/healthz', /with GET/],
  ])('%s %s is not allowed, and says what to do', async (method, path, message) => {
    await start();
    const { code, text } = await call(socketPath, path, { method });
    expect(code).toBe(405);
    expect(JSON.parse(text)).toMatchObject({
      reason: 'MethodNotAllowed',
      message: expect.stringMatching(message) as unknown,
    });
  });

  test('Podman away is 503, anything unforeseen 500 and in the log', async () => {
    await start();
    const fail = (error: Error) => {
      backend.plan = async () => {
        throw error;
      };
      return call(socketPath, '/apis/rookery.dev/v1alpha1/plan', { method: 'POST' });
    };
    expect((await fail(Object.assign(new Error('no answer'), { name: 'PodmanError' }))).code).toBe(503);
    expect((await fail(new Error('boom'))).code).toBe(500);
    expect(log.lines()).toContain('error the API could not answer');
  });
});

describe('bounds', () => {
  test('a body', async () => {
    await start({ mostBodyBytes: 100 });
    const plan = '/apis/rookery.dev/v1alpha1/plan';
    expect((await call(socketPath, plan, { method: 'POST', body: 'x'.repeat(101) })).code).toBe(413);
    expect((await call(socketPath, plan, { method: 'POST', body: 'x'.repeat(100) })).code).toBe(200);
  });

  test('headers', async () => {
    await start();
    expect((await call(socketPath, '/healthz', { headers: { big: 'x'.repeat(20_000) } })).code).toBe(431);
  });

  test('open streams, which are free again when their client goes', async () => {
    await start({ mostStreams: 1 });
    const first = await open(socketPath, `${AGENTS}?watch=true`);
    expect((await call(socketPath, `${AGENTS}?watch=true`)).code).toBe(429);
    expect((await call(socketPath, AGENTS)).code).toBe(200);
    first.destroy();
    await expect
      .poll(async () => {
        const next = await open(socketPath, `${AGENTS}?watch=true`);
        next.destroy();
        return next.statusCode;
      })
      .toBe(200);
  });

  test('a client that goes before its request has ended keeps no stream', async () => {
    await start({ mostStreams: 1 });
    const half = connect(socketPath);
    half.write(`GET ${AGENTS}?watch=true HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n1234`);
    await expect.poll(() => half.bytesWritten).toBeGreaterThan(0);
    await call(socketPath, '/healthz');
    half.destroy();
    await new Promise((resolve) => half.once('close', resolve));
    await call(socketPath, '/healthz');
    const next = await open(socketPath, `${AGENTS}?watch=true`);
    expect(next.statusCode).toBe(200);
    next.destroy();
  });

  test('the time to answer', async () => {
    await start({ answerTimeoutMs: 20 });
    backend.plan = () => new Promise(() => undefined);
    const { code, text } = await call(socketPath, '/apis/rookery.dev/v1alpha1/plan', { method: 'POST' });
    expect(code).toBe(504);
    expect(text).toContain('"reason":"Timeout"');
  });

  test('a watcher that does not read is cut, and the others go on', async () => {
    await start();
    const lazy = await open(socketPath, `${AGENTS}?watch=true`);
    const keen = collectLines(await open(socketPath, `${AGENTS}?watch=true`));
    const gone = new Promise((resolve) => lazy.once('error', resolve).once('close', resolve));
    const message = 'x'.repeat(1_000_000);
    for (let round = 1; round <= 20; round += 1) {
      backend.registry.publish(fakeAgent('a', { status: { restarts: round, message } }));
      await keen.until(round);
    }
    lazy.resume();
    await gone;
    expect(lazy.complete).toBe(false);
    expect(keen.lines).toHaveLength(20);
  });
});

describe('watching', () => {
  test('however much is there already, a client that reads gets all of it', async () => {
    const message = 'x'.repeat(1_000_000);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
      backend.registry.publish(fakeAgent(name, { status: { message } }));
    await start();
    const stream = collectLines(await open(socketPath, `${AGENTS}?watch=true`));
    await stream.until(8);
    backend.registry.publish(fakeAgent('a', { status: { message: `${message}${'y'.repeat(5_000_000)}` } }));
    expect(watched(await stream.until(9)).at(-1)).toBe('MODIFIED a 1009');
  });

  const watched = (texts: readonly string[]) =>
    texts.map((text) => {
      const { type, object } = JSON.parse(text) as {
        type: string;
        object: { metadata: Record<string, string> };
      };
      return `${type} ${object.metadata['name']} ${object.metadata['resourceVersion']}`;
    });

  test('without a version: what is there, then what changes', async () => {
    backend.registry.publish(fakeAgent('a'));
    await start();
    const stream = collectLines(await open(socketPath, `${ALL_AGENTS}?watch=true`));
    await stream.until(1);
    backend.registry.publish(fakeAgent('a', { status: { phase: 'Degraded' } }));
    backend.registry.remove('Agent', 'default', 'a');
    expect(watched(await stream.until(3))).toEqual(['ADDED a 1001', 'MODIFIED a 1002', 'DELETED a 1003']);
  });

  test('from a version: what was missed, then what changes', async () => {
    backend.registry.publish(fakeAgent('a'));
    backend.registry.publish(fakeAgent('b'));
    await start();
    const stream = collectLines(await open(socketPath, `${AGENTS}?watch=true&resourceVersion=1001`));
    await stream.until(1);
    backend.registry.publish(fakeAgent('c', { namespace: 'other' }));
    backend.registry.publish(fakeAgent('d'));
    expect(watched(await stream.until(2))).toEqual(['ADDED b 1002', 'ADDED d 1004']);
  });

  test("Kubernetes' streaming list ends what is there with a bookmark", async () => {
    backend.registry.publish(fakeAgent('a'));
    await start();
    const query = 'watch=true&sendInitialEvents=true&allowWatchBookmarks=true';
    const stream = collectLines(await open(socketPath, `${AGENTS}?${query}`));
    const [, bookmark = ''] = await stream.until(2);
    expect(JSON.parse(bookmark)).toEqual({
      type: 'BOOKMARK',
      object: {
        kind: 'Agent',
        apiVersion: 'rookery.dev/v1alpha1',
        metadata: { resourceVersion: '1001', annotations: { 'k8s.io/initial-events-end': 'true' } },
      },
    });
  });

  test('what a change takes out of the selection is deleted for this client', async () => {
    backend.registry.publish(fakeAgent('a', { labels: { tier: 'front' } }));
    await start();
    const stream = collectLines(await open(socketPath, `${AGENTS}?watch=true&labelSelector=tier%3Dfront`));
    await stream.until(1);
    backend.registry.publish(fakeAgent('b', { labels: { tier: 'back' } }));
    backend.registry.publish(fakeAgent('a', { labels: { tier: 'back' } }));
    backend.registry.publish(fakeAgent('a', { labels: { tier: 'front' } }));
    expect(watched(await stream.until(3))).toEqual(['ADDED a 1001', 'DELETED a 1003', 'ADDED a 1004']);
  });

  test('ends after timeoutSeconds, and when the server stops', async () => {
    await start();
    const short = collectLines(await open(socketPath, `${AGENTS}?watch=true&timeoutSeconds=1`));
    await short.ended;
    const message = await open(socketPath, `${AGENTS}?watch=true`);
    const long = collectLines(message);
    await server?.close();
    await long.ended;
    expect(message.complete).toBe(true);
  });

  test('nobody watches for a client that has gone', async () => {
    let watchers = 0;
    const { registry } = backend;
    backend = {
      ...backend,
      objects: {
        ...registry,
        watch: (selector, onChange) => {
          const stop = registry.watch(selector, onChange);
          watchers += 1;
          return () => {
            watchers -= 1;
            stop();
          };
        },
      },
    };
    await start();
    const message = await open(socketPath, `${AGENTS}?watch=true`);
    expect(watchers).toBe(1);
    message.destroy();
    await expect.poll(() => watchers).toBe(0);
  });

  test('events: what is kept, then what happens', async () => {
    const first = fakeEvent('a');
    backend.happen(first);
    backend.happen(fakeEvent('b', { metadata: { name: 'b.x', namespace: 'other', resourceVersion: '77' } }));
    await start();
    const path = '/api/v1/namespaces/default/events';
    expect((await get(path)).body).toMatchObject({
      kind: 'EventList',
      metadata: { resourceVersion: '77' },
      items: [{ kind: 'Event', apiVersion: 'v1', involvedObject: { name: 'a' } }],
    });
    const stream = collectLines(await open(socketPath, `${path}?watch=true&resourceVersion=77`));
    backend.happen(fakeEvent('b', { metadata: { name: 'b.y', namespace: 'other', resourceVersion: '78' } }));
    backend.happen({ ...first, metadata: { ...first.metadata, resourceVersion: '79' }, count: 2 });
    const [event = ''] = await stream.until(1);
    expect(JSON.parse(event)).toMatchObject({ type: 'MODIFIED', object: { kind: 'Event', count: 2 } });
  });
});

describe('logs', () => {
  const path = '/api/v1/namespaces/default/pods/a/log';

  test('are lines of text, with the time when asked', async () => {
    backend.registry.publish(fakeAgent('a'));
    backend.output.set('default/a', lines('one', 'two'));
    await start();
    const { text, headers } = await call(socketPath, path);
    expect(text).toBe('one\ntwo\n');
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(
      (await call(socketPath, `${path}?timestamps=true&tailLines=5&sinceTime=2026-01-01T00:00:00Z`)).text,
    ).toBe('2026-01-01T00:00:00.000Z one\n2026-01-01T00:00:00.000Z two\n');
    expect(backend.asked.at(-1)).toBe(
      'logs default/a {"follow":false,"timestamps":true,"previous":false,"tailLines":5,"sinceMs":1767225600000}',
    );
  });

  test('go back so many seconds', async () => {
    backend.registry.publish(fakeAgent('a'));
    backend.output.set('default/a', lines('one'));
    await start();
    const beforeMs = Date.now();
    await call(socketPath, `${path}?sinceSeconds=60&previous=true`);
    const asked = backend.asked.at(-1)?.replace('logs default/a ', '') ?? '{}';
    const { sinceMs, previous } = JSON.parse(asked) as { sinceMs: number; previous: boolean };
    expect(previous).toBe(true);
    expect(sinceMs).toBeGreaterThanOrEqual(beforeMs - 60_000);
    expect(sinceMs).toBeLessThanOrEqual(Date.now() - 60_000);
  });

  test('of a client that does not read are not taken from their source', async () => {
    backend.registry.publish(fakeAgent('a'));
    let taken = 0;
    backend.output.set('default/a', async function* () {
      for (; taken < 5_000; taken += 1) yield { stream: 'stdout', text: 'x'.repeat(10_000) } as const;
    });
    await start();
    const lazy = await open(socketPath, path);
    await call(socketPath, '/healthz');
    expect(taken).toBeLessThan(1_000);
    const { ended, lines: read } = collectLines(lazy);
    await ended;
    expect(read).toHaveLength(5_000);
  });

  test('a followed one ends its source when the client goes', async () => {
    backend.registry.publish(fakeAgent('a'));
    let ended = false;
    backend.output.set('default/a', async function* (_, signal) {
      yield { stream: 'stdout', text: 'first' } as const;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      ended = true;
    });
    await start();
    const message = await open(socketPath, `${path}?follow=true`);
    await collectLines(message).until(1);
    message.destroy();
    await expect.poll(() => ended).toBe(true);
  });
});

describe('health and our own verbs', () => {
  test('ready or not, check by check', async () => {
    await start();
    expect((await call(socketPath, '/readyz')).text).toBe('ok');
    expect((await call(socketPath, '/readyz?verbose')).text).toBe('[+]podman ok\nreadyz check passed\n');
    backend.ready = [...backend.ready, { check: 'manifests', ok: false, message: 'gone' }];
    const { code, text } = await call(socketPath, '/readyz');
    expect(code).toBe(503);
    expect(text).toBe('[+]podman ok\n[-]manifests failed: gone\nreadyz check failed\n');
    expect((await call(socketPath, '/livez')).code).toBe(200);
  });

  test('metrics and version', async () => {
    await start();
    expect((await call(socketPath, '/metrics')).text).toBe('rookery_up 1\n');
    expect((await get('/version')).body).toMatchObject({
      gitVersion: expect.stringMatching(/^\d+\.\d+/) as unknown,
    });
  });

  test('plan, sync, convergence', async () => {
    const verbs = '/apis/rookery.dev/v1alpha1';
    backend.plans = {
      changes: [{ object: 'Agent/default/a', operation: 'start', cause: 'x' }],
      problems: [],
    };
    await start();
    const { text } = await call(socketPath, `${verbs}/plan`, { method: 'POST' });
    expect(JSON.parse(text)).toMatchObject({ kind: 'Plan', changes: [{ operation: 'start' }], problems: [] });
    backend.converges = { ...backend.converges, problems: ['a.yaml:1:1: no'] };
    const synced = await call(socketPath, `${verbs}/sync`, { method: 'POST' });
    expect([synced.code, JSON.parse(synced.text)]).toMatchObject([200, { refused: ['a.yaml:1:1: no'] }]);
    expect((await call(socketPath, `${verbs}/sync?approvePrune=true`, { method: 'POST' })).code).toBe(200);
    expect((await call(socketPath, `${verbs}/sync?approvePrune=yes`, { method: 'POST' })).code).toBe(400);
    expect((await get(`${verbs}/convergence`)).body).toMatchObject({ kind: 'Convergence', converged: true });
    expect(backend.asked).toEqual(['plan', 'sync', 'sync, approving']);
  });
});

describe('what a person asks of an agent', () => {
  const post = async (path: string, body?: string) => {
    const { code, text } = await call(socketPath, `${AGENTS}/${path}`, {
      method: 'POST',
      ...(body !== undefined && { body }),
    });
    return { code, body: JSON.parse(text) as { readonly message: string; readonly reason?: string } };
  };

  test.each([
    [
      'twin/rollout',
      '{"action":"undo","toRevision":"3f9c21ab"}',
      '{"action":"undo","toRevision":"3f9c21ab"}',
    ],
    ['twin/rollout', '{"action":"pause"}', '{"action":"pause"}'],
    ['twin/suspend', '{"forSeconds":60,"reason":"x"}', '{"action":"suspend","forSeconds":60,"reason":"x"}'],
    ['twin/suspend', undefined, '{"action":"suspend"}'],
    ['twin/resume', '{}', '{"action":"unsuspend"}'],
  ])('POST %s %s', async (path, body, asked) => {
    await start();
    backend.registry.publish(fakeAgent('twin'));
    expect(await post(path, body)).toMatchObject({ code: 200, body: { message: 'twin is done' } });
    expect(backend.asked).toEqual([`default/twin ${asked}`]);
  });

  test('that makes no sense now is a conflict which says what to do', async () => {
    await start();
    backend.registry.publish(fakeAgent('twin'));
    backend.answer = 'no: wait';
    expect(await post('twin/rollout', '{"action":"undo"}')).toEqual({
      code: 409,
      body: expect.objectContaining({
        kind: 'Status',
        status: 'Failure',
        reason: 'Conflict',
        message: 'no: wait',
      }),
    });
  });

  test.each([
    ['twin/rollout', 'undo', 400, /no JSON; it is {"action"/],
    ['twin/rollout', '{"action":"explode"}', 422, /action/],
    ['twin/rollout', '{"action":"pause","toRevision":"3f9c21ab"}', 422, /toRevision/],
    ['twin/rollout', '{"action":"undo","toRevision":"x"}', 422, /toRevision: must be the id of a revision/],
    ['twin/suspend', '{"forSeconds":0}', 422, /forSeconds/],
    ['twin/resume', '{"x":1}', 422, /x/],
    ['nobody/rollout', '{"action":"pause"}', 404, /"nobody" not found/],
    ['twin/status', '{}', 404, /could not find/],
  ])('POST %s %s is refused with %d', async (path, body, code, message) => {
    await start();
    backend.registry.publish(fakeAgent('twin'));
    const reply = await post(path, body);
    expect(reply.code).toBe(code);
    expect(reply.body.message).toMatch(message);
    expect(backend.asked).toEqual([]);
  });

  test('is not read, and discovery knows it', async () => {
    await start();
    expect((await get(`${AGENTS}/twin/rollout`)).code).toBe(405);
    const { body } = await get('/apis/rookery.dev/v1alpha1');
    expect(body).toMatchObject({
      resources: expect.arrayContaining([
        expect.objectContaining({ name: 'agents/rollout', verbs: ['create'] }),
      ]),
    });
  });
});
