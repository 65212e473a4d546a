import { beforeEach, describe, expect, test } from 'vitest';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { phaseIs, containersOf, upOf, writes, healthy } = agentsOn(() => host);

describe('the state directory is lost', () => {
  test('and nothing that runs is touched: addresses are learnt from what has them', async () => {
    await host.apply(
      agentManifest('zoe'),
      agentManifest('adam', { dependsOn: [{ name: 'zoe' }] }),
      agentManifest('mid'),
    );
    await host.start();
    await healthy('zoe', 'adam', 'mid');
    // Given out in another order than a new address book would.
    await host.apply(agentManifest('anna'));
    await healthy('anna');
    host.crash();
    host.loseState();
    host.podman.controls.calls = [];
    await host.start();
    await host.clock.advance(120_000);
    expect(writes()).toEqual([]);
    expect(Object.values(host.phases())).toEqual(['Healthy', 'Healthy', 'Healthy', 'Healthy']);
  });

  test('after a reboot the stopped containers still say their addresses', async () => {
    await host.apply(agentManifest('zoe'), agentManifest('mid'));
    await host.start();
    await healthy('zoe', 'mid');
    await host.apply(agentManifest('anna'));
    await healthy('anna');
    host.crash();
    host.loseState();
    host.podman.controls.calls = [];
    await host.reboot();
    await host.until(() => host.running().length === 3, 120_000);
    expect(writes().filter((method) => method !== 'startContainer')).toEqual([]);
  });
});

describe('the state directory is lost, and with it an agent whose manifest goes', () => {
  const loseZoe = async (): Promise<void> => {
    await host.apply(agentManifest('zoe'), agentManifest('adam'));
    await host.start();
    await healthy('zoe', 'adam');
    host.crash();
    host.loseState();
    await host.remove('Agent', 'zoe');
    host.podman.controls.calls = [];
    await host.start();
    await host.clock.advance(60_000);
  };

  test('what is left of it is found by its labels, asked about, and goes when a person agrees', async () => {
    await loseZoe();
    expect(writes()).toEqual([]);
    expect(host.engine().backend.convergence().problems.join()).toContain('zoe would be removed');
    await host.engine().backend.sync({ approvePrune: true });
    await host.clock.advance(60_000);
    expect(containersOf('zoe')).toEqual([]);
    expect(upOf('adam')).toHaveLength(1);
  });

  test('and is asked about still after the next start, whatever else was approved by then', async () => {
    await loseZoe();
    host.crash();
    await host.start();
    await host.clock.advance(60_000);
    expect(upOf('zoe')).toHaveLength(1);
  });

  test('when the controller dies before it took over, the next one does', async () => {
    await host.apply(agentManifest('zoe'));
    await host.start();
    await healthy('zoe');
    host.crash();
    host.loseState();
    host.onCrossing = (crossing) => {
      if (crossing === 'BeforeChange') host.crash();
    };
    host.launch();
    await host.clock.settle();
    host.onCrossing = () => undefined;
    host.podman.controls.calls = [];
    await host.start();
    await host.clock.advance(60_000);
    expect(host.phases()).toEqual({ zoe: 'Healthy' });
    expect(writes()).toEqual([]);
  });
});

test('a canary whose state is lost is tried anew, and never beside itself', async () => {
  const twice: string[] = [];
  const rollout = { strategy: 'Canary', drainSeconds: 5, minHealthySeconds: 2, monitorSeconds: 10 };
  const spec = { replicas: 3, rollout: { ...rollout, canary: { replicas: 1, promotion: 'Manual' } } };
  await host.apply(agentManifest('trio', spec));
  await host.start();
  await healthy('trio');
  const old = upOf('trio');
  await host.apply(agentManifest('trio', spec, { NEW: '1' }));
  await host.until(phaseIs('trio', 'AwaitingApproval'), 120_000);
  host.podman.controls.afterCall = () => {
    const places = upOf('trio').map((name) => name.replace(/-\d+-(\d+)$/, ' $1'));
    if (new Set(places).size < places.length) twice.push(places.join());
  };
  host.crash();
  host.loseState();
  await host.start();
  await host.until(phaseIs('trio', 'AwaitingApproval'), 120_000);
  expect(twice).toEqual([]);
  expect(upOf('trio')).toEqual(expect.arrayContaining(old.filter((name) => /-[12]$/.test(name))));
});
