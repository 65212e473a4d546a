import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPortFree } from '../../src/podman/ports.ts';
import type { ObservedNetwork } from '../../src/state/observed.ts';
import type { AttachedNetwork } from '../../src/state/template.ts';
import type { Bench } from '../contract/subjects.ts';
import { freePort } from '../fakes/ports.ts';
import { call } from '../fakes/unix-socket.ts';
import { type KilledService, openKilledService, takesMs } from './killed-service.ts';
import { monitoredIn } from './leftovers.ts';
import { until } from './until.ts';

/** Parts of a start, of about 100 ms, after which its service is killed; in some of them addresses are given out and nothing else. */
const KILLED_AFTER = [0.2, 0.3, 0.4, 0.5, 0.6];
const TRIES = 3;

type Networks = readonly AttachedNetwork[];

let service: KilledService;
let bench: Bench;

beforeAll(async () => {
  service = await openKilledService();
  bench = service.bench;
});
afterAll(() => service?.close());

/** What Podman says to a call without any code of ours. */
const plain = async (path: string, body = '{}'): Promise<string> => {
  const headers = { 'content-type': 'application/json' };
  return (await call(service.socket, `/v4.0.0/libpod/${path}`, { method: 'POST', headers, body })).text;
};
const plainStart = (name: string): Promise<string> => plain(`containers/${name}/start`);

/** As it is when whoever gives the addresses back dies half way, and the next one starts what it finds. */
async function startWithout(name: string, networks: Networks): Promise<void> {
  for (const network of networks) await bench.podman.disconnectNetwork(network.name, name);
  await plain(`containers/${name}/init`);
  await bench.podman.startContainer(name);
  for (const { name: network, ...options } of networks)
    await bench.podman.connectNetwork(network, name, options);
}

/** What may become of a container that a plain Podman refuses for ever. */
const ENDS: Readonly<Record<string, (name: string, networks: Networks) => Promise<string>>> = {
  'is started': async (name) => {
    await bench.podman.startContainer(name);
    return name;
  },
  'is found as who mended it left it, when he died too': async (name, networks) => {
    await startWithout(name, networks);
    return name;
  },
  'is removed, and another one has its addresses': async (name, networks) => {
    await bench.podman.removeContainer(name);
    const heir = await bench.create(`${name.slice(-2)}b`, 'server', {
      network: { mode: 'bridge', networks },
    });
    expect(await plainStart(heir), 'what a plain Podman says of the heir').toContain('IPAM error');
    await bench.podman.startContainer(heir);
    return heir;
  },
};

const makeNetworks = (...suffixes: readonly string[]): Promise<readonly ObservedNetwork[]> =>
  Promise.all(
    suffixes.map((suffix) =>
      bench.podman.createNetwork({
        name: bench.name(suffix),
        driver: 'bridge',
        subnets: [],
        internal: false,
        dns: true,
        options: {},
        labels: bench.labels,
      }),
    ),
  );

const attachedTo = (made: readonly ObservedNetwork[], host: number): Networks =>
  made.map(({ name, subnets }) => ({
    name,
    ip: subnets[0]?.cidr.replace(/\.0\/24$/, `.${host}`) ?? '',
    aliases: ['twin'],
  }));

const addressesOf = (networks: Networks): Record<string, string> =>
  Object.fromEntries(networks.map(({ name, ip }) => [name, ip ?? '']));

test("a container whose start was cut off by the death of Podman's service starts with its addresses, whatever becomes of it", async () => {
  const made = await makeNetworks('one', 'two');
  const attempts = Array.from({ length: TRIES }, () => KILLED_AFTER).flat();
  const ends = Object.entries(ENDS);
  for (const [index, part] of attempts.entries()) {
    const networks = attachedTo(made, 200 + index);
    const whole = await bench.create(`w${index}`, 'server', { network: { mode: 'bridge', networks } });
    const afterMs = part * (await takesMs(() => bench.podman.startContainer(whole)));
    await bench.podman.removeContainer(whole);
    const name = await bench.create(`c${index}`, 'server', { network: { mode: 'bridge', networks } });
    await service.killIn(/\/start$/, afterMs, (cut) => cut.startContainer(name));
    const isRefused = (await plainStart(name)).includes('IPAM error');
    const [, end] = (isRefused && ends.shift()) || [];
    const last = end ? await end(name, networks) : name;
    if (end)
      expect(await bench.podman.inspectContainer(last)).toMatchObject({
        state: 'running',
        networks: addressesOf(networks),
      });
    await bench.podman.removeContainer(last);
    if (ends.length === 0) break;
  }
  expect(ends, 'starts that a plain Podman did not refuse for ever').toEqual([]);
});

/** Of a connect that takes about 50 ms. */
const CONNECT_KILLED_AFTER = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6];

test("a running container whose connection was cut off by the death of Podman's service is connected by the next call", async () => {
  const made = await makeNetworks('home');
  const networks = attachedTo(made, 100);
  const [{ name: network, ...options }] = networks as [AttachedNetwork];
  const name = await bench.create('cut', 'server', { network: { mode: 'bridge', networks } });
  await bench.podman.startContainer(name);
  for (const part of Array.from({ length: TRIES }, () => CONNECT_KILLED_AFTER).flat()) {
    await bench.podman.disconnectNetwork(network, name);
    const afterMs = part * (await takesMs(() => bench.podman.connectNetwork(network, name, options)));
    await bench.podman.disconnectNetwork(network, name);
    await service.killIn(/\/connect$/, afterMs, (cut) => cut.connectNetwork(network, name, options));
    const isForgotten = (await bench.podman.inspectContainer(name))?.networks[network] === undefined;
    const body = JSON.stringify({ container: name, static_ips: [options.ip] });
    const said = await plain(`networks/${network}/connect`, body);
    await bench.podman.connectNetwork(network, name, options);
    expect(await bench.podman.inspectContainer(name)).toMatchObject({ networks: addressesOf(networks) });
    if (isForgotten && said.includes('already connected')) return;
  }
  expect.fail('of no connection a plain Podman said that it was made, when it was not');
});

/** The moment lasts some milliseconds, and on a machine with other work to do we may be late. */
const LATE_TRIES = 20;

describe("a container whose process waits to be started when Podman's service dies", () => {
  /** Its runtime has made it, and Podman has not yet noted that. @returns its id */
  async function cutOffLate(suffix: string): Promise<string> {
    const [network] = await makeNetworks(suffix);
    const ports = [
      { containerPort: 80, hostPort: await freePort(), hostIP: '127.0.0.1', protocol: 'tcp' },
    ] as const;
    const networks = attachedTo([network as ObservedNetwork], 50);
    for (let tries = 1; tries <= LATE_TRIES; tries += 1) {
      const name = await bench.create(`${suffix}${tries}`, 'server', {
        network: { mode: 'bridge', networks },
        ports,
      });
      const { id = '' } = (await bench.podman.inspectContainer(name)) ?? {};
      const pidFile = join(service.directory, 'run/overlay-containers', id, 'userdata/pidfile');
      await service.killWhen(
        () => existsSync(pidFile),
        (cut) => cut.startContainer(name),
      );
      const { state } = (await bench.podman.inspectContainer(name)) ?? {};
      if (state === 'created' && monitoredIn(service.directory).has(id)) return id;
      await bench.podman.removeContainer(id);
    }
    throw new Error('no start was cut off where its process waits');
  }

  test('is started with its port', async () => {
    const id = await cutOffLate('waits');
    await bench.podman.startContainer(id);
    expect(await bench.podman.inspectContainer(id)).toMatchObject({ state: 'running' });
  });

  test('lets go of its port before anybody starts it', async () => {
    const id = await cutOffLate('holds');
    const [port] = (await bench.podman.inspectContainer(id))?.ports ?? [];
    const isFree = (): Promise<boolean> => isPortFree('127.0.0.1', port?.hostPort ?? 0, 'tcp');
    expect(await isFree()).toBe(false);
    expect(await bench.podman.endCutOffStart(id)).toBe(true);
    await until('its port is free', isFree);
    expect(await bench.podman.endCutOffStart(id)).toBe(false);
    await bench.podman.removeContainer(id);
  });

  test('leaves no process when it is removed', async () => {
    const id = await cutOffLate('goes');
    await bench.podman.removeContainer(id);
    await until('its process ends', () => !monitoredIn(service.directory).has(id));
  });
});
