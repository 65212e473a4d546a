import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Podman } from '../../src/podman/podman.ts';
import type { PodTemplate } from '../../src/state/template.ts';
import type { Bench } from '../contract/subjects.ts';
import { type KilledService, openKilledService, takesMs } from './killed-service.ts';

/** Parts of the making of a pod, 50 to 100 ms where nothing else runs, after which its service is killed. */
const KILLED_AFTER = [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 1];
const TRIES = 3;

let service: KilledService;
let bench: Bench;

beforeAll(async () => {
  service = await openKilledService();
  bench = service.bench;
});
afterAll(() => service?.close());

const TEMPLATE: PodTemplate = {
  network: { mode: 'none' },
  ports: [],
  hostname: 'group',
  sharedNamespaces: ['net', 'ipc'],
  mounts: [],
};

const make = (podman: Podman) => podman.createPod(bench.name('pod'), TEMPLATE, bench.labels);

/** Containers that the storage has, by name. */
function stored(): readonly string[] {
  const file = join(service.directory, 'storage/overlay-containers/containers.json');
  const containers = JSON.parse(readFileSync(file, 'utf8')) as readonly { names?: readonly string[] }[];
  return containers.flatMap(({ names = [] }) => names);
}

test('a pod whose making was cut off goes with all of its storage, and can be made again', {
  timeout: 180_000,
}, async () => {
  let onlyStorage = false;
  for (const part of Array.from({ length: TRIES }, () => KILLED_AFTER).flat()) {
    const afterMs = part * (await takesMs(() => make(bench.podman)));
    await bench.podman.removePod(bench.name('pod'));
    await service.killIn(/\/pods\/create$/, afterMs, make);
    const pod = await bench.podman.inspectPod(bench.name('pod'));
    onlyStorage = pod?.infraId === '' && pod.containerIds.length === 0 && stored().length > 0;
    await bench.podman.removePod(bench.name('pod'));
    expect(stored(), `killed after ${afterMs} ms`).toEqual([]);
    if (onlyStorage) break;
  }
  expect(onlyStorage, 'of one there was only the storage of its infra container').toBe(true);
  await make(bench.podman);
});
