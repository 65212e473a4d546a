import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSYBOX, writeBusyboxTar } from './busybox.ts';
import { type Bench, never, subjects } from './subjects.ts';

describe.each(subjects())('images on $name', (subject) => {
  let bench: Bench;
  let directory: string;
  beforeAll(async () => {
    bench = await subject.open();
    directory = mkdtempSync(join(subject.filesDir, 'rookery-images-'));
  });
  afterAll(async () => {
    if (directory) rmSync(directory, { recursive: true });
    await bench?.cleanUp();
  });

  const reference = (suffix: string) => `localhost/${bench.name(suffix)}:1`;

  const build = (containerfile: string, tags: readonly string[], progress: string[] = []) => {
    writeFileSync(join(directory, 'Containerfile'), containerfile);
    const request = {
      tags,
      contextDir: directory,
      containerfile: 'Containerfile',
      args: {},
      labels: bench.labels,
    };
    return bench.podman.buildImage(request, (line) => progress.push(line), never);
  };

  test('a build gives one id to all its tags, and the same inputs give it again', async () => {
    const { podman } = bench;
    const progress: string[] = [];
    const text = `FROM ${BUSYBOX}\nRUN echo made > /made\n`;
    const { id } = await build(text, [reference('a'), reference('b')], progress);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(progress.some((line) => line.includes(`FROM ${BUSYBOX}`))).toBe(true);
    const image = await podman.inspectImage(reference('a'));
    expect(image).toMatchObject({ id, labels: bench.labels });
    expect([...(image?.references ?? [])].sort()).toEqual([reference('a'), reference('b')]);
    expect(await podman.inspectImage(id)).toEqual(image);
    expect((await build(text, [reference('a')])).id).toBe(id);
    expect((await podman.listImages(bench.labels)).map((each) => each.id)).toContain(id);
  });

  test('a step that fails is a failed build', async () => {
    const failed = build(`FROM ${BUSYBOX}\nRUN exit 3\n`, [reference('failed')]);
    await expect(failed).rejects.toMatchObject({ kind: 'BuildFailed' });
    expect(await bench.podman.inspectImage(reference('failed'))).toBeUndefined();
  });

  test('a base that nobody has made is an unknown image', async () => {
    const failed = build(`FROM ${reference('nobase')}\nRUN true\n`, [reference('baseless')]);
    await expect(failed).rejects.toMatchObject({ kind: 'ImageUnknown' });
  });

  test('a tag moves, an image leaves with its last tag', async () => {
    const { podman } = bench;
    const { id } = await build(`FROM ${BUSYBOX}\nRUN echo tags > /made\n`, [reference('t1')]);
    await podman.tagImage(id, reference('t2'));
    await podman.removeImage(reference('t1'));
    expect(await podman.inspectImage(reference('t1'))).toBeUndefined();
    expect((await podman.inspectImage(id))?.references).toEqual([reference('t2')]);
    await podman.removeImage(reference('t2'));
    expect(await podman.inspectImage(id)).toBeUndefined();
    await podman.removeImage(reference('t2'));
    await expect(podman.tagImage(id, reference('t3'))).rejects.toMatchObject({ kind: 'ImageUnknown' });
  });

  test('an image that a container was made from stays', async () => {
    const { podman } = bench;
    const { id } = await build(`FROM ${BUSYBOX}\nRUN echo used > /made\n`, [reference('used')]);
    const container = await bench.create('user', 'server', { image: { reference: reference('used'), id } });
    await expect(podman.removeImage(reference('used'))).rejects.toMatchObject({ kind: 'InUse' });
    expect((await podman.inspectContainer(container))?.imageId).toBe(id);
    await podman.removeContainer(container);
    await podman.removeImage(reference('used'));
  });

  test('a root file system is imported with its labels', async () => {
    const { podman } = bench;
    const tarFile = writeBusyboxTar(directory);
    const [[key, value] = []] = Object.entries(bench.labels);
    const request = { tarFile, reference: reference('imported'), changes: [`LABEL ${key}=${value}`] };
    const { id } = await podman.importImage(request, never);
    expect(await podman.inspectImage(reference('imported'))).toEqual({
      id,
      references: [reference('imported')],
      labels: bench.labels,
    });
    await podman.removeImage(reference('imported'));
  });

  test('a file that is not there cannot be imported', async () => {
    const request = { tarFile: join(directory, 'absent.tar'), reference: reference('nothing'), changes: [] };
    await expect(bench.podman.importImage(request, never)).rejects.toMatchObject({ kind: 'BadRequest' });
  });

  test('what cannot be pulled is unknown, or its registry is away', async () => {
    const { podman } = bench;
    const unknown = podman.pullImage(reference('absent'), () => {}, never);
    await expect(unknown).rejects.toMatchObject({ kind: 'ImageUnknown' });
    const away = podman.pullImage('127.0.0.1:1/absent:1', () => {}, never);
    await expect(away).rejects.toMatchObject({ kind: 'RegistryUnavailable' });
  });
});
