import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPortFree } from '../../src/podman/ports.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import { freePort } from '../fakes/ports.ts';
import { type Bench, eventually, subjects } from './subjects.ts';

/** As long as an executor waits for a port. */
const SOON_MS = 500;

describe.each(subjects())('networks on $name', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
  });
  afterAll(() => bench?.cleanUp());

  const createNetwork = (suffix: string, subnets: readonly string[] = []) =>
    bench.podman.createNetwork({
      name: bench.name(suffix),
      driver: 'bridge',
      subnets,
      internal: false,
      dns: true,
      options: {},
      labels: bench.labels,
    });

  const on = (network: string, ip?: string): Partial<ContainerTemplate> => ({
    network: { mode: 'bridge', networks: [{ name: network, aliases: ['service'], ...(ip ? { ip } : {}) }] },
  });

  const addressIn = (cidr: string, last: number): string => cidr.replace(/\d+\/\d+$/, String(last));

  test('a network is made once, found by name and labels, and removed', async () => {
    const { podman } = bench;
    const network = await createNetwork('net');
    expect(network).toMatchObject({
      driver: 'bridge',
      internal: false,
      dnsEnabled: true,
      options: {},
      labels: bench.labels,
    });
    expect(network.subnets[0]?.cidr).toMatch(/^[\d.]+\/\d+$/);
    await expect(createNetwork('net')).rejects.toMatchObject({ kind: 'NameInUse' });
    expect(await podman.inspectNetwork(network.name)).toEqual(network);
    expect(await podman.listNetworks(bench.labels)).toEqual([network]);
    await podman.removeNetwork(network.name);
    await podman.removeNetwork(network.name);
    expect(await podman.inspectNetwork(network.name)).toBeUndefined();
  });

  test('two networks do not share addresses', async () => {
    const { subnets } = await createNetwork('first');
    const cidr = subnets[0]?.cidr ?? '';
    await expect(createNetwork('second', [cidr])).rejects.toMatchObject({ kind: 'InUse' });
  });

  test('a network that a container names stays, and its absence is told at create', async () => {
    const network = await createNetwork('used');
    await bench.create('user', 'server', on(network.name));
    await expect(bench.podman.removeNetwork(network.name)).rejects.toMatchObject({ kind: 'InUse' });
    const lost = bench.create('lost', 'server', on(bench.name('nowhere')));
    await expect(lost).rejects.toMatchObject({ kind: 'NotFound' });
  });

  test('a stable address is there while it runs, and one container has it at a time', async () => {
    const { podman } = bench;
    const network = await createNetwork('stable');
    const ip = addressIn(network.subnets[0]?.cidr ?? '', 77);
    const first = await bench.create('ip1', 'server', on(network.name, ip));
    const second = await bench.create('ip2', 'server', on(network.name, ip));
    await bench.serve(first);
    expect((await podman.inspectContainer(first))?.networks).toEqual({ [network.name]: ip });
    await expect(podman.startContainer(second)).rejects.toMatchObject({ kind: 'InUse' });
    expect((await podman.inspectContainer(second))?.state).toBe('created');
    await podman.stopContainer(first, 20);
    expect((await podman.inspectContainer(first))?.networks).toEqual({});
    await podman.startContainer(second);
    expect((await podman.inspectContainer(second))?.networks).toEqual({ [network.name]: ip });
  });

  test('an address outside the network is told at the start', async () => {
    const network = await createNetwork('outside');
    const name = await bench.create('stray', 'server', on(network.name, '192.0.2.7'));
    await expect(bench.podman.startContainer(name)).rejects.toMatchObject({ kind: 'BadRequest' });
  });

  test('a published port belongs to one running container', async () => {
    const { podman } = bench;
    const network = await createNetwork('ports');
    const ports = [
      { containerPort: 80, hostPort: await freePort(), hostIP: '127.0.0.1', protocol: 'tcp' },
    ] as const;
    const first = await bench.create('port1', 'server', { ...on(network.name), ports });
    const second = await bench.create('port2', 'server', { ...on(network.name), ports });
    await bench.serve(first);
    expect((await podman.inspectContainer(first))?.ports).toEqual(ports);
    await expect(podman.startContainer(second)).rejects.toMatchObject({ kind: 'PortInUse' });
    await podman.stopContainer(first, 20);
    await podman.startContainer(second);
    expect((await podman.inspectContainer(second))?.state).toBe('running');
  });

  test('a running container joins and leaves a second network', async () => {
    const { podman } = bench;
    const home = await createNetwork('home');
    const guest = await createNetwork('guest');
    const ip = addressIn(guest.subnets[0]?.cidr ?? '', 50);
    const name = await bench.create('traveller', 'server', on(home.name));
    await podman.startContainer(name);
    await podman.connectNetwork(guest.name, name, { ip, aliases: ['visitor'] });
    expect((await podman.inspectContainer(name))?.networks[guest.name]).toBe(ip);
    await podman.connectNetwork(guest.name, name, { ip, aliases: ['visitor'] });
    await podman.disconnectNetwork(guest.name, name);
    expect(Object.keys((await podman.inspectContainer(name))?.networks ?? {})).toEqual([home.name]);
    await podman.disconnectNetwork(guest.name, name);
    const nowhere = podman.connectNetwork(bench.name('nowhere'), name, { aliases: [] });
    await expect(nowhere).rejects.toMatchObject({ kind: 'NotFound' });
  });

  test('the host’s network is told as such', async () => {
    const name = await bench.create('host', 'server', { network: { mode: 'host' } });
    expect(await bench.podman.inspectContainer(name)).toMatchObject({ hostNetwork: true, networks: {} });
  });

  test('a start that is refused keeps no port', async () => {
    await createNetwork('refused');
    const hostPort = await freePort();
    const ports = [
      { containerPort: 80, hostPort, hostIP: '127.0.0.1', protocol: 'tcp' },
      { containerPort: 80, hostPort, hostIP: '127.0.0.1', protocol: 'udp' },
    ] as const;
    const name = await bench.create('refused', 'nonsense', { ...on(bench.name('refused')), ports });
    await expect(bench.podman.startContainer(name)).rejects.toMatchObject({ kind: 'CannotRun' });
    for (const { hostIP, protocol } of ports)
      await eventually(() => isPortFree(hostIP, hostPort, protocol), SOON_MS);
  });
});
