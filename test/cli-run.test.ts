import { describe, expect, test, vi } from 'vitest';
import type { Log } from '../src/manager/reconciler.ts';
import { StoreError } from '../src/store/errors.ts';
import { apiAgent, apiEvent } from './fakes/api-objects.ts';
import { createFakeBackend, viewOf } from './fakes/backend.ts';
import { cli, createFakeTerminal, NOW_MS } from './fakes/cli.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const done = viewOf({ converged: true, healthy: 2 });

/** `run` up to the moment where it shows something. */
async function startRun(isTTY: boolean, argv: readonly string[] = []) {
  const clock = createSimulatedClock(NOW_MS);
  const terminal = createFakeTerminal({ isTTY, columns: 80, rows: 20 });
  const backend = createFakeBackend([
    apiAgent('coordinator', { status: { phase: 'Starting', ready: false } }),
  ]);
  const given: { log?: Log } = {};
  const stops: string[] = [];
  const result = cli(['run', ...argv], {
    terminal,
    services: {
      startController: (_config, { log }) => {
        given.log = log;
        const stop = (): Promise<void> => Promise.resolve(void stops.push('stopped'));
        return Promise.resolve({ backend, hangs: () => undefined, stop });
      },
      nowMs: () => clock.now(),
      setTimer: clock.setTimer,
    },
  });
  await vi.waitFor(() => expect(clock.pendingTimers).toBeGreaterThan(0));
  const log = (): Log => given.log ?? expect.fail('no log was given');
  return { clock, terminal, backend, log, result, stops };
}

const ESCAPE = '\u001b';
/** A terminal's own language. */
const SEQUENCE = new RegExp(`${ESCAPE}\\[\\??\\d*[A-Za-z]`, 'g');

/** What a terminal would show of the last picture. */
const picture = (out: string): string[] => {
  const last = out.slice(out.lastIndexOf('\r') + 1);
  return last.replaceAll(SEQUENCE, '').trimEnd().split('\n');
};

describe('run on a terminal', () => {
  test('redraws the table in place when something changes, and only then', async () => {
    const { clock, terminal, backend, result } = await startRun(true);
    expect(picture(terminal.printed.out)).toEqual([
      '0/2 healthy  0s',
      'NAME          LAYER   PHASE      READY   RESTARTS   REVISION   MESSAGE',
      'coordinator   1       Starting   no      0          3f9c21ab',
    ]);
    await clock.advance(1_000);
    expect(picture(terminal.printed.out)[0]).toBe('0/2 healthy  1s');

    backend.change({ agents: [apiAgent('coordinator')], view: done });
    await clock.advance(100);
    expect(terminal.printed.out).toContain('\u001b[3A');
    expect(picture(terminal.printed.out)[0]).toBe(
      '2/2 healthy  after 1s; watching, Ctrl-C ends (the agents stay)',
    );

    expect(clock.pendingTimers).toBe(0);
    const settled = terminal.printed.out;
    backend.change({ agents: [apiAgent('coordinator')] });
    await clock.advance(3_600_000);
    expect(terminal.printed.out).toBe(settled);

    backend.change({ agents: [apiAgent('coordinator', { status: { ready: false } })], view: viewOf({}) });
    await clock.advance(2_100);
    expect(picture(terminal.printed.out)[0]).toBe('0/2 healthy  2s');

    terminal.interrupt();
    expect((await result).code).toBe(0);
  });

  test('draws one picture for a burst of changes', async () => {
    const { clock, terminal, backend, result } = await startRun(true);
    await clock.advance(500);
    const before = terminal.printed.out.split('\r').length;
    for (let change = 0; change < 50; change += 1) backend.change({ event: apiEvent(`agent-${change}`) });
    await clock.advance(150);
    expect(terminal.printed.out.split('\r').length).toBe(before + 1);
    terminal.interrupt();
    await result;
  });

  test('is not kept waiting by changes that never end', async () => {
    const { clock, terminal, backend, result } = await startRun(true);
    for (let step = 0; step < 10; step += 1) {
      backend.change({ event: apiEvent(`agent-${step}`) });
      await clock.advance(50);
    }
    expect(picture(terminal.printed.out).at(-1)).toMatch(/agent-[5-9]/);
    terminal.interrupt();
    await result;
  });

  test('keeps the log out of the table, but its warnings in sight', async () => {
    const { clock, terminal, log, result } = await startRun(true);
    log().info({}, 'create container x');
    log().warn({}, 'disk nearly full');
    await clock.advance(200);
    expect(picture(terminal.printed.out).at(-1)).toMatch(/^! \d\d:\d\d:\d\d WARN {2}disk nearly full$/);
    expect(terminal.printed.err).toBe('');
    terminal.interrupt();
    await result;
  });

  test('keeps its time while something is only looked at', async () => {
    const { clock, terminal, backend, result } = await startRun(true);
    await clock.advance(3_000);
    backend.change({ agents: [apiAgent('coordinator')], view: done });
    await clock.advance(1_000);
    const well = '2/2 healthy  after 3s; watching, Ctrl-C ends (the agents stay)';
    expect(picture(terminal.printed.out)[0]).toBe(well);
    for (const view of [{ ...done, converged: false, busy: true }, done]) {
      backend.change({ agents: [apiAgent('coordinator')], view });
      await clock.advance(2_000);
      expect(picture(terminal.printed.out)[0]).toBe(well);
    }
    terminal.interrupt();
    await result;
  });

  test('shows the cursor again at the end', async () => {
    const { terminal, result } = await startRun(true);
    expect(terminal.printed.out).toContain('\u001b[?25l');
    terminal.interrupt();
    expect((await result).out).toContain(`${ESCAPE}[?25hstopped; the agents keep running\n`);
  });

  test('fits the table into what a resize leaves', async () => {
    const { clock, terminal, result } = await startRun(true);
    terminal.resize(20, 3);
    expect(terminal.printed.out).toContain(`${ESCAPE}[H${ESCAPE}[2J`);
    await clock.advance(100);
    expect(picture(terminal.printed.out)).toEqual(['0/2 healthy  0s', 'NAME          LAYER…']);
    terminal.interrupt();
    await result;
  });
});

describe('run without a terminal', () => {
  test('prints a line for every event, and one when all is well', async () => {
    const { clock, terminal, backend, log, result, stops } = await startRun(false);
    backend.change({
      event: apiEvent('coordinator', { lastTimestamp: new Date('2026-03-01T14:03:07').toISOString() }),
    });
    log().info({ object: 'Agent/x/y' }, 'create container y');
    backend.change({ view: done });
    await clock.advance(5_000);
    terminal.interrupt();
    const { code, out, err } = await result;
    expect({ code, out }).toEqual({
      code: 0,
      out: [
        '14:03:07 Agent/ai-system/coordinator Healthy: serves',
        '2/2 healthy after 1s',
        'stopped; the agents keep running',
        '',
      ].join('\n'),
    });
    expect(JSON.parse(err)).toMatchObject({ level: 'info', object: 'Agent/x/y', msg: 'create container y' });
    expect(stops).toEqual(['stopped']);
  });

  test('says so again after something was behind, not whenever something is looked at', async () => {
    const { clock, terminal, backend, result } = await startRun(false);
    const behind = { object: 'Agent/ai-system/memory', phase: 'Verifying', message: '' };
    for (const view of [
      done,
      { ...done, converged: false, busy: true },
      done,
      { ...done, converged: false, busy: true, healthy: 1, waitingFor: [behind] },
      { ...done, converged: false, busy: true },
      done,
    ]) {
      backend.change({ view });
      await clock.advance(1_000);
    }
    terminal.interrupt();
    expect((await result).out.split('\n')).toEqual([
      '2/2 healthy after 1s',
      '2/2 healthy after 2s',
      'stopped; the agents keep running',
      '',
    ]);
  });

  test('a second Ctrl-C forces', async () => {
    const { terminal, result } = await startRun(false);
    terminal.interrupt();
    expect(terminal.exits).toEqual([]);
    terminal.interrupt();
    expect(terminal.exits).toEqual([130]);
    await result;
  });
});

test('run ends while it is still starting', async () => {
  const terminal = createFakeTerminal();
  const services = {
    startController: () => {
      terminal.interrupt();
      return new Promise<never>(() => undefined);
    },
  };
  expect(await cli(['run'], { terminal, services })).toEqual({
    code: 0,
    out: 'stopped; the agents keep running\n',
    err: '',
  });
});

test.each([
  [
    new StoreError('Locked', 'the state directory is in use by process 7', { holderPid: 7 }),
    'rookery: the state directory is in use by process 7; look at it with: rookery get agents -A, or stop it first\n',
  ],
  [
    new StoreError(
      'ReadOnly',
      'cannot write /s: its file system is read-only; choose another with --state-dir',
    ),
    'rookery: cannot write /s: its file system is read-only; choose another with --state-dir\n',
  ],
])('run explains why it cannot: %s', async (error, err) => {
  const failing = async (): Promise<never> => {
    throw error;
  };
  const services = { startController: failing };
  expect(await cli(['run'], { services })).toEqual({ code: 1, out: '', err });
});
