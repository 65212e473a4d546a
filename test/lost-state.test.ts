import { beforeEach, describe, expect, test } from 'vitest';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

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

describe('the state directory is lost outside of a sync window', () => {
  const closed = { open: false, message: 'outside of the sync window' } as const;
  const NEWER = { NEW: '1' };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'api', namespace: NAMESPACE },
    stringData: { token: 'one' },
  };
  const token = { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } };
  const reader = agentManifest('reader', { env: [{ name: 'AGENT', value: 'reader' }, token] });
  const lose = async (...newer: readonly object[]): Promise<string[]> => {
    await host.apply(secret, agentManifest('zoe'), agentManifest('duo', { replicas: 2 }), reader);
    await host.start();
    await healthy('zoe', 'duo', 'reader');
    const before = host.running();
    host.crash();
    host.loseState();
    host.syncWindow = () => closed;
    await host.apply(...newer);
    await host.start();
    return before;
  };
  const newer = [
    agentManifest('zoe', {}, NEWER),
    agentManifest('duo', { replicas: 3 }),
    agentManifest('new'),
  ];

  test('what runs is looked after as it is, over another restart too', async () => {
    const before = await lose(...newer);
    for (const round of [1, 2]) {
      await host.clock.advance(60_000);
      expect(host.running(), `round ${round}`).toEqual(before);
      for (const { id, state } of host.podman.controls.containers())
        if (state === 'running') host.podman.controls.kill(id, 1);
      await host.clock.advance(120_000);
      expect(host.running(), `round ${round}`).toEqual(before);
      expect(host.status('zoe')).toMatchObject({
        phase: 'Healthy',
        ready: true,
        reason: 'OutsideSyncWindow',
      });
      host.crash();
      await host.start();
    }
    await host.podman.removeContainer(upOf('zoe')[0] ?? '');
    await host.until(() => upOf('zoe').length === 1, 60_000);
    expect(host.status('zoe')?.revisions).toHaveLength(1);
  });

  test('what is new waits, is told, and comes with the window', async () => {
    await lose(...newer);
    await host.clock.advance(60_000);
    const { window, converged } = host.engine().backend.convergence();
    const waiting = ['duo', 'new', 'reader', 'zoe'].map((name) => `Agent/${NAMESPACE}/${name}`);
    expect([converged, window?.waiting]).toEqual([false, waiting]);
    expect(host.running().filter((name) => name.includes('new'))).toEqual([]);
    host.syncWindow = () => ({ open: true });
    await host.clock.advance(60_000);
    await host.until(() => Object.values(host.phases()).every((phase) => phase === 'Healthy'), 300_000);
    expect(upOf('duo').filter((name) => !name.includes('holder'))).toHaveLength(3);
    expect(host.status('zoe')?.revisions).toHaveLength(2);
  });

  test('with the manifests as they were nothing is changed by the window that opens', async () => {
    const before = await lose();
    await host.clock.advance(60_000);
    host.podman.controls.calls = [];
    host.syncWindow = () => ({ open: true });
    await host.clock.advance(120_000);
    expect(upOf('zoe')).toEqual(before.filter((name) => name.includes('zoe')));
    expect(host.engine().backend.convergence().converged).toBe(true);
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
