import { beforeEach, describe, expect, test } from 'vitest';
import { labels } from '../src/api/labels.ts';
import { PodmanError } from '../src/podman/errors.ts';
import { labelsOf } from './fakes/client.ts';
import { aTemplate } from './fakes/templates.ts';
import { agentManifest, createSimulatedHost, type SimulatedHost } from './fakes/simulated-host.ts';

const HOLDER = 'sim.web-holder';
const ACTS = /^(create|start|stop|remove|kill|rename|connect|disconnect)/;

let host: SimulatedHost;
/** Every time somebody was routed, and where to. */
let routed: string[];

beforeEach(async () => {
  host = await createSimulatedHost();
  routed = [];
  const { traffic } = host.podman.controls;
  const { route } = traffic;
  traffic.route = (holder, to) => {
    routed.push(to.join());
    return route(holder, to);
  };
  await host.start();
});

const isStable = (): boolean => host.status('web')?.phase === 'Healthy';
const answered = (): Promise<string[]> => labelsOf(host, 'web', labels.ordinal);
const holder = () => host.podman.controls.containers().find(({ name }) => name === HOLDER);

async function deploy(): Promise<void> {
  await host.apply(agentManifest('web', { replicas: 2, ports: [{ containerPort: 80, hostPort: 8080 }] }));
  await host.until(isStable);
  expect(await answered()).toEqual(['0', '1']);
}

test('a holder that is killed is started and routed again, and its replicas are left alone', async () => {
  await deploy();
  const before = host.running();
  const { id, startedAtMs } = holder() ?? {};
  host.podman.controls.kill(HOLDER, 137);
  expect(await answered()).toEqual([]);
  host.podman.controls.calls = [];
  await host.clock.advance(2_000);
  expect(await answered()).toEqual(['0', '1']);
  expect(holder()?.id).toBe(id);
  expect(holder()?.startedAtMs).toBeGreaterThan(startedAtMs ?? 0);
  expect(host.running()).toEqual(before);
  const acts = host.podman.controls.calls.filter(({ method }) => ACTS.test(method));
  expect(acts.map(({ method, args }) => `${method} ${String(args[0])}`)).toEqual([
    `startContainer ${HOLDER}`,
  ]);
});

test('one whose start was cut off gets its port from what was left to wait there', async () => {
  const { controls } = host.podman;
  let isCutOff = false;
  controls.beforeCall = ({ method, args: [name] }) => {
    if (isCutOff || method !== 'startContainer' || name !== HOLDER) return;
    isCutOff = true;
    controls.cutOffStart(HOLDER);
    throw new PodmanError('Unreachable', 'socket hang up');
  };
  await deploy();
  expect(isCutOff).toBe(true);
  expect(controls.isListenedOn(8080)).toBe(false);
});

test('one that somebody removed is made anew, with the same address', async () => {
  await deploy();
  const address = holder()?.networks;
  await host.podman.removeContainer(HOLDER);
  await host.clock.advance(3_000);
  expect(holder()?.networks).toEqual(address);
  expect(await answered()).toEqual(['0', '1']);
});

test('one that somebody renamed while another was made is removed', async () => {
  await deploy();
  const seen = await host.podman.inspectContainer(HOLDER);
  await host.podman.createContainer({
    name: 'renamed',
    template: aTemplate({
      image: { reference: 'localhost/holder:1', id: seen?.imageId ?? '' },
      network: { mode: 'none' },
    }),
    labels: seen?.labels ?? {},
    annotations: seen?.annotations ?? {},
  });
  await host.clock.advance(31_000);
  expect(await host.podman.inspectContainer('renamed')).toBeUndefined();
  expect(holder()?.id).toBe(seen?.id);
  expect(await answered()).toEqual(['0', '1']);
});

test('after a restart of the controller nothing is made, and what is routed right is not routed again', async () => {
  await deploy();
  await host.stop();
  host.podman.controls.calls = [];
  routed = [];
  await host.start();
  await host.clock.advance(60_000);
  expect(host.podman.controls.calls.filter(({ method }) => ACTS.test(method))).toEqual([]);
  expect(routed).toEqual([]);
});

test('rules that were lost while the controller was down are set when it is back', async () => {
  await deploy();
  await host.stop();
  const container = holder();
  if (container) await host.podman.controls.traffic.route(container, []);
  expect(await answered()).toEqual([]);
  await host.start();
  await host.clock.advance(1_000);
  expect(await answered()).toEqual(['0', '1']);
});

test('new ports that are taken leave the old holder serving, and are said; it is replaced when they are free', async () => {
  const withPort = (hostPort: number) =>
    agentManifest('web', { replicas: 2, ports: [{ containerPort: 80, hostPort }] });
  await deploy();
  const before = holder();
  const running = host.running();
  host.takenPorts.add(8081);
  host.podman.controls.calls = [];
  await host.apply(withPort(8081));
  await host.clock.advance(60_000);
  expect(host.podman.controls.calls.filter(({ method }) => ACTS.test(method))).toEqual([]);
  expect(holder()).toEqual(before);
  expect(await answered()).toEqual(['0', '1']);
  expect(host.status('web')).toMatchObject({ phase: 'Healthy', ready: true, reason: 'PortInUse' });
  expect(host.status('web')?.conditions.find(({ type }) => type === 'Synced')).toMatchObject({
    status: 'False',
    reason: 'PortInUse',
    message: expect.stringContaining('8081/tcp') as string,
  });
  host.takenPorts.clear();
  await host.until(() => holder()?.ports[0]?.hostPort === 8081, 200_000);
  await host.clock.advance(1_000);
  expect(await answered()).toEqual(['0', '1']);
  expect(host.running().filter((name) => name !== HOLDER)).toEqual(running.filter((name) => name !== HOLDER));
  expect(host.status('web')).toMatchObject({ phase: 'Healthy', ready: true, observedGeneration: 2 });
});

describe('where traffic cannot be routed', () => {
  const WHY = 'nft is missing on this host, and moving traffic needs it; install the package nftables';
  const ready = () => host.status('web')?.conditions.find(({ type }) => type === 'Ready');
  const notRouted = {
    status: 'False',
    reason: 'TrafficNotRouted',
    message: expect.stringContaining(WHY) as string,
  };
  let isInstalled = true;

  beforeEach(() => {
    const { traffic } = host.podman.controls;
    const { route } = traffic;
    isInstalled = true;
    traffic.route = (to, addresses) => (isInstalled ? route(to, addresses) : Promise.reject(new Error(WHY)));
  });

  test('nobody is Ready, and who needs the agent waits; it is tried again, also when it was given up', async () => {
    isInstalled = false;
    await host.apply(
      agentManifest('web', { replicas: 2 }),
      agentManifest('above', { dependsOn: [{ name: 'web' }] }),
    );
    await host.until(() => host.status('web')?.phase === 'Promoting', 60_000);
    await host.clock.advance(2_000);
    expect(ready()).toMatchObject(notRouted);
    expect(host.status('web')?.message).toContain(WHY);
    await host.until(() => host.status('web')?.phase === 'Failed', 300_000);
    await host.clock.advance(300_000);
    expect(host.status('web')).toMatchObject({ phase: 'Failed', ready: false, readyReplicas: 2 });
    expect(ready()).toMatchObject(notRouted);
    expect(host.status('above')).toMatchObject({ phase: 'Blocked', reason: 'DependencyFailed' });
    expect(await answered()).toEqual([]);
    isInstalled = true;
    await host.until(isStable, 120_000);
    await host.until(() => host.status('above')?.phase === 'Healthy', 60_000);
    expect(await answered()).toEqual(['0', '1']);
  });

  test('a stable agent whose holder died is Degraded until it can', async () => {
    await deploy();
    isInstalled = false;
    host.podman.controls.kill(HOLDER, 137);
    await host.clock.advance(20_000);
    expect(host.status('web')).toMatchObject({ phase: 'Degraded', ready: false, restarts: 0 });
    expect(ready()).toMatchObject(notRouted);
    isInstalled = true;
    await host.until(isStable, 120_000);
    expect(ready()).toMatchObject({ status: 'True', message: '' });
    expect(await answered()).toEqual(['0', '1']);
  });
});
