import { beforeEach, describe, expect, test } from 'vitest';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const phaseIs = (name: string, phase: string) => (): boolean => host.status(name)?.phase === phase;
const all = (names: readonly string[], phase: string) => (): boolean =>
  names.every((name) => phaseIs(name, phase)());
const settings = (level: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'settings', namespace: NAMESPACE },
  data: { level },
});
const reader = (name: string, spec: object = {}): object =>
  agentManifest(name, {
    env: [
      { name: 'AGENT', value: name },
      { name: 'LEVEL', valueFrom: { configMapKeyRef: { name: 'settings', key: 'level' } } },
    ],
    ...spec,
  });
const NAMES = Array.from({ length: 10 }, (_, index) => `reader${index}`);
/** Level 2 is what none of them can stand. */
const deployed = async (...more: object[]): Promise<void> => {
  for (const name of NAMES)
    host.programs.set(name, ({ env }) => (env['LEVEL'] === '2' ? { exitAfterMs: 50, exitCode: 1 } : {}));
  await host.apply(settings('1'), ...NAMES.map((name) => reader(name)), ...more);
  await host.start();
  await host.until(all(NAMES, 'Healthy'), 300_000);
  await host.clock.advance(20_000);
};
const stopped = (): string[] => NAMES.filter((name) => host.status(name)?.reason === 'ChangeStopped');

describe('one change to many agents that fails in the first of them', () => {
  test('stops for the rest, which serve on and name the root cause, until the files change', async () => {
    await deployed();
    await host.apply(settings('2'));
    await host.until(() => stopped().length === 6, 120_000);
    await host.until(() => NAMES.filter((name) => phaseIs(name, 'RolledBack')()).length === 4, 120_000);
    expect(host.running()).toHaveLength(10);
    const [first = ''] = stopped();
    expect(host.status(first)).toMatchObject({ phase: 'Blocked', ready: true });
    expect(host.status(first)?.message).toMatch(/reader\d failed: CrashLoop/);
    await host.clock.advance(600_000);
    expect(stopped()).toHaveLength(6);
    await host.apply(settings('3'));
    await host.clock.advance(1_000);
    await host.until(all(NAMES, 'Healthy'), 300_000);
  });

  test('stays stopped over a restart of the controller', async () => {
    await deployed();
    await host.apply(settings('2'));
    await host.until(() => stopped().length === 6, 120_000);
    await host.clock.advance(60_000);
    host.crash();
    host.podman.controls.calls = [];
    await host.start();
    await host.clock.advance(300_000);
    expect(stopped()).toHaveLength(6);
    expect(host.podman.controls.calls.filter(({ method }) => method === 'createContainer')).toEqual([]);
  });

  test('does not stop an unrelated edit, and ends when it is taken back', async () => {
    await deployed(agentManifest('other'));
    await host.apply(settings('2'));
    await host.until(() => stopped().length === 6, 120_000);
    await host.apply(agentManifest('other', {}, { V: '2' }));
    await host.clock.advance(5_000);
    await host.until(phaseIs('other', 'Healthy'), 120_000);
    expect(host.status('other')?.revisions).toHaveLength(2);
    expect(stopped()).toHaveLength(6);
    await host.apply(settings('1'));
    await host.until(all(NAMES, 'Healthy'), 300_000);
  });
});

describe('one change to agents of several layers', () => {
  test('goes up layer by layer, each promoted before those above it', async () => {
    const names = ['a-top', 'b-middle', 'c-bottom'];
    const layered = names.map((name, index) => reader(name, { layer: 2 - index }));
    for (const name of names) host.programs.set(name, () => ({ readyAfterMs: 3_000 }));
    await host.apply(settings('1'), ...layered);
    await host.start();
    await host.until(all(names, 'Healthy'), 300_000);
    await host.clock.advance(20_000);
    const promoted: string[] = [];
    host.podman.controls.beforeCall = ({ method, args }) => {
      if (method === 'createContainer')
        promoted.push((args[0] as { name: string }).name.split('-').slice(0, 2).join('-'));
      const under = names.filter((name) =>
        host.status(name)?.conditions.some(({ type, status }) => type === 'Progressing' && status === 'True'),
      );
      expect(under.length).toBeLessThan(2);
    };
    await host.apply(settings('2'));
    await host.clock.advance(1_000);
    await host.until(all(names, 'Healthy'), 300_000);
    expect(promoted).toEqual([...names].reverse().map((name) => `${NAMESPACE}.${name}`));
  });
});
