import { describe, expect, test } from 'vitest';
import { agentKey, keyString, type ObjectKey } from '../src/api/key.ts';
import { type Probe, probe as probeSchema } from '../src/api/probe.ts';
import type { ProbeOutcome, ProbeTarget } from '../src/probe/probe.ts';
import { createProber, type ProberOptions } from '../src/probe/prober.ts';
import { aTarget, type ProbeInput } from './fakes/probing.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

const START_MS = Date.UTC(2026, 0, 1);
const KEY = agentKey('ns', 'a');
const target = (containerId = 'c1', startedAtMs = START_MS): ProbeTarget =>
  aTarget({ containerId, startedAtMs });

/** A probe that is told apart by its port. */
const probe = (port: number, settings: Partial<ProbeInput> = {}): Probe =>
  probeSchema.parse({ tcpSocket: { port }, ...settings });
const EVERY_SECOND = { periodSeconds: 1 };

type Answer = 's' | 'f' | 'u' | 'slow' | 'hang';
const VERDICTS = { s: 'Success', f: 'Failure', u: 'Unknown', slow: 'Success' } as const;
const SLOW_MS = 700;

/** A prober on a simulated clock whose probes answer what `answers` says for their container and port. */
function setUp(options: Partial<ProberOptions> = {}) {
  const clock = createSimulatedClock(START_MS);
  const answers = new Map<string, Answer>();
  const runs: string[] = [];
  const changes: string[] = [];
  let running = 0;
  const run = async (
    spec: Probe,
    { containerId }: ProbeTarget,
    signal: AbortSignal,
  ): Promise<ProbeOutcome> => {
    const name = `${containerId}:${spec.tcpSocket?.port}`;
    runs.push(`${(clock.now() - START_MS) / 1000} ${name}`);
    const answer = answers.get(name) ?? 's';
    if (answer === 'slow') await new Promise<void>((resolve) => void clock.setTimer(SLOW_MS, resolve));
    if (answer !== 'hang') return { verdict: VERDICTS[answer], message: `said ${answer}` };
    running++;
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    running--;
    return { verdict: 'Unknown', message: 'cancelled' };
  };
  const onChange = (key: ObjectKey) => void changes.push(keyString(key));
  const prober = createProber({ clock, random: () => 0, run, onChange, ...options });
  const flags = (containerId = 'c1', startedAtMs = START_MS) => {
    const verdict = prober.verdict(containerId, startedAtMs);
    return Object.entries(verdict ?? {})
      .flatMap(([name, value]) => (value === true ? [name] : []))
      .join(' ');
  };
  return { clock, answers, runs, changes, prober, flags, running: () => running };
}

describe('when probes run', () => {
  test('at once, and then every period from when they were due, however long they took', async () => {
    const { clock, prober, runs, answers } = setUp();
    answers.set('c1:1', 'slow');
    prober.sync(KEY, [{ target: target(), probes: { liveness: probe(1, { periodSeconds: 3 }) } }]);
    await clock.advance(7_000);
    expect(runs).toEqual(['0 c1:1', '3 c1:1', '6 c1:1']);
  });

  test('after the initial delay, counted from the start of the container', async () => {
    const { clock, prober, runs } = setUp();
    const settings = { initialDelaySeconds: 5, periodSeconds: 4 };
    prober.sync(KEY, [{ target: target('c1', START_MS - 3_000), probes: { liveness: probe(1, settings) } }]);
    await clock.advance(7_000);
    expect(runs).toEqual(['2 c1:1', '6 c1:1']);
  });

  test('startup gates readiness and liveness, which follow its success at once', async () => {
    const { clock, prober, runs, answers, flags } = setUp();
    answers.set('c1:1', 'f');
    const probes = {
      startup: probe(1, EVERY_SECOND),
      readiness: probe(2, EVERY_SECOND),
      liveness: probe(3, EVERY_SECOND),
    };
    prober.sync(KEY, [{ target: target(), probes }]);
    await clock.advance(1_500);
    expect(flags()).toBe('live');
    answers.set('c1:1', 's');
    await clock.advance(1_000);
    expect(runs).toEqual(['0 c1:1', '1 c1:1', '2 c1:1', '2 c1:2', '2 c1:3']);
    expect(flags()).toBe('started ready live');
    await clock.advance(2_000);
    expect(runs.filter((run) => run.endsWith(':1'))).toHaveLength(3);
  });

  test('a readiness probe that never succeeded is repeated sooner than its period', async () => {
    const { clock, prober, runs, answers } = setUp();
    answers.set('c1:1', 'f');
    prober.sync(KEY, [{ target: target(), probes: { readiness: probe(1, { periodSeconds: 2 }) } }]);
    await clock.advance(6_000);
    expect(runs.map((run) => run.split(' ')[0])).toEqual(['0', '0.25', '0.75', '1.75', '3.75', '5.75']);
    answers.set('c1:1', 's');
    await clock.advance(6_500);
    expect(runs.slice(6).map((run) => run.split(' ')[0])).toEqual(['7.75', '9.75', '11.75']);
  });

  test('long periods are spread, meet on a common grid and do not drift', async () => {
    const { clock, prober, runs } = setUp({ random: () => 0.55 });
    await clock.advance(300);
    prober.sync(KEY, [
      { target: target('c1'), probes: { liveness: probe(1) } },
      { target: target('c2'), probes: { liveness: probe(1, { periodSeconds: 11 }) } },
    ]);
    await clock.advance(30_000);
    expect(runs).toEqual(['4 c1:1', '6.35 c2:1', '14 c1:1', '17.35 c2:1', '24 c1:1', '28.35 c2:1']);
  });
});

describe('what probes change', () => {
  test('without probes a running container is started and ready', () => {
    const { prober, flags, changes } = setUp();
    prober.sync(KEY, [{ target: target(), probes: {} }]);
    expect(flags()).toBe('started ready live');
    expect(prober.verdict('c1', START_MS)?.sinceMs).toBe(START_MS);
    expect(changes).toEqual([]);
  });

  test('a verdict is about one run of a container', () => {
    const { prober } = setUp();
    prober.sync(KEY, [{ target: target(), probes: {} }]);
    expect(prober.verdict('c1', START_MS + 1)).toBeUndefined();
    prober.sync(KEY, [{ target: target('c1', START_MS + 1), probes: { readiness: probe(1) } }]);
    expect(prober.verdict('c1', START_MS)).toBeUndefined();
    expect(prober.verdict('c1', START_MS + 1)).toMatchObject({ ready: false });
  });

  test('failed readiness is told when it begins and when it counts, with the time and the words', async () => {
    const { clock, prober, answers, changes, flags } = setUp();
    prober.sync(KEY, [{ target: target(), probes: { readiness: probe(1, EVERY_SECOND) } }]);
    await clock.advance(500);
    expect(changes).toEqual(['Agent/ns/a']);
    answers.set('c1:1', 'f');
    await clock.advance(1_000);
    expect(changes).toHaveLength(2);
    expect(flags()).toBe('started ready live');
    await clock.advance(5_000);
    expect(changes).toHaveLength(3);
    expect(prober.verdict('c1', START_MS)).toEqual({
      started: true,
      ready: false,
      live: true,
      startupFailed: false,
      sinceMs: START_MS + 3_000,
      messages: { readiness: 'said f' },
    });
  });

  test('a failed liveness probe is not asked again before the container runs anew', async () => {
    const { clock, prober, runs, answers, flags } = setUp();
    answers.set('c1:1', 'f');
    const probes = { liveness: probe(1, EVERY_SECOND) };
    prober.sync(KEY, [{ target: target(), probes }]);
    await clock.advance(10_000);
    expect(runs).toHaveLength(3);
    expect(flags()).toBe('started ready');
    answers.set('c1:1', 's');
    prober.sync(KEY, [{ target: target('c1', clock.now()), probes }]);
    expect(flags('c1', clock.now())).toBe('started ready live');
    await clock.advance(2_500);
    expect(runs).toHaveLength(6);
  });

  test('a failed startup probe ends the probing and is told', async () => {
    const { clock, prober, runs, answers, flags } = setUp();
    answers.set('c1:1', 'f');
    const probes = {
      startup: probe(1, { ...EVERY_SECOND, failureThreshold: 2 }),
      liveness: probe(2, EVERY_SECOND),
    };
    prober.sync(KEY, [{ target: target(), probes }]);
    await clock.advance(10_000);
    expect(runs).toEqual(['0 c1:1', '1 c1:1']);
    expect(flags()).toBe('live startupFailed');
  });

  test('probes that cannot run leave the verdict as it was', async () => {
    const { clock, prober, answers, flags } = setUp();
    const probes = { readiness: probe(1, EVERY_SECOND), liveness: probe(2, EVERY_SECOND) };
    prober.sync(KEY, [{ target: target(), probes }]);
    await clock.advance(500);
    answers.set('c1:1', 'u').set('c1:2', 'u');
    await clock.advance(60_000);
    expect(flags()).toBe('started ready live');
    expect(prober.verdict('c1', START_MS)?.messages).toEqual({ readiness: 'said u', liveness: 'said u' });
  });
});

describe('independence', () => {
  test('a probe that hangs for ever delays no other, and is given up and tried again', async () => {
    const { clock, prober, runs, answers } = setUp();
    const probes = { readiness: probe(1, EVERY_SECOND) };
    const many = Array.from({ length: 100 }, (_, index) => ({ target: target(`c${index}`), probes }));
    for (let index = 1; index < 100; index++) answers.set(`c${index}:1`, 'hang');
    prober.sync(KEY, many);
    await clock.advance(5_500);
    expect(runs.filter((run) => run.endsWith('c0:1'))).toHaveLength(6);
    await clock.advance(1_000);
    // Timeout 1 s and 5 s more, after which the worker goes on without it.
    expect(runs.filter((run) => run.endsWith('c7:1'))).toEqual(['0 c7:1', '6.25 c7:1']);
    await prober.close();
  });

  test('a run that throws is a probe that could not run', async () => {
    const { clock, prober, flags } = setUp({ run: () => Promise.reject(new Error('bug')) });
    prober.sync(KEY, [{ target: target(), probes: { liveness: probe(1, EVERY_SECOND) } }]);
    await clock.advance(10_000);
    expect(flags()).toBe('started ready live');
    expect(prober.verdict('c1', START_MS)?.messages.liveness).toBe('the probe broke off: bug');
  });
});

describe('level-triggered', () => {
  test('the same call again changes nothing', async () => {
    const { clock, prober, runs } = setUp();
    const sync = () =>
      prober.sync(KEY, [{ target: target(), probes: { liveness: probe(1, { periodSeconds: 5 }) } }]);
    sync();
    for (let second = 0; second < 9; second++) {
      await clock.advance(1_000);
      sync();
    }
    expect(runs).toEqual(['0 c1:1', '5 c1:1']);
  });

  test('a container that is not named any more is forgotten and its run under way aborted; other objects go on', async () => {
    const { clock, prober, runs, answers, running } = setUp();
    answers.set('c1:1', 'hang');
    const probes = { liveness: probe(1, EVERY_SECOND) };
    prober.sync(KEY, [
      { target: target('c1'), probes },
      { target: target('c2'), probes },
    ]);
    prober.sync(agentKey('ns', 'b'), [{ target: target('c3'), probes }]);
    await clock.advance(100);
    expect(running()).toBe(1);
    prober.sync(KEY, [{ target: target('c2'), probes }]);
    await clock.settle();
    expect(running()).toBe(0);
    expect(prober.verdict('c1', START_MS)).toBeUndefined();
    await clock.advance(1_000);
    expect(runs.slice(3)).toEqual(['1 c2:1', '1 c3:1']);
  });

  test('a new address is used from the next run on, without a new start', async () => {
    const seen: (string | undefined)[] = [];
    const { clock, prober } = setUp({
      run: (_, { ip }) => {
        seen.push(ip);
        return Promise.resolve({ verdict: 'Success', message: '' });
      },
    });
    const probes = { liveness: probe(1, EVERY_SECOND) };
    prober.sync(KEY, [{ target: target(), probes }]);
    await clock.advance(500);
    prober.sync(KEY, [{ target: { ...target(), ip: '10.0.0.9' }, probes }]);
    await clock.advance(1_000);
    expect(seen).toEqual(['127.0.0.1', '10.0.0.9']);
  });

  test('an edited probe judges anew from the result so far, and a failure of the old one is forgotten', async () => {
    const { clock, prober, runs, answers, flags } = setUp();
    answers.set('c1:1', 'f');
    const readiness = probe(2, EVERY_SECOND);
    prober.sync(KEY, [{ target: target(), probes: { readiness, liveness: probe(1, EVERY_SECOND) } }]);
    await clock.advance(5_000);
    expect(flags()).toBe('started ready');
    answers.set('c1:3', 'f');
    prober.sync(KEY, [
      { target: target(), probes: { readiness: probe(3, EVERY_SECOND), liveness: probe(4, EVERY_SECOND) } },
    ]);
    expect(flags()).toBe('started ready live');
    runs.length = 0;
    await clock.advance(500);
    expect(runs).toEqual(['5 c1:3', '5 c1:4']);
    await clock.advance(2_000);
    expect(flags()).toBe('started live');
  });

  test('an edited probe runs in the place of the old one', async () => {
    const { clock, prober, runs } = setUp();
    const liveness = probe(9, { periodSeconds: 60 });
    prober.sync(KEY, [{ target: target(), probes: { readiness: probe(1, EVERY_SECOND), liveness } }]);
    await clock.advance(1_500);
    prober.sync(KEY, [{ target: target(), probes: { readiness: probe(2, EVERY_SECOND), liveness } }]);
    await clock.advance(1_000);
    expect(runs).toEqual(['0 c1:1', '0 c1:9', '1 c1:1', '1.5 c1:2', '2.5 c1:2']);
  });

  test('a startup probe added to a container that has started is not run; probes taken away count no more', async () => {
    const { clock, prober, runs, answers, flags } = setUp();
    answers.set('c1:1', 'f');
    prober.sync(KEY, [{ target: target(), probes: {} }]);
    prober.sync(KEY, [
      { target: target(), probes: { startup: probe(1), readiness: probe(1, EVERY_SECOND) } },
    ]);
    await clock.advance(5_000);
    expect(flags()).toBe('started live');
    prober.sync(KEY, [{ target: target(), probes: {} }]);
    expect(flags()).toBe('started ready live');
    runs.length = 0;
    await clock.advance(5_000);
    expect(runs).toEqual([]);
  });
});

describe('over a restart of the controller', () => {
  const ALL = { startup: probe(1, EVERY_SECOND), readiness: probe(2), liveness: probe(3, EVERY_SECOND) };

  async function savedAfter(answers: [string, Answer][]) {
    const { clock, prober, ...first } = setUp();
    for (const [name, answer] of answers) first.answers.set(name, answer);
    prober.sync(KEY, [{ target: target(), probes: ALL }]);
    await clock.advance(20_000);
    return structuredClone(prober.snapshot());
  }

  test.each<[string, [string, Answer][], string]>([
    ['healthy', [], 'started ready live'],
    ['not ready', [['c1:2', 'f']], 'started live'],
    ['dead', [['c1:3', 'f']], 'started ready'],
    ['failed to start', [['c1:1', 'f']], 'live startupFailed'],
  ])('%s stays so, before and after the container is named again', async (_, answers, expected) => {
    const saved = await savedAfter(answers);
    const { prober, flags, changes } = setUp({ saved });
    expect(flags()).toBe(expected);
    prober.sync(KEY, [{ target: target(), probes: ALL }]);
    expect(flags()).toBe(expected);
    expect(prober.verdict('c1', START_MS)).toEqual(saved[0]?.verdict);
    expect(changes).toEqual([]);
  });

  test('what is healthy is asked again within its period, not at once; what is not, at once', async () => {
    for (const [answer, runsAtOnce] of [
      ['s', []],
      ['f', ['0 c1:2']],
    ] as const) {
      const { clock, prober, runs } = setUp({
        saved: await savedAfter([['c1:2', answer]]),
        random: () => 0.5,
      });
      prober.sync(KEY, [{ target: target(), probes: { readiness: ALL.readiness } }]);
      await clock.advance(100);
      expect(runs).toEqual(runsAtOnce);
      await clock.advance(10_000);
      expect(runs.length).toBeGreaterThan(0);
    }
  });

  test('a saved verdict of a run that is over goes with the first sync of its object', async () => {
    const saved = await savedAfter([]);
    const { prober } = setUp({ saved });
    expect(prober.snapshot()).toEqual(saved);
    prober.sync(agentKey('ns', 'other'), []);
    expect(prober.snapshot()).toEqual(saved);
    prober.sync(KEY, [{ target: target('c1', START_MS + 1), probes: ALL }]);
    expect(prober.snapshot()).toMatchObject([{ startedAtMs: START_MS + 1, verdict: { started: false } }]);
  });
});

test('close waits for the runs under way and leaves no timer', async () => {
  const { clock, prober, answers, running } = setUp();
  answers.set('c1:1', 'hang');
  const probes = { readiness: probe(1), liveness: probe(2) };
  prober.sync(KEY, [
    { target: target('c1'), probes },
    { target: target('c2'), probes },
  ]);
  await clock.advance(1_000);
  expect(running()).toBe(1);
  await prober.close();
  expect(running()).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});
