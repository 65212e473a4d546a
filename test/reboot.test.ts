import { beforeEach, describe, expect, test } from 'vitest';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { healthy, upOf } = agentsOn(() => host);
const startsOf = (name: string): number =>
  host.podman.controls.calls.filter(
    ({ method, args }) => method === 'startContainer' && String(args[0]).includes(`.${name}-`),
  ).length;
const allLands = () => 'New' as const;

describe.each([
  ['was shut down', () => host.reboot()],
  ['lost its power', () => host.losePower(allLands)],
])('on a host that %s', (_, bootAnew) => {
  const twoUp = async (): Promise<void> => {
    host.programs.set('twin', () => ({ readyAfterMs: 5_000 }));
    await host.apply(agentManifest('twin'), agentManifest('model', { dependsOn: [{ name: 'twin' }] }));
    await host.start();
    await healthy('model');
    host.podman.controls.calls = [];
  };

  test('a dependent waits for its dependency, and is no crash', async () => {
    await twoUp();
    await bootAnew();
    await host.clock.advance(4_500);
    expect([startsOf('twin'), startsOf('model')]).toEqual([1, 0]);
    expect(host.status('model')).toMatchObject({
      reason: 'WaitingAfterBoot',
      message: 'after a boot of the host, waits for twin to be Healthy (Degraded)',
    });
    await host.until(() => host.running().length === 2, 20_000);
    expect(host.status('model')).toMatchObject({ reason: 'Degraded', message: '' });
    expect(host.status('twin')?.restarts).toBe(0);
    expect(host.status('model')?.restarts).toBe(0);
  });

  test('a dependent that had crashed just before waits for its dependency too', async () => {
    await twoUp();
    host.podman.controls.kill(upOf('model')[0] ?? '', 1);
    await bootAnew();
    await host.clock.advance(4_500);
    expect(startsOf('model')).toBe(0);
  });

  test('one whose container was removed meanwhile is made again in its turn', async () => {
    await twoUp();
    await bootAnew();
    await host.clock.advance(1_000);
    const model = host.podman.controls.containers().find(({ name }) => name.includes('.model-'));
    await host.podman.removeContainer(model?.id ?? '');
    await host.clock.advance(3_000);
    expect(startsOf('model')).toBe(0);
    await healthy('model');
  });

  test('one that crashes at once when it is back is given its back-off', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    host.podman.controls.calls = [];
    // Over before anybody could see it run.
    host.latency = () => ({ thereMs: 20, backMs: 20 });
    host.programs.set('twin', () => ({ exitAfterMs: 1, exitCode: 1 }));
    await bootAnew();
    await host.clock.advance(30_000);
    expect(startsOf('twin')).toBeLessThan(8);
    expect(host.status('twin')?.restarts).toBeGreaterThan(1);
  });
});

test('a job that was cut off by a loss of power runs again', async () => {
  host.programs.set('job', () => ({ exitAfterMs: 60_000, exitCode: 0 }));
  await host.apply(agentManifest('job', { restartPolicy: 'OnFailure' }));
  await host.start();
  await host.clock.advance(10_000);
  host.podman.controls.calls = [];
  await host.losePower(allLands);
  await host.clock.advance(5_000);
  expect(startsOf('job')).toBe(1);
});
