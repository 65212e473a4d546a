import { beforeEach, describe, expect, test } from 'vitest';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { phaseIs, containersOf, writes, healthy } = agentsOn(() => host);
const convergence = () => host.engine().backend.convergence();

describe('an agent whose manifest is gone', () => {
  test('waits for no person, however it failed: it goes when the absence has lasted', async () => {
    host.programs.set('bad', () => ({ exitAfterMs: 50, exitCode: 1 }));
    await host.apply(agentManifest('bad'), agentManifest('good'));
    await host.start();
    await healthy('good');
    await host.until(phaseIs('bad', 'Failed'), 300_000);
    await host.remove('Agent', 'bad');
    await host.engine().backend.sync({ approvePrune: true });
    expect(convergence()).toMatchObject({
      converged: false,
      total: 1,
      healthy: 1,
      waitingFor: [
        { object: `Agent/${NAMESPACE}/bad`, phase: 'Terminating', message: expect.stringContaining('10 s') },
      ],
    });
    await host.clock.advance(20_000);
    expect(containersOf('bad')).toEqual([]);
    expect(convergence()).toMatchObject({ converged: true, total: 1, waitingFor: [] });
  });
});

describe('a controller that ends in the midst of a removal', () => {
  const dieAtTheStop = async (): Promise<void> => {
    await host.apply(agentManifest('zoe'), agentManifest('adam'));
    await host.start();
    await healthy('zoe', 'adam');
    await host.remove('Agent', 'zoe');
    host.onCrossing = (crossing, what) => {
      if (crossing === 'AfterCall' && what === 'stopContainer') host.crash();
    };
    await host.clock.advance(60_000);
    host.onCrossing = () => undefined;
    expect(containersOf('zoe').map(({ state }) => state)).toEqual(['exited']);
    host.podman.controls.calls = [];
  };

  test('goes on with it at once in its next life, and makes nothing anew', async () => {
    await dieAtTheStop();
    await host.start();
    await host.clock.advance(1_000);
    expect(writes()).toEqual(['removeContainer']);
    expect(convergence()).toMatchObject({ converged: true, total: 1 });
  });

  test('makes it anew when its manifest is back by then', async () => {
    await dieAtTheStop();
    await host.apply(agentManifest('zoe'));
    await host.start();
    await healthy('zoe');
    host.crash();
    await host.start();
    await host.clock.advance(60_000);
    expect(writes()).toEqual([]);
    expect(phaseIs('zoe', 'Healthy')()).toBe(true);
  });

  test('touches nothing of it while the manifests cannot be read', async () => {
    await dieAtTheStop();
    await host.loseRoot('it is gone');
    await host.start();
    await host.clock.advance(60_000);
    expect(writes()).toEqual([]);
  });
});
