import { afterEach, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../src/api/status.ts';
import { apiAgent, listOf } from './fakes/api-objects.ts';
import { type Answer, ago, type CliWorld, cli, type FakeApi, serveApi } from './fakes/cli.ts';

const AGENTS = '/apis/rookery.dev/v1alpha1/namespaces/ai-system/agents';
const TWIN = `${AGENTS}/twin`;

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

const run = async (
  answers: Readonly<Record<string, unknown>>,
  argv: readonly string[],
  world: CliWorld = {},
) => {
  await api?.close();
  api = await serveApi(answers);
  return cli([...argv, '-n', 'ai-system', '--api-socket', api.socket], world);
};
const twinIn = (...statuses: Partial<AgentStatus>[]): Record<string, unknown> => {
  const rest = [...statuses];
  const next: Answer = (_request, response) => {
    const status = rest.length > 1 ? rest.shift() : rest[0];
    response.end(JSON.stringify(apiAgent('twin', { ...(status && { status }) })));
  };
  return { [TWIN]: next };
};

const updating = { phase: 'Verifying', targetRevision: '77aa77aa', message: '' };

describe('rollout status', () => {
  test('waits until it is stable, and says every step once', async () => {
    const done = { phase: 'Healthy', currentRevision: '77aa77aa', targetRevision: '77aa77aa' };
    const steps = twinIn({ ...updating, phase: 'Starting' }, updating, updating, done);
    const { code, out } = await run(steps, ['rollout', 'status', 'twin']);
    expect(out).toBe(
      [
        'Waiting for the rollout of agent "twin" to finish: revision 77aa77aa is Starting',
        'Waiting for the rollout of agent "twin" to finish: revision 77aa77aa is Verifying',
        'agent "twin" successfully rolled out: revision 77aa77aa\n',
      ].join('\n'),
    );
    expect(code).toBe(0);
  });

  test.each([
    [
      'RolledBack',
      { phase: 'RolledBack', message: 'exited 3 times' },
      /was not rolled out: RolledBack: exited 3 times/,
    ],
    ['Failed', { phase: 'Failed', message: '' }, /was not rolled out: Failed\n/],
    [
      'a failed one that waits for a person',
      { phase: 'Paused', reason: 'CrashLoop' },
      /was not rolled out: Paused/,
    ],
    ['suspended', { phase: 'Suspended', message: 'until later' }, /is suspended: until later/],
  ])('ends with 1: %s', async (_name, status, message) => {
    const { code, out } = await run(twinIn(status), ['rollout', 'status', 'twin']);
    expect(code).toBe(1);
    expect(out).toMatch(message);
  });

  test('returns at once when told to', async () => {
    const { code } = await run(twinIn(updating), ['rollout', 'status', 'twin', '--watch=false']);
    expect(code).toBe(2);
  });

  test.each([[['status', '-w', 'twin']], [['status', 'twin', '-w']], [['status', '--watch', 'twin']]])(
    '%j names the agent',
    async (argv) => {
      const done = await run(twinIn({}), ['rollout', ...argv]);
      expect(done).toMatchObject({ code: 0, err: '' });
    },
  );

  test('is told when --watch has another value', async () => {
    const { code, err } = await run(twinIn({}), ['rollout', 'status', 'twin', '--watch=maybe']);
    expect(code).toBe(1);
    expect(err).toContain('must be true or false');
  });

  test('gives up in time', async () => {
    let nowMs = 0;
    const services = { nowMs: () => (nowMs += 400) };
    const paused = { ...updating, phase: 'Paused', reason: 'PausedByUser', message: 'paused by a person' };
    const argv = ['rollout', 'status', 'twin', '--timeout', '2s'];
    const { code, err, out } = await run(twinIn(paused), argv, { services });
    expect(code).toBe(1);
    expect(out).toContain('is Paused: paused by a person');
    expect(err).toBe(
      'rookery: the rollout of twin was not over after 2s; look at it with: rookery describe agent twin\n',
    );
  });
});

const failure = {
  reason: 'CrashLoop',
  message: 'exited 3 times',
  at: ago(80),
  exitCode: 137,
  oomKilled: true,
  lastProbe: 'readiness: refused',
  logTail: ['Traceback', 'MemoryError'],
};
const kept: Partial<AgentStatus> = {
  targetRevision: '77aa77aa',
  revisions: [
    {
      id: '3f9c21ab',
      outcome: 'Stable',
      cause: 'first deploy',
      createdAt: ago(500),
      origin: { file: 'twin.yaml', line: 3, commit: '0123456789abcdef0123' },
    },
    { id: '77aa77aa', outcome: 'Failed', cause: 'env MODE changed good → bad', createdAt: ago(90), failure },
  ],
  rollouts: [
    {
      revision: '3f9c21ab',
      trigger: 'Manifest',
      changes: ['first deploy'],
      origin: { file: 'twin.yaml', line: 3, commit: '0123456789abcdef0123' },
      startedAt: '2026-03-01T11:00:00.000Z',
      endedAt: '2026-03-01T11:01:10.000Z',
      outcome: 'Stable',
    },
    {
      revision: '77aa77aa',
      from: '3f9c21ab',
      trigger: 'Manifest',
      changes: ['env MODE changed good → bad'],
      startedAt: '2026-03-01T11:58:00.000Z',
      endedAt: '2026-03-01T11:58:09.000Z',
      outcome: 'RolledBack',
      message: 'exited 3 times',
    },
    {
      revision: 'aabbccdd',
      from: '3f9c21ab',
      trigger: 'Restart',
      changes: [],
      startedAt: '2026-03-01T11:59:00.000Z',
      outcome: 'UnderWay',
    },
  ],
};

describe('rollout history', () => {
  test('lists the kept revisions, and where they came from', async () => {
    const { out } = await run(twinIn(kept), ['rollout', 'history', 'agent/twin']);
    expect(out).toBe(
      [
        'agent/twin',
        'REVISION   OUTCOME   ROLE             AGE     SOURCE                              CAUSE',
        '3f9c21ab   Stable    current,stable   8m20s   twin.yaml:3 (commit 0123456789ab)   first deploy',
        '77aa77aa   Failed    target           90s     <unknown>                           env MODE changed good → bad\n',
      ].join('\n'),
    );
  });

  test('tells everything about a failed one', async () => {
    const { out } = await run(twinIn(kept), ['rollout', 'history', 'twin', '--revision', '77aa']);
    expect(out).toBe(
      [
        'agent/twin',
        'Revision:       77aa77aa',
        'Outcome:        Failed',
        'Role:           target',
        `Created:        ${ago(90)}`,
        'Cause:          env MODE changed good → bad',
        `Failed:         ${ago(80)}, CrashLoop: exited 3 times`,
        'Exit code:      137',
        'Out of memory:  yes',
        'Last probe:     readiness: refused',
        'Last lines:',
        '  Traceback',
        '  MemoryError\n',
      ].join('\n'),
    );
  });

  test('is data for a script', async () => {
    const all = await run(twinIn(kept), ['rollout', 'history', 'twin', '-o', 'json']);
    expect(JSON.parse(all.out)).toEqual(kept.revisions);
    const one = await run(twinIn(kept), ['rollout', 'history', 'twin', '--revision', '3f9c', '-o', 'yaml']);
    expect(one.out).toContain('id: 3f9c21ab');
  });

  test('knows what is kept', async () => {
    const { err, code } = await run(twinIn(kept), ['rollout', 'history', 'twin', '--revision', '9999']);
    expect(err).toBe('rookery: agent "twin" has no kept revision 9999; kept are 3f9c21ab, 77aa77aa\n');
    expect(code).toBe(1);
  });
});

describe('why', () => {
  test('explains every replacement', async () => {
    const { out } = await run(twinIn(kept), ['why', 'twin']);
    expect(out).toBe(
      [
        'agent/twin',
        '2026-03-01T11:00:00.000Z  (nothing) → 3f9c21ab  Manifest: Stable after 70s',
        '  first deploy',
        '  from twin.yaml:3 (commit 0123456789ab)',
        '',
        '2026-03-01T11:58:00.000Z  3f9c21ab → 77aa77aa  Manifest: RolledBack after 9s',
        '  env MODE changed good → bad',
        '  failed: exited 3 times',
        '',
        '2026-03-01T11:59:00.000Z  3f9c21ab → aabbccdd  Restart: UnderWay',
        '  restarted by a person\n',
      ].join('\n'),
    );
  });

  test('of what was never rolled out, and for a script', async () => {
    expect((await run(twinIn({}), ['why', 'twin'])).out).toBe(
      'agent/twin was never rolled out, as far as is remembered\n',
    );
    expect(JSON.parse((await run(twinIn(kept), ['why', 'twin', '-o', 'json'])).out)).toHaveLength(3);
  });
});

describe('what is asked of the controller', () => {
  const bodies: string[] = [];
  const take: Answer = (request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      bodies.push(text);
      response.end(JSON.stringify({ kind: 'Status', status: 'Success', message: 'twin does it' }));
    });
  };
  const all = {
    ...twinIn({}),
    [`POST ${TWIN}/rollout`]: take,
    [`POST ${TWIN}/suspend`]: take,
    [`POST ${TWIN}/resume`]: take,
  };

  test.each([
    [['rollout', 'undo', 'twin'], { action: 'undo' }],
    [['rollout', 'undo', 'twin', '--to-revision', '3f9c21ab'], { action: 'undo', toRevision: '3f9c21ab' }],
    [['rollout', 'pause', 'twin'], { action: 'pause' }],
    [['rollout', 'resume', 'agent/twin'], { action: 'resume' }],
    [['rollout', 'approve', 'twin'], { action: 'approve' }],
    [['rollout', 'abort', 'twin'], { action: 'abort' }],
    [['rollout', 'retry', 'twin'], { action: 'retry' }],
    [['rollout', 'restart', 'twin'], { action: 'restart' }],
    [['suspend', 'twin', '--for', '2h', '--reason', 'a look'], { forSeconds: 7_200, reason: 'a look' }],
    [['suspend', 'twin'], {}],
    [['resume', 'twin'], {}],
  ])('%j', async (argv, body) => {
    const { code, out, err } = await run(all, argv);
    expect(err).toBe('');
    expect(JSON.parse(bodies.at(-1) ?? '')).toEqual(body);
    expect(out).toBe('agent/twin does it\n');
    expect(code).toBe(0);
  });

  test('a refusal is told as it is', async () => {
    const refusal: Answer = (_request, response) => {
      response.writeHead(409);
      response.end(JSON.stringify({ reason: 'Conflict', message: 'twin is paused already' }));
    };
    const { code, err } = await run({ ...twinIn({}), [`POST ${TWIN}/rollout`]: refusal }, [
      'rollout',
      'pause',
      'twin',
    ]);
    expect(err).toBe('rookery: twin is paused already\n');
    expect(code).toBe(1);
  });

  test.each([
    [
      ['rollout', 'undoo', 'twin'],
      /unknown action "undoo" \(did you mean "undo"\?\); known are status, history/,
    ],
    [['rollout', 'pause'], /rollout pause needs an agent, such as: rookery rollout pause coordinator/],
    [
      ['rollout', 'pause', 'twin', '--to-revision', 'abcd'],
      /--to-revision is for rollout undo, not for rollout pause/,
    ],
    [['rollout', 'undo', 'twin', '--timeout', '5s'], /--timeout is for rollout status/],
    [['suspend', 'twin', '--for', 'soon'], /--for "soon": must be a duration/],
    [['why', 'network/x'], /"network\/x" is no agent/],
  ])('what makes no sense is refused: %j', async (argv, message) => {
    const { code, err } = await run(all, argv);
    expect(code).toBe(1);
    expect(err).toMatch(message);
  });

  test('an option that the environment sets for others disturbs nothing', async () => {
    const { code } = await run(all, ['rollout', 'undo', 'twin'], { env: { ROOKERY_TIMEOUT: '5m' } });
    expect(code).toBe(0);
  });

  test('an agent that is not there', async () => {
    const { err } = await run({ [AGENTS.replace('/namespaces/ai-system', '')]: listOf([]) }, [
      'rollout',
      'undo',
      'twin',
    ]);
    expect(err).toContain('agent "twin" not found in namespace "ai-system"');
  });
});

describe('diff', () => {
  const twin = {
    object: 'Agent/ai-system/twin',
    revision: '3f9c21ab',
    origin: { file: 'twin.yaml', line: 3 },
    running: { image: 'a:1', env: { MODE: 'good' } },
    wished: { image: 'a:1', env: { MODE: 'bad' } },
  };
  const other = { object: 'Agent/other/x', wished: { image: 'b:1' } };
  const same = { object: 'Agent/ai-system/same', running: { image: 'c' }, wished: { image: 'c' } };
  const offline = (agents: readonly object[], problems: readonly string[] = []): CliWorld => ({
    services: { diffOffline: () => Promise.resolve({ agents, problems } as never) },
  });

  test('is unified text, file against running', async () => {
    const { code, out } = await cli(['diff', '-n', 'ai-system'], offline([twin, other, same]));
    expect(out).toBe(
      [
        '--- running/Agent/ai-system/twin\trevision 3f9c21ab',
        '+++ file/Agent/ai-system/twin\ttwin.yaml:3',
        '@@ -1,3 +1,3 @@',
        ' image: a:1',
        ' env:',
        '-  MODE: good',
        '+  MODE: bad\n',
      ].join('\n'),
    );
    expect(code).toBe(1);
  });

  test('of everything, or of one', async () => {
    expect((await cli(['diff', '-A'], offline([twin, other]))).out).toContain('--- /dev/null');
    expect((await cli(['diff', 'same', '-n', 'ai-system'], offline([twin, same]))).code).toBe(0);
  });

  test.each([
    [['diff', 'nobody'], offline([twin]), /there is no agent "nobody" in namespace "default"/],
    [
      ['diff', '-A'],
      offline([{ ...twin, problem: 'Secret api is missing' }]),
      /Agent\/ai-system\/twin: Secret api is missing/,
    ],
    [['diff', '-A'], offline([], ['x.yaml:1:1: no YAML']), /x.yaml:1:1: no YAML/],
    [['diff', '-A'], {}, /no diff in this test/],
  ])('in trouble ends with 2: %j', async (argv, world, message) => {
    const { code, err } = await cli(argv, world);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
