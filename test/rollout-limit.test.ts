import { beforeEach, describe, expect, test } from 'vitest';
import { agentManifest, createSimulatedHost, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const NAMES = Array.from({ length: 5 }, (_, index) => `agent${index}`);
const isUpdating = (name: string): boolean =>
  host.status(name)?.conditions.some(({ type, status }) => type === 'Progressing' && status === 'True') ??
  false;
const all = (names: readonly string[], phase: string) => (): boolean =>
  names.every((name) => host.status(name)?.phase === phase);
const deployed = async (...more: object[]): Promise<void> => {
  await host.apply(...NAMES.map((name) => agentManifest(name)), ...more);
  await host.start();
  await host.until(all(NAMES, 'Healthy'), 300_000);
  await host.clock.advance(20_000);
};
/** The most that were under way together while each of them got its update. */
async function mostAtOnce(): Promise<number> {
  let most = 0;
  host.podman.controls.beforeCall = () => {
    most = Math.max(most, NAMES.filter(isUpdating).length);
  };
  await host.apply(...NAMES.map((name) => agentManifest(name, {}, { V: '2' })));
  await host.until(() => NAMES.every((name) => host.status(name)?.revisions.length === 2), 300_000);
  await host.until(all(NAMES, 'Healthy'), 300_000);
  return most;
}

describe('updates under way at once in a namespace', () => {
  test.each([[1], [2], [5]])('are at most %i where the controller was told so', async (limit) => {
    host.maxConcurrentRollouts = limit;
    await deployed();
    expect(await mostAtOnce()).toBe(limit);
  });

  test('do not count a canary that waits for a person, and wait for one that goes on by itself', async () => {
    host.maxConcurrentRollouts = 1;
    const canary = (promotion: string, minHealthySeconds: number, env = {}): object =>
      agentManifest(
        'many',
        {
          replicas: 2,
          rollout: {
            strategy: 'Canary',
            canary: { replicas: 1, promotion },
            minHealthySeconds,
            monitorSeconds: 1,
          },
        },
        env,
      );
    await deployed(canary('Manual', 1));
    await host.apply(canary('Manual', 1, { V: '2' }));
    await host.until(all(['many'], 'AwaitingApproval'), 60_000);
    await host.apply(agentManifest('agent0', {}, { V: '2' }));
    await host.until(() => isUpdating('agent0'), 60_000);
    await host.until(all(['agent0'], 'Healthy'), 60_000);
    expect(all(['many'], 'AwaitingApproval')()).toBe(true);

    await host.apply(canary('Auto', 600, { V: '2' }));
    await host.apply(agentManifest('agent1', {}, { V: '2' }));
    await host.clock.advance(120_000);
    expect(host.status('many')?.phase).toBe('AwaitingApproval');
    expect(host.status('agent1')).toMatchObject({ phase: 'Blocked', reason: 'RolloutLimit', ready: true });
  });
});
