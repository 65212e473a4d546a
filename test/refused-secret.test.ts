import { describe, expect, test } from 'vitest';
import { agentsOn } from './fakes/simulated-agents.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

const secret = (value: string): object => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'api', namespace: NAMESPACE },
  stringData: { token: value },
});

function reader(strategy: string): object {
  const rollout = { strategy, minHealthySeconds: 2, monitorSeconds: 5, healthyDeadlineSeconds: 60 };
  const manifest = agentManifest('reader', { rollout }) as { spec: { env: object[] } };
  const token = { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'api', key: 'token' } } };
  return { ...manifest, spec: { ...manifest.spec, env: [...manifest.spec.env, token] } };
}

const WRONG = 'encryptedData.token: it cannot be decrypted: it is damaged, or encrypted for other recipients';
/** Longer than any step of a rollout may take. */
const LONG_MS = 310_000;

interface Interrupted {
  readonly host: SimulatedHost;
  readonly old: readonly string[];
  /** The update was not yet over. */
  readonly wasUnderWay: boolean;
}

/** The Secret gets a new value, and the controller dies where it touches the world for the nth time after. */
async function dieInUpdate(strategy: string, nth: number): Promise<Interrupted> {
  const host = await createSimulatedHost();
  const { upOf, phaseIs, healthy } = agentsOn(() => host);
  await host.apply(secret('one'), reader(strategy));
  await host.start();
  await healthy('reader');
  const old = upOf('reader');
  let left = nth;
  host.onCrossing = () => {
    left -= 1;
    if (left === 0) host.crash();
  };
  await host.apply(secret('two'));
  const isOver = (): boolean =>
    !host.isBooting() && phaseIs('reader', 'Healthy')() && upOf('reader').join() !== old.join();
  await host.until(() => left <= 0 || isOver(), LONG_MS);
  host.onCrossing = () => undefined;
  host.crash();
  return { host, old, wasUnderWay: left <= 0 };
}

describe.each(['Recreate', 'BlueGreen'])('strategy %s', (strategy) => {
  test('wherever an update dies, a restart with the wrong identity fails nothing, and with the right one it goes on', {
    timeout: 120_000,
  }, async () => {
    const phases = new Set<string>();
    for (let nth = 1; ; nth += 1) {
      const { host, old, wasUnderWay } = await dieInUpdate(strategy, nth);
      if (!wasUnderWay) break;
      const { upOf, phaseIs } = agentsOn(() => host);
      await host.refuse('Secret', 'api', WRONG);
      await host.start();
      // An update that can go on is over by then: a crash within its monitor window would be its own fault.
      await host.clock.advance(60_000);
      for (const { id, state } of host.podman.controls.containers())
        if (state === 'running') host.podman.controls.kill(id, 1);
      await host.clock.advance(phaseIs('reader', 'Healthy')() ? 15_000 : LONG_MS);
      phases.add(host.status('reader')?.phase ?? 'none');
      expect(upOf('reader'), `something serves, death ${nth}`).not.toEqual([]);
      await host.refuse('Secret', 'api', undefined);
      const isNew = (): boolean => phaseIs('reader', 'Healthy')() && upOf('reader').join() !== old.join();
      await host.until(isNew, LONG_MS);
      expect(isNew(), `death ${nth}: ${host.status('reader')?.message}`).toBe(true);
    }
    expect([...phases].sort()).toEqual(['Blocked', 'Healthy']);
  });
});
