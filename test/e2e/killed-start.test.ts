import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLibpod } from '../../src/podman/libpod.ts';
import type { AttachedNetwork } from '../../src/state/template.ts';
import { type Bench, real } from '../contract/subjects.ts';
import { call } from '../fakes/unix-socket.ts';
import { type FaultyPodman, openFaultyPodman } from './faulty-podman.ts';
import { type OwnPodman, startOwnPodman } from './own-podman.ts';

/** How long into a start of about 100 ms its service is killed; in some of them addresses are given out and nothing else. */
const KILLED_AFTER_MS = [20, 30, 40, 50, 60];
const TRIES = 3;

let podman: OwnPodman;
let bench: Bench;
let proxy: FaultyPodman;

beforeAll(async () => {
  podman = startOwnPodman();
  proxy = await openFaultyPodman(podman.socket, join(podman.directory, 'faulty.sock'));
  bench = await real('one that is killed', podman.socket).open();
}, 60_000);
afterAll(async () => {
  await bench?.cleanUp();
  await proxy?.close();
  podman?.remove();
}, 60_000);

async function killInStart(name: string, afterMs: number): Promise<void> {
  let starting = Promise.resolve();
  const kill = (): void => {
    podman.kill();
    starting = podman.start();
  };
  proxy.setRule(({ path }) =>
    path.endsWith('/start') ? { type: 'CutDuring', afterMs, onBreak: kill } : undefined,
  );
  const cut = createLibpod({ socketPath: proxy.url.replace('unix://', '') }).startContainer(name);
  await expect(cut).rejects.toMatchObject({ kind: 'Unreachable' });
  await starting;
}

const plain = async (verb: 'init' | 'start', name: string): Promise<string> =>
  (await call(podman.socket, `/v4.0.0/libpod/containers/${name}/${verb}`, { method: 'POST' })).text;

/** As it is when whoever gives the addresses back dies half way, and the next one starts what it finds. */
async function startWithout(name: string, networks: readonly AttachedNetwork[]): Promise<void> {
  for (const network of networks) await bench.podman.disconnectNetwork(network.name, name);
  await plain('init', name);
  await bench.podman.startContainer(name);
  for (const { name: network, ...options } of networks)
    await bench.podman.connectNetwork(network, name, options);
}

test("a container whose start was cut off by the death of Podman's service starts with its addresses, also at the second try", {
  timeout: 120_000,
}, async () => {
  const made = await Promise.all(
    ['one', 'two'].map((suffix) =>
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
  const attempts = Array.from({ length: TRIES }, () => KILLED_AFTER_MS).flat();
  let refused = 0;
  for (const [index, afterMs] of attempts.entries()) {
    const addresses = Object.fromEntries(
      made.map(({ name, subnets }) => [name, subnets[0]?.cidr.replace(/\.0\/24$/, `.${200 + index}`) ?? '']),
    );
    const networks = made.map(({ name }) => ({ name, ip: addresses[name] ?? '', aliases: ['twin'] }));
    const name = await bench.create(`c${index}`, 'server', { network: { mode: 'bridge', networks } });
    await killInStart(name, afterMs);
    if ((await plain('start', name)).includes('IPAM error')) refused += 1;
    if (refused > 1) await startWithout(name, networks);
    else await bench.podman.startContainer(name);
    expect(await bench.podman.inspectContainer(name)).toMatchObject({
      state: 'running',
      networks: addresses,
    });
    await bench.podman.removeContainer(name);
    if (refused > 1) break;
  }
  expect(refused, 'starts that a plain Podman refuses for ever').toBe(2);
});
