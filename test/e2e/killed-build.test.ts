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
});
afterAll(() => {
  podman?.remove();
  rmSync(context, { recursive: true, force: true });
});

interface StoredImage {
  readonly id: string;
  readonly names?: readonly string[];
  readonly layer?: string;
}

const directory = (): string => join(podman.directory, 'storage/overlay-images');

/** As a service that is killed in a commit may leave them. To hit these milliseconds takes a few dozen builds. */
async function rewriteImages(
  change: (images: readonly StoredImage[]) => readonly StoredImage[],
): Promise<void> {
  const file = join(directory(), 'images.json');
  podman.kill();
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, 'utf8')) as StoredImage[])));
  await podman.start();
}

const isBuilt = ({ names = [] }: StoredImage): boolean => names.includes(tag());

const withoutManifest = (image: StoredImage, names: readonly string[]): StoredImage => {
  const halfWritten = { ...image, names, 'big-data-names': [] };
  rmSync(join(directory(), image.id), { recursive: true, force: true });
  mkdirSync(join(directory(), image.id), { mode: 0o700 });
  return halfWritten;
};

/** Another image on the layers of one. */
async function leaveTwin(names: readonly string[]): Promise<string> {
  const id = randomBytes(32).toString('hex');
  await rewriteImages((images) => {
    const twin = images.find(isBuilt) as StoredImage;
    return [withoutManifest({ ...twin, id }, names), ...images];
  });
  return id;
}

/** Of a build that went no further. */
async function leaveLayer(): Promise<string> {
  let id = '';
  await rewriteImages((images) => {
    const isNamed = ({ names = [] }: StoredImage): boolean => names.length > 0;
    const layer = images.find((image) => !isNamed(image)) as StoredImage;
    id = layer.id;
    return [...images.filter((image) => isNamed(image) && !isBuilt(image)), withoutManifest(layer, [])];
  });
  return id;
}

const tag = (): string => `localhost/${bench.name('built')}:1`;

async function build(): Promise<void> {
  writeFileSync(join(context, 'Containerfile'), `FROM ${BUSYBOX}\nRUN echo one >/one\nRUN echo two >/two\n`);
  const request = { contextDir: context, containerfile: 'Containerfile', args: {}, labels: bench.labels };
  await bench.podman.buildImage({ ...request, tags: [tag()] }, () => undefined, never);
}

const BARRED = 'locating item named "manifest"';

test('an image without a manifest that stands alone is in nobody’s way, and is found and removed', async () => {
  await build();
  const id = await leaveLayer();
  await expect(bench.podman.listImages({})).resolves.not.toEqual([]);
  expect(await bench.podman.findBrokenImage()).toBe(id);
  await bench.podman.removeImage(id);
  expect(await bench.podman.findBrokenImage()).toBeUndefined();
});

test('an image that a build left without a manifest is found and removed, and images can be listed and looked at again', async () => {
  await build();
  const id = await leaveTwin([]);
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
  const id = await leaveTwin(['localhost/mine:1']);
  await expect(bench.podman.listImages({})).rejects.toThrow(BARRED);
  expect(await bench.podman.findBrokenImage()).toBeUndefined();
  await bench.podman.removeImage(id);
});
