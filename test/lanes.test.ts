import { describe, expect, test } from 'vitest';
import { createLanes, type LaneOptions } from '../src/manager/lanes.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

function setUp() {
  const clock = createSimulatedClock(0);
  const lanes = createLanes();
  const started: string[] = [];
  const call = (name: string, durationMs: number) => async () => {
    started.push(`${name}@${clock.now()}`);
    await new Promise<void>((resolve) => clock.setTimer(durationMs, resolve));
    return name;
  };
  return { clock, lanes, started, call };
}

const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('lanes', () => {
  test.each([
    ['start', 4],
    ['stop', 8],
    ['pull', 2],
    ['build', 1],
  ] as const)('lane %s lets %d through at once', async (lane, limit) => {
    const { clock, lanes, call } = setUp();
    const all = names('t', 10).map((name) => lanes.run(lane, call(name, 100)));
    await clock.settle();
    expect(lanes.stats()[lane]).toEqual({ running: limit, waiting: 10 - limit });
    await clock.advance(1_000);
    expect(await Promise.all(all)).toEqual(names('t', 10));
  });

  test('stops with a long grace hold no start back', async () => {
    const { clock, lanes, started, call } = setUp();
    for (const name of names('stop', 20)) void lanes.run('stop', call(name, 30_000));
    void lanes.run('start', call('start', 100));
    await clock.settle();
    expect(started).toContain('start@0');
  });

  test('crash restarts let first starts and rollouts pass', async () => {
    const { clock, lanes, started, call } = setUp();
    const crash: LaneOptions = { priority: 'CrashRestart' };
    for (const name of names('first', 4)) void lanes.run('start', call(name, 100));
    for (const name of names('crash', 8)) void lanes.run('start', call(name, 100), crash);
    void lanes.run('start', call('rollout', 100));
    await clock.advance(100);
    expect(started[4]).toBe('rollout@100');
  });

  test('eight agents that crash again and again do not starve a quiet one', async () => {
    const { clock, lanes, started, call } = setUp();
    const loop = async (name: string): Promise<void> => {
      for (let turn = 0; turn < 50; turn += 1)
        await lanes.run('start', call(name, 100), { priority: 'CrashRestart' });
    };
    for (const name of names('bad', 8)) void loop(name);
    await clock.advance(1_000);
    void lanes.run('start', call('quiet', 100), { priority: 'CrashRestart' });
    await clock.advance(300);
    expect(started.some((line) => line.startsWith('quiet'))).toBe(true);
  });

  test('a failure is the caller’s and frees the place', async () => {
    const { clock, lanes, call } = setUp();
    const failed = lanes.run('build', () => Promise.reject(new Error('no such image')));
    await expect(failed).rejects.toThrow('no such image');
    const next = lanes.run('build', call('next', 10));
    await clock.advance(10);
    expect(await next).toBe('next');
  });

  test('an abort takes a waiting call out of the lane, and leaves a running one its place until it ends', async () => {
    const { clock, lanes, started, call } = setUp();
    const abort = new AbortController();
    const running = lanes.run('build', call('running', 100), { signal: abort.signal });
    const waiting = lanes.run('build', call('waiting', 100), { signal: abort.signal });
    void lanes.run('build', call('other', 100));
    await clock.settle();
    abort.abort(new Error('stopping'));
    await expect(waiting).rejects.toThrow('stopping');
    await clock.settle();
    expect(started).toEqual(['running@0']);
    await clock.advance(100);
    expect(await running).toBe('running');
    expect(started).toEqual(['running@0', 'other@100']);
  });

  test('a call whose signal is aborted already never runs', async () => {
    const { lanes, started, call } = setUp();
    const late = lanes.run('start', call('late', 1), { signal: AbortSignal.abort(new Error('stopped')) });
    await expect(late).rejects.toThrow('stopped');
    expect(started).toEqual([]);
  });
});
