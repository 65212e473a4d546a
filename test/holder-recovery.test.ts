import { beforeEach, expect, test } from 'vitest';
import { labels } from '../src/api/labels.ts';
import { labelsOf } from './fakes/client.ts';
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

test('one that somebody removed is made anew, with the same address', async () => {
  await deploy();
  const address = holder()?.networks;
  await host.podman.removeContainer(HOLDER);
  await host.clock.advance(3_000);
  expect(holder()?.networks).toEqual(address);
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

test('what keeps traffic from being routed is said, and tried again', async () => {
  const { traffic } = host.podman.controls;
  const { route } = traffic;
  traffic.route = () => Promise.reject(new Error('nft is missing on this host'));
  await host.apply(agentManifest('web', { replicas: 2 }));
  await host.until(() => JSON.stringify(host.status('web')).includes('nft is missing on this host'));
  expect(await answered()).toEqual([]);
  traffic.route = route;
  // The longest that a failing step waits, and a quarter.
  await host.clock.advance(75_000);
  expect(await answered()).toEqual(['0', '1']);
});
