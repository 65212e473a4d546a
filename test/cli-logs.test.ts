import { afterEach, describe, expect, test } from 'vitest';
import { apiAgent, apiEvent, listOf } from './fakes/api-objects.ts';
import { ago, type Answer, cli, type FakeApi, serveApi } from './fakes/cli.ts';

const AGENTS = '/apis/rookery.dev/v1alpha1/namespaces/ai-system/agents';
const log = (name: string, query: string): string => `/api/v1/namespaces/ai-system/pods/${name}/log?${query}`;
const PLAIN = 'follow=false&previous=false&timestamps=false';
const TIMED = 'follow=false&previous=false&timestamps=true';

let api: FakeApi;
const serve = async (answers: Readonly<Record<string, unknown>>): Promise<void> => {
  api = await serveApi({
    [`${AGENTS}/twin`]: apiAgent('twin'),
    [`${AGENTS}/coordinator`]: apiAgent('coordinator'),
    [AGENTS]: listOf([apiAgent('twin'), apiAgent('coordinator')]),
    '/apis/rookery.dev/v1alpha1/agents': listOf([apiAgent('twin'), apiAgent('coordinator')]),
    ...answers,
  });
};
afterEach(() => api.close());

const run = (...args: string[]) => cli([...args, '-n', 'ai-system', '--api-socket', api.socket]);

const status =
  (code: number, message: string): Answer =>
  (_request, response) => {
    response.writeHead(code);
    response.end(JSON.stringify({ kind: 'Status', code, reason: 'BadRequest', message }));
  };

describe('logs', () => {
  const COLOURFUL =
    '\u001b[32mok\u001b[0m\n\u001b]0;title\u0007two\tthree \u0007\u009b\u202e\nwithout an end';

  test('of one agent, without colours and harmless to a terminal', async () => {
    await serve({ [log('twin', PLAIN)]: COLOURFUL });
    expect(await run('logs', 'twin')).toEqual({
      code: 0,
      err: '',
      out: 'ok\ntwo\tthree \\u0007\\u009b\\u202e\nwithout an end\n',
    });
  });

  test('raw, only when asked', async () => {
    await serve({ [log('twin', PLAIN)]: COLOURFUL });
    expect((await run('logs', 'twin', '--raw')).out).toBe(`${COLOURFUL}\n`);
  });

  test('asks for what the options say', async () => {
    await serve({});
    await run('logs', 'agent/twin', '--tail', '20', '--since', '1h30m', '--previous', '-t');
    expect(api.requests.at(-1)).toBe(
      `GET ${log('twin', 'follow=false&previous=true&timestamps=true&tailLines=20&sinceSeconds=5400')}`,
    );
  });

  test('of several agents, in the order of their times and each with its name', async () => {
    await serve({
      [log('twin', TIMED)]: `${ago(9)} first\n${ago(5)} third\n`,
      [log('coordinator', TIMED)]: `${ago(7)} second\n${ago(1)} fourth\n`,
    });
    expect((await run('logs', '--all')).out).toBe(
      ['twin        | first', 'coordinator | second', 'twin        | third', 'coordinator | fourth', ''].join(
        '\n',
      ),
    );
  });

  test('of those that have one, when another has none', async () => {
    await serve({
      [log('twin', TIMED)]: `${ago(9)} first\n`,
      [log('coordinator', TIMED)]: status(
        400,
        'agent ai-system/coordinator has no container to read logs from',
      ),
    });
    expect(await run('logs', 'twin', 'coordinator')).toEqual({
      code: 1,
      out: 'twin        | first\n',
      err: 'rookery: coordinator: agent ai-system/coordinator has no container to read logs from\n',
    });
  });

  test('follows an agent into its next container, repeating nothing', async () => {
    const again = new Date(Date.parse(ago(4)) + 1).toISOString();
    await serve({
      [log('twin', 'follow=true&previous=false&timestamps=true&tailLines=5')]: `${ago(4)} last words\n`,
      [log('twin', `follow=true&previous=false&timestamps=true&sinceTime=${again}`)]: status(
        404,
        'twin is gone',
      ),
    });
    expect(await run('logs', 'twin', '-f', '--tail', '5')).toEqual({
      code: 1,
      out: 'last words\n',
      err: 'rookery: twin is gone\n',
    });
  });

  test.each([
    [['logs'], 'rookery: name an agent, or use --all\n'],
    [['logs', 'volume/data'], 'rookery: "volume/data" is no agent\n'],
    [['logs', 'twin', '--tail', 'few'], 'rookery: --tail "few": must be a number of lines\n'],
    [['logs', 'twn'], 'rookery: agent "twn" not found in namespace "ai-system"; did you mean "twin"?\n'],
  ])('%s is explained', async (argv, err) => {
    await serve({});
    expect(await run(...argv)).toMatchObject({ code: 1, out: '', err });
  });
});

describe('events', () => {
  const EVENTS = '/api/v1/namespaces/ai-system/events';
  const crash = apiEvent('coordinator', {
    type: 'Warning',
    reason: 'Degraded',
    message: 'exited with 1',
    count: 3,
    firstTimestamp: ago(200),
    lastTimestamp: ago(20),
  });

  test('are a table, and a line for every new one', async () => {
    await serve({
      [EVENTS]: listOf([apiEvent('twin'), crash], '3'),
      [`${EVENTS}?watch=true&resourceVersion=3`]: `${JSON.stringify({ type: 'ADDED', object: apiEvent('twin', { reason: 'Starting' }) })}\n`,
    });
    expect((await run('events', '-w')).out).toBe(
      [
        'LAST SEEN             TYPE      REASON     OBJECT              MESSAGE',
        '30s                   Normal    Healthy    agent/twin          serves',
        '20s (x3 over 3m20s)   Warning   Degraded   agent/coordinator   exited with 1',
        '30s                   Normal    Starting   agent/twin          serves',
        '',
      ].join('\n'),
    );
  });

  test('of one object', async () => {
    await serve({ [EVENTS]: listOf([apiEvent('twin'), crash]) });
    expect((await run('events', '--for', 'agent/twin')).out).toBe(
      [
        'LAST SEEN   TYPE     REASON    OBJECT       MESSAGE',
        '30s         Normal   Healthy   agent/twin   serves',
        '',
      ].join('\n'),
    );
  });

  test('none: says where to look', async () => {
    await serve({ [EVENTS]: listOf([]) });
    expect(await run('events')).toEqual({
      code: 0,
      out: '',
      err: 'no events in namespace "ai-system"; look at all of them with -A\n',
    });
  });
});
