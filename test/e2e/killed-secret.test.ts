import { truncateSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLibpod } from '../../src/podman/libpod.ts';
import { type OwnPodman, startOwnPodman } from './own-podman.ts';

let podman: OwnPodman;
beforeAll(() => {
  podman = startOwnPodman();
});
afterAll(() => podman?.remove());

const libpod = () => createLibpod({ socketPath: podman.socket, now: Date.now });
const NAMES = 'secrets.json';
const VALUES = 'filedriver/secretsdata.json';

/** As a service that is killed in a write leaves it; to hit these microseconds takes a few hundred writes. */
async function tear(file: string, secondsAgo: number): Promise<void> {
  podman.kill();
  const path = join(podman.directory, 'storage/secrets', file);
  const atSeconds = Date.now() / 1_000 - secondsAgo;
  truncateSync(path);
  utimesSync(path, atSeconds, atSeconds);
  await podman.start();
}

const value = Buffer.from('value');

test.each([NAMES, VALUES])(
  'secrets are made again after the death of a service that wrote %s',
  async (file) => {
    await libpod().createSecret('one', value);
    await libpod().createSecret('two', value);
    await tear(file, 20);
    await libpod().createSecret('three', value);
    expect(await libpod().listSecrets('')).toEqual(['three']);
    await libpod().createSecret('one', value);
    await libpod().removeSecret('one');
    await libpod().removeSecret('three');
    expect(await libpod().listSecrets('')).toEqual([]);
  },
);

test('what may still be in the middle of being written is left alone', async () => {
  await libpod().createSecret('one', value);
  await tear(NAMES, 0);
  await expect(libpod().listSecrets('')).rejects.toThrow('unexpected end of JSON input');
});
