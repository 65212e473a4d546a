import { beforeEach, describe, expect, test } from 'vitest';
import { labels } from '../src/api/labels.ts';
import { answering } from './fakes/client.ts';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { phaseIs, containersOf, upOf, healthy, writes } = agentsOn(() => host);
const times = { minHealthySeconds: 2, monitorSeconds: 60, healthyDeadlineSeconds: 30, drainSeconds: 2 };
const twin = (spec: { rollout?: object }, version: string): object =>
  agentManifest(
    'twin',
    { ...spec, rollout: { ...times, onFailure: 'Pause', ...spec.rollout } },
    { V: version },
  );

/** Of a first version that runs, and an update to a second that fails. */
async function paused(spec: { image?: string; rollout?: object; replicas?: number }): Promise<string> {
  const { image, ...rest } = spec;
  await host.apply(twin(rest, '1'));
  await host.start();
  await healthy('twin');
  const before = host.status('twin')?.currentRevision ?? '';
  await host.apply(twin({ ...rest, ...(image !== undefined && { image }) }, '2'));
  await host.until(phaseIs('twin', 'Paused'), 900_000);
  await host.clock.advance(5_000);
  host.podman.controls.calls = [];
  return before;
}

const behave = (second: object): void => {
  host.programs.set('twin', ({ env }) => (env['V'] === '2' ? second : {}));
};
const ofRevision = (id: string) => containersOf('twin').filter((one) => one.labels[labels.revision] === id);
const crash = async (id: string): Promise<void> => {
  host.podman.controls.kill(ofRevision(id)[0]?.name ?? '', 9);
  await host.clock.advance(100);
};

describe.each([
  ['in place', {}],
  ['beside it', { rollout: { strategy: 'BlueGreen' } }],
])('what serves while a person looks at an update %s that could not be made', (_, spec) => {
  const missing = { ...spec, image: 'localhost/missing:1' };

  test('is started again when it crashes, at once and then after its back-off', async () => {
    const before = await paused(missing);
    for (let crashes = 1; crashes <= 3; crashes += 1) {
      await host.until(() => host.status('twin')?.ready === true, 5_000);
      await crash(before);
    }
    expect(host.status('twin')).toMatchObject({ phase: 'Paused', ready: false, restarts: 3 });
    const waitsMs = Date.parse(host.status('twin')?.nextRetryAt ?? '') - host.clock.now();
    expect(waitsMs).toBeGreaterThan(1_000);
    await host.clock.advance(waitsMs + 2_000);
    expect(host.status('twin')).toMatchObject({ phase: 'Paused', ready: true, reason: 'ImageNotFound' });
  });

  test('is back after a reboot of the host', async () => {
    const before = await paused(missing);
    await host.reboot();
    await host.until(() => host.status('twin')?.ready === true, 60_000);
    expect(host.status('twin')).toMatchObject({ phase: 'Paused', currentRevision: before, restarts: 0 });
  });

  test('is made again when somebody removed it', async () => {
    const before = await paused(missing);
    await host.podman.removeContainer(ofRevision(before)[0]?.name ?? '');
    await host.until(() => host.status('twin')?.ready === true, 60_000);
    expect(host.status('twin')?.phase).toBe('Paused');
  });
});

describe('what serves beside an update that failed', () => {
  const spec = { rollout: { strategy: 'BlueGreen' } };

  test.each([
    ['and crashed', { exitAfterMs: 50, exitCode: 1 }],
    ['and runs on', { readyAfterMs: 1e9 }],
  ])('%s is started again and answers, what failed is left as it is', async (_, second) => {
    behave(second);
    const before = await paused(spec);
    const failed = ofRevision(host.status('twin')?.targetRevision ?? '');
    expect(failed).toHaveLength(1);
    await crash(before);
    await host.until(() => host.status('twin')?.ready === true, 5_000);
    await host.clock.advance(60_000);
    expect(ofRevision(failed[0]?.labels[labels.revision] ?? '')).toEqual(failed);
    expect((await answering(host, 'twin')).map((one) => one?.labels[labels.revision])).toEqual([before]);
    expect(host.status('twin')).toMatchObject({
      phase: 'Paused',
      ready: true,
      restarts: 1 + crashesOf(second),
    });
  });
});

test('the name of what serves leads to it again when its holder died', async () => {
  const before = await paused({ image: 'localhost/missing:1', rollout: { strategy: 'BlueGreen' } });
  host.podman.controls.kill(`${NAMESPACE}.twin-holder`, 9);
  await host.clock.advance(5_000);
  expect((await answering(host, 'twin')).map((one) => one?.labels[labels.revision])).toEqual([before]);
});

/** Those of the candidate are counted too. */
const crashesOf = (program: object): number => ('exitAfterMs' in program ? 3 : 0);

describe('where the old one has made room for one that failed', () => {
  test.each([
    ['crashed', { exitAfterMs: 50, exitCode: 1 }],
    ['never became ready', { readyAfterMs: 1e9 }],
  ])('and %s, nothing is done until a person has it go back', async (_, second) => {
    behave(second);
    const before = await paused({});
    const [left] = [containersOf('twin')];
    await host.clock.advance(600_000);
    expect(writes()).toEqual([]);
    expect(containersOf('twin')).toEqual(left);
    const answer = host.engine().backend.act(NAMESPACE, 'twin', { action: 'abort' });
    await host.clock.settle();
    await answer;
    await host.until(phaseIs('twin', 'RolledBack'), 120_000);
    expect(host.status('twin')).toMatchObject({ ready: true, currentRevision: before });
  });

  test('an exit of what failed is no crash to be mended', async () => {
    behave({ readyAfterMs: 1e9 });
    await paused({});
    await crash(host.status('twin')?.targetRevision ?? '');
    await host.clock.advance(600_000);
    expect(writes()).toEqual([]);
    expect(upOf('twin')).toEqual([]);
  });
});

test.each([
  ['in place', {}],
  ['beside the old one', { rollout: { strategy: 'BlueGreen' } }],
])('an update %s that turned bad once it served is what serves: it is started again', async (_, spec) => {
  behave({ unreadyAfterMs: 8_000 });
  const before = await paused(spec);
  behave({});
  await crash(host.status('twin')?.targetRevision ?? '');
  await host.until(() => host.status('twin')?.ready === true, 60_000);
  const { currentRevision, targetRevision } = host.status('twin') ?? {};
  expect(host.status('twin')).toMatchObject({ phase: 'Paused', restarts: 1 });
  expect([currentRevision === targetRevision, currentRevision === before]).toEqual([true, false]);
});
