import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUSYBOX } from '../contract/busybox.ts';
import { type Bench, never, real } from '../contract/subjects.ts';
import { type OwnPodman, startOwnPodman } from './own-podman.ts';

let podman: OwnPodman;
let bench: Bench;
let context: string;

beforeAll(async () => {
  podman = startOwnPodman();
  bench = await real('one that is killed', podman.socket).open();
  context = mkdtempSync(join(tmpdir(), 'rookery-cut-'));
}, 60_000);
afterAll(async () => {
  await bench?.cleanUp();
  podman?.remove();
  rmSync(context, { recursive: true, force: true });
}, 60_000);

interface StoredImage {
  readonly id: string;
  readonly names?: readonly string[];
}

/**
 * As a service that is killed in a commit leaves it: another image on the layers of one, without manifest. To hit these
 * milliseconds takes a few dozen builds.
 */
async function leaveHalfWritten(names: readonly string[]): Promise<string> {
  const directory = join(podman.directory, 'storage/overlay-images');
  const file = join(directory, 'images.json');
  podman.kill();
  const images = JSON.parse(readFileSync(file, 'utf8')) as StoredImage[];
  const id = randomBytes(32).toString('hex');
  const twin = images.find((image) => image.names?.includes(tag()));
  writeFileSync(file, JSON.stringify([{ ...twin, id, names, 'big-data-names': [] }, ...images]));
  mkdirSync(join(directory, id), { mode: 0o700 });
  await podman.start();
  return id;
}

const tag = (): string => `localhost/${bench.name('built')}:1`;

async function build(): Promise<void> {
  writeFileSync(join(context, 'Containerfile'), `FROM ${BUSYBOX}\nRUN echo one >/one\nRUN echo two >/two\n`);
  const request = { contextDir: context, containerfile: 'Containerfile', args: {}, labels: bench.labels };
  await bench.podman.buildImage({ ...request, tags: [tag()] }, () => undefined, never);
}

const BARRED = 'locating item named "manifest"';

test('an image that a build left without a manifest is found and removed, and images can be listed and looked at again', async () => {
  await build();
  const id = await leaveHalfWritten([]);
  await expect(bench.podman.listImages({})).rejects.toThrow(BARRED);
  await expect(bench.podman.inspectImage(tag())).rejects.toThrow('nil pointer dereference');
  expect(await bench.podman.findBrokenImage()).toBe(id);
  await bench.podman.removeImage(id);
  expect(await bench.podman.findBrokenImage()).toBeUndefined();
  expect((await bench.podman.listImages(bench.labels)).map(({ references }) => references)).toEqual([
    [tag()],
  ]);
  expect(await bench.podman.inspectImage(tag())).toMatchObject({ labels: bench.labels });
});

test('one with a name is for a person to judge', async () => {
  await build();
  const id = await leaveHalfWritten(['localhost/mine:1']);
  await expect(bench.podman.listImages({})).rejects.toThrow(BARRED);
  expect(await bench.podman.findBrokenImage()).toBeUndefined();
  await bench.podman.removeImage(id);
});
