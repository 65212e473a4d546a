import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, subjects, realSubjects } from './subjects.ts';

describe.each(subjects())('volumes and secrets on $name', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
  });
  afterAll(() => bench?.cleanUp());

  const createVolume = (suffix: string) =>
    bench.podman.createVolume({
      name: bench.name(suffix),
      driver: 'local',
      options: {},
      labels: bench.labels,
    });

  test('a volume is made once, found by name and labels, and removed', async () => {
    const { podman } = bench;
    const volume = await createVolume('vol');
    expect(volume).toMatchObject({ driver: 'local', options: {}, labels: bench.labels });
    expect(volume.mountpoint).toMatch(/^\//);
    await expect(createVolume('vol')).rejects.toMatchObject({ kind: 'NameInUse' });
    expect(await podman.inspectVolume(volume.name)).toEqual(volume);
    expect(await podman.listVolumes(bench.labels)).toEqual([volume]);
    expect(await podman.listVolumes({ ...bench.labels, 'test.other': '1' })).toEqual([]);
    await podman.removeVolume(volume.name);
    await podman.removeVolume(volume.name);
    expect(await podman.inspectVolume(volume.name)).toBeUndefined();
  });

  test('a volume that a container names stays', async () => {
    const { podman } = bench;
    const volume = await createVolume('kept');
    const mounts = [{ type: 'volume', name: volume.name, target: '/data', readOnly: false }] as const;
    const container = await bench.create('keeper', 'server', { mounts });
    await expect(podman.removeVolume(volume.name)).rejects.toMatchObject({ kind: 'InUse' });
    await podman.removeContainer(container);
    await podman.removeVolume(volume.name);
  });

  test('an unknown volume is made by the container that names it', async () => {
    const { podman } = bench;
    const name = bench.name('implicit');
    const mounts = [{ type: 'volume', name, target: '/data', readOnly: false }] as const;
    const container = await bench.create('maker', 'server', { mounts });
    expect(await podman.inspectVolume(name)).toMatchObject({ labels: {} });
    await podman.removeContainer(container);
    expect(await podman.inspectVolume(name)).toBeDefined();
    await podman.removeVolume(name);
  });

  test('a volume that is not there cannot be exported', async () => {
    const lost = bench.podman.exportVolume(bench.name('nothing'), '/nonexistent/file.tar');
    await expect(lost).rejects.toMatchObject({ kind: 'NotFound' });
  });

  test('a secret is made once, listed by prefix, and removed although it is in use', async () => {
    const { podman } = bench;
    const name = bench.name('secret');
    await podman.createSecret(name, Buffer.from('value'));
    await expect(podman.createSecret(name, Buffer.from('other'))).rejects.toMatchObject({
      kind: 'NameInUse',
    });
    expect(await podman.listSecrets(bench.name(''))).toEqual([name]);
    expect(await podman.listSecrets(`${name}-longer`)).toEqual([]);
    await bench.create('secretive', 'server', { secretEnv: { TOKEN: name } });
    await podman.removeSecret(name);
    await podman.removeSecret(name);
    expect(await podman.listSecrets(name)).toEqual([]);
  });

  test('an unknown secret is told at create, an empty one is refused', async () => {
    const lost = bench.create('secretless', 'server', { secretEnv: { TOKEN: bench.name('nothing') } });
    await expect(lost).rejects.toMatchObject({ kind: 'NotFound' });
    const empty = bench.podman.createSecret(bench.name('empty'), new Uint8Array());
    await expect(empty).rejects.toMatchObject({ kind: 'BadRequest' });
  });
});

describe.each(realSubjects())('a volume on $name', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
  });
  afterAll(() => bench?.cleanUp());

  test('is exported as a whole file', async () => {
    const { podman } = bench;
    const name = bench.name('export');
    await podman.createVolume({ name, driver: 'local', options: {}, labels: bench.labels });
    const mounts = [{ type: 'volume', name, target: '/data', readOnly: false }] as const;
    const writer = { mounts, args: ['echo precious > /data/file; exit 0'] };
    const container = await bench.create('writer', 'server', writer);
    await podman.startContainer(container);
    await podman.stopContainer(container, 5);
    await podman.removeContainer(container);
    const directory = mkdtempSync(join(subject.filesDir, 'rookery-export-'));
    try {
      await podman.exportVolume(name, join(directory, 'volume.tar'));
      expect(readFileSync(join(directory, 'volume.tar'), 'latin1')).toContain('precious');
    } finally {
      rmSync(directory, { recursive: true });
    }
    await podman.removeVolume(name);
  });

  test('holds again what was exported, owners and modes included, and nothing is written over', async () => {
    const { podman } = bench;
    const [from, to] = [bench.name('from'), bench.name('to')];
    const run = async (volume: string, script: string): Promise<string> => {
      const mounts = [{ type: 'volume', name: volume, target: '/data', readOnly: false }] as const;
      const container = await bench.create('worker', 'server', {
        security: { ...bench.template('server').security, addCapabilities: ['CHOWN', 'DAC_OVERRIDE'] },
        mounts,
        args: [`${script}; exit 0`],
      });
      await podman.startContainer(container);
      const lines: string[] = [];
      const options = { follow: true, timestamps: false };
      // Podman tells the two streams in no order of theirs; a complaint is none of what was asked for.
      for await (const { stream, text } of podman.logs(container, options, AbortSignal.timeout(20_000))) {
        expect(stream, text).toBe('stdout');
        lines.push(text);
      }
      await podman.removeContainer(container);
      return lines.join('\n');
    };
    for (const name of [from, to])
      await podman.createVolume({ name, driver: 'local', options: {}, labels: bench.labels });
    const look =
      'cd /data; find . | sort | while read f; do stat -c "%n %a %u:%g" $f; done; cat deep/file; readlink link';
    await run(
      from,
      'cd /data; mkdir -m 750 deep; echo precious > deep/file; chmod 640 deep/file; chown 1000:1001 deep/file; ln -s deep/file link',
    );
    const before = await run(from, look);
    expect(before.split('\n').slice(2)).toEqual([
      './deep/file 640 1000:1001',
      './link 777 0:0',
      'precious',
      'deep/file',
    ]);
    const directory = mkdtempSync(join(subject.filesDir, 'rookery-export-'));
    try {
      const file = join(directory, 'volume.tar');
      await podman.exportVolume(from, file);
      await podman.restoreVolume(to, file);
      expect(await run(to, look)).toBe(before);
      await expect(podman.restoreVolume(to, file)).rejects.toMatchObject({
        kind: 'InUse',
        message: expect.stringContaining('is not empty') as unknown,
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
    for (const name of [from, to]) await podman.removeVolume(name);
  });

  test('is not restored while a container runs with it', async () => {
    const { podman } = bench;
    const name = bench.name('busy');
    await podman.createVolume({ name, driver: 'local', options: {}, labels: bench.labels });
    const mounts = [{ type: 'volume', name, target: '/data', readOnly: false }] as const;
    const container = await bench.create('holder', 'server', { mounts });
    await podman.startContainer(container);
    await expect(podman.restoreVolume(name, '/nonexistent/file.tar')).rejects.toMatchObject({
      kind: 'InUse',
    });
    await podman.removeContainer(container);
    await podman.removeVolume(name);
  });

  test("is not exported at the price of somebody else's container", async () => {
    const { podman } = bench;
    const name = bench.name('foreign');
    await podman.createVolume({ name, driver: 'local', options: {}, labels: bench.labels });
    const container = await bench.create('foreign-export', 'server');
    expect(container).toBe(`${name}-export`);
    await expect(podman.exportVolume(name, '/nonexistent/file.tar')).rejects.toMatchObject({
      kind: 'NameInUse',
    });
    expect(await podman.inspectContainer(container)).toMatchObject({ state: 'created' });
    await podman.removeContainer(container);
    await podman.removeVolume(name);
  });
});
