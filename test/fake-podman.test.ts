import { beforeEach, describe, expect, test } from 'vitest';
import { PodmanError } from '../src/podman/errors.ts';
import type { PodmanEvent } from '../src/podman/podman.ts';
import { type ContainerTemplate, EMPTY_TEMPLATE } from '../src/state/template.ts';
import { createFakePodman, type FakePodman, type Program } from './fakes/fake-podman.ts';
import { createSimulatedClock, type SimulatedClock } from './fakes/simulated-clock.ts';

/** What the contract suite cannot show, because the real Podman cannot be told to do it. */
describe('the fake Podman', () => {
  let clock: SimulatedClock;
  let podman: FakePodman;
  let program: Program;
  let template: ContainerTemplate;
  beforeEach(() => {
    clock = createSimulatedClock();
    program = {};
    podman = createFakePodman({ clock, program: () => program });
    template = {
      ...EMPTY_TEMPLATE,
      image: { reference: 'localhost/a:1', id: podman.controls.addImage('localhost/a:1') },
      network: { mode: 'none' },
      stopGraceSeconds: 30,
    };
  });

  const run = async (name: string): Promise<void> => {
    await podman.createContainer({ name, template, labels: { a: 'b' }, annotations: {} });
    await podman.startContainer(name);
  };

  const watch = (): { readonly seen: string[]; readonly ended: Promise<unknown> } => {
    const seen: string[] = [];
    const collect = async (events: AsyncIterable<PodmanEvent>) => {
      for await (const event of events)
        if (event.type === 'container') seen.push(`${event.action} ${event.name}`);
    };
    return {
      seen,
      ended: collect(podman.events(0, new AbortController().signal)).catch((error: unknown) => error),
    };
  };

  const stateOf = async (name: string) => (await podman.inspectContainer(name))?.state;

  test('a program ends by the clock', async () => {
    program = { exitAfterMs: 5_000, exitCode: 7 };
    await run('c');
    await clock.advance(4_999);
    expect(await stateOf('c')).toBe('running');
    await clock.advance(1);
    expect(await podman.inspectContainer('c')).toMatchObject({
      state: 'exited',
      exitCode: 7,
      finishedAtMs: clock.now(),
    });
  });

  test.each([
    ['obeys at once', {}, 0, 0],
    ['takes its time', { stopAfterMs: 3_000, stopExitCode: 143 }, 3_000, 143],
    ['takes too much time', { stopAfterMs: 60_000 }, 30_000, 137],
    ['does not listen', { ignoresTerm: true }, 30_000, 137],
  ])('a program that %s', async (_, itsWay, durationMs, exitCode) => {
    program = itsWay;
    await run('c');
    const startMs = clock.now();
    let stoppedAtMs: number | undefined;
    const stopping = podman.stopContainer('c', 30).then(() => {
      stoppedAtMs = clock.now();
    });
    await clock.settle();
    if (durationMs > 0) expect(await stateOf('c')).toBe('stopping');
    await clock.advanceUntil(() => stoppedAtMs !== undefined, 100_000);
    await stopping;
    expect((stoppedAtMs ?? 0) - startMs).toBe(durationMs);
    expect((await podman.inspectContainer('c'))?.exitCode).toBe(exitCode);
    await clock.advance(200_000);
    expect(clock.pendingTimers).toBe(0);
  });

  test('readiness follows the program, and ends with it', async () => {
    program = { readyAfterMs: 100, unreadyAfterMs: 200 };
    await run('c');
    const seen: boolean[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      seen.push(podman.controls.isReady('c'));
      await clock.advance(100);
    }
    expect(seen).toEqual([false, true, false]);
  });

  test('a kill behind everybody’s back is observed as it was', async () => {
    await run('c');
    podman.controls.kill('c', 139, { oom: true });
    expect(await podman.inspectContainer('c')).toMatchObject({
      state: 'exited',
      exitCode: 139,
      oomKilled: true,
    });
  });

  test('events are delivered, lost, doubled and delayed as told', async () => {
    const { seen } = watch();
    podman.controls.setDelivery((event) => ({ create: [], start: [0, 0], died: [500] })[event.action] ?? [0]);
    await run('c');
    podman.controls.kill('c', 1);
    await clock.advance(499);
    expect(seen).toEqual(['start c', 'start c']);
    await clock.advance(1);
    expect(seen).toEqual(['start c', 'start c', 'died c']);
  });

  test('a fault comes before the effect, or after it', async () => {
    const fault = new PodmanError('Unreachable', 'cut');
    const request = { name: 'c', template, labels: {}, annotations: {} };
    podman.controls.beforeCall = ({ method }) => {
      if (method === 'createContainer') throw fault;
    };
    await expect(podman.createContainer(request)).rejects.toBe(fault);
    expect(podman.controls.containers()).toEqual([]);
    podman.controls.beforeCall = () => {};
    podman.controls.afterCall = ({ method }) => {
      if (method === 'createContainer') throw fault;
    };
    await expect(podman.createContainer(request)).rejects.toBe(fault);
    expect(podman.controls.containers()).toHaveLength(1);
  });

  test('calls are recorded, and take the time they are told to', async () => {
    podman.controls.latencyMs = ({ method }) => (method === 'ping' ? 40 : 0);
    let answered = false;
    void podman.ping().then(() => (answered = true));
    await clock.advance(39);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect(answered).toBe(true);
    expect(podman.controls.calls.map(({ method }) => method)).toEqual(['ping']);
  });

  test('while it is down nobody is answered, and what runs goes on', async () => {
    program = { exitAfterMs: 1_000 };
    await run('c');
    const { ended } = watch();
    await clock.settle();
    podman.controls.down();
    await expect(ended).resolves.toMatchObject({ kind: 'Unreachable' });
    await expect(podman.ping()).rejects.toMatchObject({ kind: 'Unreachable' });
    await clock.advance(1_000);
    podman.controls.up();
    expect(await stateOf('c')).toBe('exited');
  });

  test('after a reboot nothing runs, and everything is still there', async () => {
    await run('c');
    podman.controls.reboot();
    expect(await stateOf('c')).toBe('exited');
    await podman.startContainer('c');
    expect(await stateOf('c')).toBe('running');
  });

  test('a port that somebody else has is in use until it is let go', async () => {
    await podman.createNetwork({
      name: 'n',
      driver: 'bridge',
      subnets: [],
      internal: false,
      dns: true,
      options: {},
      labels: {},
    });
    template = {
      ...template,
      network: { mode: 'bridge', networks: [{ name: 'n', aliases: [] }] },
      ports: [{ containerPort: 80, hostPort: 80, hostIP: '127.0.0.1', protocol: 'tcp' }],
    };
    podman.controls.occupyPort(80);
    await expect(run('c')).rejects.toMatchObject({ kind: 'PortInUse' });
    podman.controls.freePort(80);
    await podman.startContainer('c');
  });

  test('what the caller changes later is not what was created', async () => {
    const labels = { a: '1' };
    await podman.createContainer({ name: 'c', template, labels, annotations: {} });
    labels.a = '2';
    expect((await podman.inspectContainer('c'))?.labels).toEqual({ a: '1' });
  });

  test('a followed log tells each line as it is written', async () => {
    await run('c');
    const texts: string[] = [];
    const reading = (async () => {
      const options = { follow: true, timestamps: false };
      for await (const line of podman.logs('c', options, new AbortController().signal)) texts.push(line.text);
    })();
    await clock.settle();
    podman.controls.log('c', 'hello');
    await clock.settle();
    expect(texts).toEqual(['hello']);
    await podman.removeContainer('c');
    await reading;
  });
});
