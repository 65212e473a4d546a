import { describe, expect, test, vi } from 'vitest';
import { agentKey, keyString } from '../src/api/key.ts';
import { tellManager } from '../src/cli/tell-manager.ts';
import { hangs } from '../src/manager/progress.ts';
import { assignments, type Notification } from '../src/systemd/notify.ts';
import { createFakeBackend, viewOf } from './fakes/backend.ts';
import { cli, createFakeTerminal, NOW_MS } from './fakes/cli.ts';
import { createRecordingLog } from './fakes/log.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';
import { agentManifest, createSimulatedHost } from './fakes/simulated-host.ts';

describe('what hangs', () => {
  const key = keyString(agentKey('default', 'a'));
  const quiet = { running: new Map<typeof key, number>(), calling: new Set<typeof key>() };
  test.each([
    ['nothing runs', quiet, undefined],
    ['a run that began just now', { ...quiet, running: new Map([[key, 999_000]]) }, undefined],
    [
      'a run of long ago',
      { ...quiet, running: new Map([[key, 0]]) },
      'Agent/default/a is being reconciled for 1000 s',
    ],
    ['a build of long ago', { running: new Map([[key, 0]]), calling: new Set([key]) }, undefined],
    ['a reading of long ago', { ...quiet, readingSinceMs: 0 }, 'the manifests are being read for 1000 s'],
    ['a reading that began just now', { ...quiet, readingSinceMs: 900_000 }, undefined],
  ])('%s', (_, progress, expected) => {
    expect(hangs(progress, 1_000_000)).toBe(expected);
  });

  test('a call to Podman that never returns is noticed, and idling is not', async () => {
    const host = await createSimulatedHost();
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(() => host.status('twin')?.phase === 'Healthy');
    await host.clock.advance(3_600_000);
    expect(host.engine().hangs()).toBeUndefined();
    host.latency = () => ({ thereMs: 1e9, backMs: 0 });
    await host.apply(agentManifest('twin', {}, { CHANGED: '1' }));
    await host.clock.advance(600_000);
    expect(host.engine().hangs()).toMatch(/is being reconciled for 600 s$/);
  });

  test.each([
    ['back hides no hang', -3_600_000, 'is being reconciled for 600 s'],
    ['forward makes none', 3_600_000, undefined],
  ])('a clock that is set %s', async (_, byMs, expected) => {
    const host = await createSimulatedHost();
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(() => host.status('twin')?.phase === 'Healthy');
    host.latency = () => ({ thereMs: 1e9, backMs: 0 });
    await host.apply(agentManifest('twin', {}, { CHANGED: '1' }));
    await host.clock.advance(expected === undefined ? 60_000 : 600_000);
    host.jump(byMs);
    const found = host.engine().hangs();
    expect(found?.slice(-(expected?.length ?? 0))).toBe(expected);
  });
});

describe('telling systemd', () => {
  function setUp(watchdogMs?: number) {
    const clock = createSimulatedClock(NOW_MS);
    const told: string[] = [];
    const world = { hung: undefined as string | undefined, view: viewOf({ converged: true, healthy: 2 }) };
    const log = createRecordingLog();
    const end = tellManager({
      services: { nowMs: () => clock.now(), setTimer: clock.setTimer },
      controller: {
        backend: { ...createFakeBackend(), convergence: () => world.view },
        hangs: () => world.hung,
      },
      notify: (...news: readonly Notification[]) => Promise.resolve(void told.push(...assignments(news))),
      ...(watchdogMs !== undefined && { watchdogMs }),
      log,
    });
    return { clock, told, world, log, end };
  }

  test('tells the status when it changes, and only then', async () => {
    const { clock, told, world } = setUp();
    await clock.advance(60_000);
    expect(told).toEqual(['STATUS=2/2 healthy']);
    world.view = viewOf({ waitingFor: [{ object: 'Agent/default/page', phase: 'RolledBack', message: '' }] });
    await clock.advance(10_000);
    expect(told.at(-1)).toMatch(/^STATUS=\d\/2 healthy; waiting for page \(RolledBack\)$/);
  });

  test('feeds the watchdog three times a period while it gets on', async () => {
    const { clock, told, end } = setUp(60_000);
    await clock.advance(59_000);
    expect(told.filter((word) => word === 'WATCHDOG=1')).toHaveLength(3);
    end();
    expect(clock.pendingTimers).toBe(0);
  });

  test('lets it starve while something hangs, says so once, and feeds it again', async () => {
    const { clock, told, world, log } = setUp(60_000);
    await clock.advance(10_000);
    world.hung = 'Agent/default/a is being reconciled for 200 s';
    told.length = 0;
    await clock.advance(300_000);
    expect(told).toEqual(['STATUS=hangs: Agent/default/a is being reconciled for 200 s']);
    expect(log.lines()).toEqual(['error does not get on; systemd is left to start it again']);
    world.hung = undefined;
    await clock.advance(5_000);
    expect(told.slice(1)).toEqual(['STATUS=2/2 healthy', 'WATCHDOG=1']);
  });
});

describe('run under systemd', () => {
  async function startRun() {
    const terminal = createFakeTerminal();
    const backend = createFakeBackend();
    const told: string[] = [];
    const result = cli(['run'], {
      terminal,
      env: { NOTIFY_SOCKET: '/run/notify', JOURNAL_STREAM: '1:2' },
      services: {
        startController: () =>
          Promise.resolve({ backend, hangs: () => undefined, stop: () => Promise.resolve() }),
        createNotify: () =>
          Promise.resolve((...news) => Promise.resolve(void told.push(...assignments(news)))),
      },
    });
    await vi.waitFor(() => expect(told).toContain('READY=1'));
    return { terminal, backend, told, result };
  }

  test('SIGHUP reads the manifests anew, and does not end it', async () => {
    const { terminal, backend, told, result } = await startRun();
    told.length = 0;
    terminal.interrupt('SIGHUP');
    await vi.waitFor(() => expect(told).toContain('READY=1'));
    expect(told[0]).toBe('RELOADING=1');
    expect(backend.syncs).toEqual([{ approvePrune: false }]);
    terminal.interrupt('SIGTERM');
    expect((await result).code).toBe(0);
    expect(told.at(-1)).toBe('STOPPING=1');
  });

  test('everything it says has a level', async () => {
    const { terminal, result } = await startRun();
    terminal.interrupt('SIGTERM');
    await result;
    expect(terminal.printed).toEqual({ out: '', err: '<6>stopped; the agents keep running\n' });
  });
});
