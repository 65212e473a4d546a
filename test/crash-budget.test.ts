import { beforeEach, expect, test } from 'vitest';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

const LOOPERS = 10;

let host: SimulatedHost;
let startedAtMs: Map<string, number[]>;

const loopNames = Array.from({ length: LOOPERS }, (_, index) => `loop${index}`);
const agentOf = (container: string): string =>
  container.slice(NAMESPACE.length + 1).replace(/-[0-9a-f]{8}-.*/, '');

beforeEach(async () => {
  host = await createSimulatedHost();
  startedAtMs = new Map();
  for (const name of loopNames) host.programs.set(name, () => ({ exitAfterMs: 50, exitCode: 3 }));
  host.podman.controls.beforeCall = ({ method, args }) => {
    if (method !== 'startContainer') return;
    const name = agentOf(String(args[0]));
    startedAtMs.set(name, [...(startedAtMs.get(name) ?? []), host.clock.now()]);
  };
});

/** All starts of loops from the third of each on: the first is no restart, the second is at once. */
const loops = (): number[] =>
  loopNames.flatMap((name) => startedAtMs.get(name)?.slice(2) ?? []).sort((left, right) => left - right);

test('of ten crash loops together one goes round in a second, and each has its turn', async () => {
  await host.apply(...loopNames.map((name) => agentManifest(name)));
  await host.start();
  await host.clock.advance(120_000);
  const gaps = loops().map((atMs, index, all) => atMs - (all[index - 1] ?? Number.NEGATIVE_INFINITY));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000);
  for (const name of loopNames) expect(startedAtMs.get(name)?.length).toBeGreaterThanOrEqual(5);
});

test('the first restart of each is at once, however many loop', async () => {
  await host.apply(...loopNames.map((name) => agentManifest(name)), agentManifest('good'));
  await host.start();
  await host.until(() => host.status('good')?.phase === 'Healthy', 60_000);
  await host.clock.advance(5_000);
  const container = host.running().find((name) => agentOf(name) === 'good') ?? '';
  const killedAtMs = host.clock.now();
  host.podman.controls.kill(container, 137);
  await host.clock.advance(500);
  expect(host.running()).toContain(container);
  expect((startedAtMs.get('good')?.[1] ?? 0) - killedAtMs).toBeLessThan(200);
});

test('an edit that mends one waits for no turn', async () => {
  await host.apply(...loopNames.map((name) => agentManifest(name)));
  await host.start();
  await host.clock.advance(4_000);
  const name = loopNames.at(-1) ?? '';
  host.programs.set(name, () => ({}));
  await host.apply(agentManifest(name, {}, { MENDED: '1' }));
  await host.clock.advance(200);
  expect(host.running().map(agentOf)).toContain(name);
});
