import { beforeEach, describe, expect, test } from 'vitest';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const phaseIs = (name: string, phase: string) => (): boolean => host.status(name)?.phase === phase;
const on = (...names: string[]): object => ({ dependsOn: names.map((name) => ({ name })) });
const starts = (): string[] =>
  host.podman.controls.calls
    .filter(({ method }) => method === 'startContainer')
    .map(({ args }) => String(args[0]).replace(`${NAMESPACE}.`, '').split('-')[0] ?? '');

/** Who needs whom; `base` is what gets a bad update. */
const GRAPHS: Record<string, Record<string, object>> = {
  'a chain of three': { base: {}, middle: on('base'), top: on('middle') },
  'a diamond': { base: {}, left: on('base'), right: on('base'), top: on('left', 'right') },
};

describe.each(Object.entries(GRAPHS))('when an update at the bottom of %s fails', (_name, graph) => {
  const names = Object.keys(graph);
  const above = names.filter((name) => name !== 'base');
  const deployed = async (): Promise<void> => {
    await host.apply(...names.map((name) => agentManifest(name, graph[name])));
    await host.start();
    for (const name of names) await host.until(phaseIs(name, 'Healthy'), 300_000);
    await host.clock.advance(20_000);
    host.podman.controls.calls = [];
  };
  const breakBase = async (deadlineSeconds = 60): Promise<void> => {
    host.programs.set('base', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : {}));
    const rollout = { minHealthySeconds: 2, monitorSeconds: 10, healthyDeadlineSeconds: deadlineSeconds };
    await host.apply(agentManifest('base', { rollout }, { BAD: '1' }));
  };

  test('those that went down with it start again as soon as it is back, whatever their back-off', async () => {
    await deployed();
    // They cannot run without it: each start ends at once while base is not there.
    const isBaseWell = (): boolean => host.status('base')?.ready === true;
    for (const name of above)
      host.programs.set(name, () => (isBaseWell() ? {} : { exitAfterMs: 10, exitCode: 1 }));
    // So long that their own back-off is far longer than the rest of the test.
    await breakBase(200);
    await host.until(() => !isBaseWell(), 60_000);
    for (const name of above) {
      const running = host.running().find((one) => one.startsWith(`${NAMESPACE}.${name}-`));
      if (running !== undefined) host.podman.controls.kill(running, 1);
    }
    await host.until(phaseIs('base', 'RolledBack'), 300_000);
    await host.until(() => above.every((name) => host.status(name)?.ready), 5_000);
    for (const name of above) await host.until(phaseIs(name, 'Healthy'), 60_000);
  });

  test('those that were to be updated with it are stopped with the change, and serve on', async () => {
    await deployed();
    host.programs.set('base', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : {}));
    await host.apply(
      agentManifest('base', {}, { BAD: '1' }),
      ...above.map((name) => agentManifest(name, graph[name], { V: '2' })),
    );
    await host.until(phaseIs('base', 'RolledBack'), 120_000);
    await host.clock.advance(30_000);
    expect(starts()).toEqual(['base', 'base']);
    for (const name of above)
      expect(host.status(name)).toMatchObject({ reason: 'ChangeStopped', ready: true });
    await host.apply(agentManifest('base', {}, { GOOD: '1' }));
    await host.clock.advance(1_000);
    for (const name of names) await host.until(phaseIs(name, 'Healthy'), 300_000);
    const order = starts().slice(2);
    expect(order[0]).toBe('base');
    expect(order.at(-1)).toBe('top');
    expect([...order].sort()).toEqual([...names].sort());
  });

  test('those that were blocked before their first start come up behind it, in order', async () => {
    const [, ...late] = names;
    await host.apply(agentManifest('base'));
    await host.start();
    await host.until(phaseIs('base', 'Healthy'), 60_000);
    await host.clock.advance(20_000);
    await breakBase();
    await host.until(phaseIs('base', 'Verifying'), 60_000);
    host.podman.controls.calls = [];
    await host.apply(...late.map((name) => agentManifest(name, graph[name])));
    await host.until(phaseIs('base', 'RolledBack'), 120_000);
    for (const name of late) await host.until(phaseIs(name, 'Healthy'), 120_000);
    const order = starts();
    expect(order[0]).toBe('base');
    expect(order.at(-1)).toBe('top');
  });
});
