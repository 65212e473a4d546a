import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ConvergeView } from '../src/api/status.ts';
import { StoreError } from '../src/store/errors.ts';
import { createFakeBackend, viewOf } from './fakes/backend.ts';
import { cli, createFakeTerminal, type FakeApi, type FakeTerminal, NOW_MS, serveApi } from './fakes/cli.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const starting = viewOf({
  healthy: 1,
  waitingFor: [{ object: 'Agent/ai-system/coordinator', phase: 'Starting', message: 'starting' }],
});
const failed = viewOf({
  healthy: 1,
  waitingFor: [{ object: 'Agent/ai-system/coordinator', phase: 'RolledBack', message: 'exited with 1' }],
  problems: ['Image/ai-system/base: build failed'],
});
const done = viewOf({ converged: true, healthy: 2 });

const locked = () =>
  Promise.reject(new StoreError('Locked', 'the state directory is in use by process 7', { holderPid: 7 }));

let api: FakeApi | undefined;
afterEach(async () => {
  await api?.close();
  api = undefined;
});

interface Applied {
  readonly argv?: readonly string[];
  /** What a look at each second says; the last one stays. */
  readonly views: readonly ConvergeView[];
  readonly terminal?: FakeTerminal;
}

/** `apply` with a controller of its own, in simulated time. */
async function apply({ argv = [], views, terminal = createFakeTerminal() }: Applied) {
  const clock = createSimulatedClock(NOW_MS);
  const backend = createFakeBackend();
  const calls: string[] = [];
  const view = (): ConvergeView =>
    views[Math.min(views.length - 1, Math.floor((clock.now() - NOW_MS) / 1_000))] ?? done;
  const running = {
    backend: { ...backend, convergence: view },
    hangs: () => undefined,
    stop: () => Promise.resolve(void calls.push('stopped')),
  };
  const result = cli(['apply', ...argv], {
    terminal,
    services: {
      startController: () => Promise.resolve(running),
      nowMs: () => clock.now(),
      setTimer: clock.setTimer,
    },
  });
  let ended = false;
  void result.finally(() => (ended = true));
  // Loading the command takes real time; from then on time is simulated.
  await vi.waitFor(() => expect(ended || clock.pendingTimers > 0).toBe(true));
  await clock.advanceUntil(() => ended, 3_600_000);
  return { ...(await result), calls, syncs: backend.syncs, tookMs: clock.now() - NOW_MS };
}

describe('apply is the controller where none runs', () => {
  test('until everything is healthy, and says how it goes', async () => {
    expect(await apply({ views: [starting, starting, done] })).toEqual({
      code: 0,
      out: 'converged: 2/2 healthy after 2s\n',
      err: '1/2 healthy; waiting for coordinator (Starting)\n',
      calls: ['stopped'],
      syncs: [],
      tookMs: 2_000,
    });
  });

  test('without a word of progress where there is nothing to do', async () => {
    const { code, err, tookMs } = await apply({ views: [done] });
    expect({ code, err, tookMs }).toEqual({ code: 0, err: '', tookMs: 0 });
  });

  test('until it is told that nothing moves any more', async () => {
    const { code, out, err, tookMs } = await apply({ views: [starting, failed] });
    expect({ code, out, err }).toEqual({
      code: 1,
      out: 'not converged: a person must act: 1/2 healthy after 4s\n',
      err: [
        '1/2 healthy; waiting for coordinator (Starting)',
        '1/2 healthy; waiting for coordinator (RolledBack)',
        'Image/ai-system/base: build failed',
        'OBJECT                        PHASE        MESSAGE',
        'Agent/ai-system/coordinator   RolledBack   exited with 1',
        '',
      ].join('\n'),
    });
    expect(tookMs).toBe(4_000);
  });

  test('for as long as an image is being built, though nobody has more to say', async () => {
    const waiting = {
      object: 'Agent/ai-system/twin',
      phase: 'Blocked',
      message: 'Image base: is not built yet',
    };
    const building = viewOf({ busy: true, waitingFor: [waiting] });
    const views = [...Array.from({ length: 20 }, () => building), done];
    const { code, tookMs } = await apply({ views });
    expect({ code, tookMs }).toEqual({ code: 0, tookMs: 20_000 });
  });

  test('no longer than --timeout', async () => {
    const { code, out, tookMs } = await apply({ argv: ['--timeout', '1m30s'], views: [starting] });
    expect({ code, out, tookMs }).toEqual({
      code: 1,
      out: 'not converged in time: 1/2 healthy after 90s\n',
      tookMs: 90_000,
    });
  });

  test('and approves a prune when asked', async () => {
    expect((await apply({ argv: ['--approve-prune'], views: [done] })).syncs).toEqual([
      { approvePrune: true },
    ]);
  });

  test('on a terminal with one line that is rewritten', async () => {
    const terminal = createFakeTerminal({ isTTY: true, columns: 40 });
    const { err } = await apply({ views: [starting, done], terminal });
    expect(err).toBe('\r\u001b[K0s   1/2 healthy; waiting for coordina…\r\u001b[K');
  });
});

test('apply ends at Ctrl-C, its controller too', async () => {
  const terminal = createFakeTerminal();
  const pressing = { ...terminal, err: () => terminal.interrupt() };
  const { code, out, calls } = await apply({ views: [starting], terminal: pressing });
  expect({ code, out, calls }).toEqual({
    code: 1,
    out: 'interrupted: 1/2 healthy after 0s\n',
    calls: ['stopped'],
  });
});

test('apply asks the controller that runs', async () => {
  api = await serveApi({
    'POST /apis/rookery.dev/v1alpha1/sync?approvePrune=true': {},
    '/apis/rookery.dev/v1alpha1/convergence': done,
  });
  const result = await cli(['apply', '--approve-prune', '--api-socket', api.socket], {
    services: { startController: locked },
  });
  expect(result).toEqual({ code: 0, out: 'converged: 2/2 healthy after 0s\n', err: '' });
  expect(api.requests[0]).toBe('POST /apis/rookery.dev/v1alpha1/sync?approvePrune=true');
});

test.each(['', 'soon', '5 m', '-1'])('apply refuses the timeout "%s"', async (text) => {
  expect(await cli(['apply', `--timeout=${text}`])).toMatchObject({
    code: 1,
    err: `rookery: --timeout "${text}": must be a duration such as 90s, 5m or 1h30m\n`,
  });
});

describe('plan', () => {
  const changes = [
    {
      object: 'Agent/ai-system/coordinator',
      operation: 'recreate container',
      cause: 'env LOG_LEVEL changed INFO → DEBUG',
    },
    { object: 'Agent/ai-system/got-tot', operation: 'create container', cause: 'first deploy' },
  ];
  const plan = (view: object, ...argv: string[]) =>
    cli(['plan', ...argv], { services: { planOffline: () => Promise.resolve(view as never) } });

  test('tells what would change, and why', async () => {
    expect(await plan({ changes, problems: [] })).toEqual({
      code: 2,
      err: '',
      out: [
        'OBJECT                        CHANGE               WHY',
        'Agent/ai-system/coordinator   recreate container   env LOG_LEVEL changed INFO → DEBUG',
        'Agent/ai-system/got-tot       create container     first deploy',
        '',
        '2 changes to 2 objects; rookery apply makes them',
        '',
      ].join('\n'),
    });
  });

  test('tells that there is nothing to do', async () => {
    expect(await plan({ changes: [], problems: [] })).toEqual({ code: 0, out: 'nothing to do\n', err: '' });
  });

  test('fails where something stands in the way', async () => {
    expect(await plan({ changes, problems: ['a.yaml:3:1: unknown field'] })).toMatchObject({
      code: 1,
      err: 'a.yaml:3:1: unknown field\n',
    });
  });

  test('prints JSON for programs', async () => {
    const view = { changes, problems: [] };
    expect(JSON.parse((await plan(view, '-o', 'json')).out)).toEqual(view);
  });

  test('asks the controller that runs', async () => {
    api = await serveApi({ 'POST /apis/rookery.dev/v1alpha1/plan': { changes, problems: [] } });
    const result = await cli(['plan', '--api-socket', api.socket], { services: { planOffline: locked } });
    expect(result).toMatchObject({ code: 2, err: '' });
  });
});
