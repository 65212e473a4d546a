import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, eventually, subjects, never, untilState } from './subjects.ts';

describe.each(subjects())('containers on $name', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
  });
  afterAll(() => bench?.cleanUp());

  test('a created container is what was asked for, and does not run', async () => {
    const { podman, labels } = bench;
    const name = bench.name('made');
    const template = bench.template('server', {
      resources: { cpus: 0.5, memoryBytes: 64 * 2 ** 20, pids: 33 },
    });
    const annotations = { 'rookery.dev/spec': '{"a": 1}' };
    const { id } = await podman.createContainer({ name, template, labels, annotations });
    const container = await podman.inspectContainer(name);
    expect(container).toMatchObject({
      id,
      name,
      labels,
      annotations,
      state: 'created',
      pid: 0,
      startedAtMs: 0,
    });
    expect(container).toMatchObject({ finishedAtMs: 0, exitCode: 0, networks: {}, imageId: bench.imageId });
    expect(container?.resources).toEqual(template.resources);
    expect(container?.createdAtMs).toBeGreaterThan(Date.now() - 60_000);
    expect(await podman.inspectContainer(id)).toEqual(container);
  });

  test('without limits only Podman’s own number of processes holds', async () => {
    const name = await bench.create('unlimited', 'server');
    expect((await bench.podman.inspectContainer(name))?.resources).toEqual({ pids: 2_048 });
  });

  test('started twice, it runs once', async () => {
    const { podman } = bench;
    const name = await bench.create('twice', 'server');
    await podman.startContainer(name);
    const first = await untilState(podman, name, 'running');
    await podman.startContainer(name);
    const second = await podman.inspectContainer(name);
    expect(first.pid).toBeGreaterThan(0);
    expect(first.startedAtMs).toBeGreaterThanOrEqual(first.createdAtMs);
    expect(second).toMatchObject({ pid: first.pid, startedAtMs: first.startedAtMs });
  });

  test('a stop lets it end by itself, and is done when it is over', async () => {
    const { podman } = bench;
    const name = await bench.create('polite', 'server');
    await bench.serve(name);
    await podman.stopContainer(name, 20);
    const ended = await podman.inspectContainer(name);
    expect(ended).toMatchObject({ state: 'exited', exitCode: 0, pid: 0 });
    expect(ended?.finishedAtMs).toBeGreaterThanOrEqual(ended?.startedAtMs ?? Number.POSITIVE_INFINITY);
    await podman.stopContainer(name, 20);
  });

  test('what ignores the stop signal is killed after the grace', async () => {
    const { podman } = bench;
    const name = await bench.create('stubborn', 'stubborn');
    await podman.startContainer(name);
    const startMs = Date.now();
    await podman.stopContainer(name, 1);
    expect(Date.now() - startMs).toBeGreaterThanOrEqual(950);
    expect(await podman.inspectContainer(name)).toMatchObject({ state: 'exited', exitCode: 137 });
  });

  test('a container that never ran can be stopped', async () => {
    const name = await bench.create('idle', 'server');
    await bench.podman.stopContainer(name, 1);
    expect((await bench.podman.inspectContainer(name))?.state).toBe('created');
  });

  test('an exit by itself keeps its code, and it can be started again', async () => {
    const { podman } = bench;
    const name = await bench.create('crash', 'crasher');
    await podman.startContainer(name);
    const first = await untilState(podman, name, 'exited');
    expect(first).toMatchObject({ exitCode: 3, oomKilled: false, pid: 0 });
    await podman.startContainer(name);
    await eventually(async () => {
      const again = await podman.inspectContainer(name);
      return again?.state === 'exited' && again.startedAtMs > first.startedAtMs;
    });
  });

  test('started again, it still tells when it ended before', async () => {
    const { podman } = bench;
    const name = await bench.create('again', 'server');
    await bench.serve(name);
    await podman.stopContainer(name, 20);
    const ended = await podman.inspectContainer(name);
    await podman.startContainer(name);
    const again = await podman.inspectContainer(name);
    expect(again).toMatchObject({ state: 'running', exitCode: 0, finishedAtMs: ended?.finishedAtMs });
  });

  test('killed, its code says so; killed again, there is nothing to kill', async () => {
    const { podman } = bench;
    const name = await bench.create('kill', 'server');
    await podman.startContainer(name);
    await podman.killContainer(name, 'KILL');
    expect(await untilState(podman, name, 'exited')).toMatchObject({ exitCode: 137 });
    await expect(podman.killContainer(name, 'KILL')).rejects.toMatchObject({ kind: 'Other' });
  });

  test('a signal that is none is refused', async () => {
    const name = await bench.create('signal', 'server');
    await bench.podman.startContainer(name);
    await expect(bench.podman.killContainer(name, 'NO-SUCH')).rejects.toMatchObject({ kind: 'BadRequest' });
  });

  test('where no start was cut off, nothing is ended that waits for it', async () => {
    const { podman } = bench;
    const name = await bench.create('whole', 'server');
    expect(await podman.endCutOffStart(name)).toBe(false);
    await podman.startContainer(name);
    expect(await podman.endCutOffStart(name)).toBe(false);
    expect(await podman.inspectContainer(name)).toMatchObject({ state: 'running' });
    await podman.stopContainer(name, 20);
    expect(await podman.endCutOffStart(name)).toBe(false);
    await podman.removeContainer(name);
    expect(await podman.endCutOffStart(name)).toBe(false);
  });

  test('removed while it runs, it is gone; removed twice is once', async () => {
    const { podman } = bench;
    const name = await bench.create('gone', 'server');
    await podman.startContainer(name);
    await podman.removeContainer(name);
    expect(await podman.inspectContainer(name)).toBeUndefined();
    await podman.removeContainer(name);
  });

  test('what is absent cannot be used, but can be stopped and removed', async () => {
    const { podman } = bench;
    const name = bench.name('absent');
    const notFound = { name: 'PodmanError', kind: 'NotFound' };
    expect(await podman.inspectContainer(name)).toBeUndefined();
    await podman.stopContainer(name, 1);
    await podman.removeContainer(name);
    await expect(podman.startContainer(name)).rejects.toMatchObject(notFound);
    await expect(podman.killContainer(name, 'TERM')).rejects.toMatchObject(notFound);
    await expect(podman.renameContainer(name, `${name}2`)).rejects.toMatchObject(notFound);
    await expect(podman.updateContainer(name, { pids: 10 })).rejects.toMatchObject(notFound);
    await expect(podman.exec(name, ['/bin/sh'], never)).rejects.toMatchObject(notFound);
  });

  test('a name belongs to one container', async () => {
    const { podman } = bench;
    const name = await bench.create('taken', 'server');
    await expect(bench.create('taken', 'server')).rejects.toMatchObject({ kind: 'NameInUse' });
    const other = await bench.create('other', 'server');
    await expect(podman.renameContainer(other, name)).rejects.toMatchObject({ kind: 'NameInUse' });
    await podman.renameContainer(other, bench.name('renamed'));
    expect(await podman.inspectContainer(other)).toBeUndefined();
    expect((await podman.inspectContainer(bench.name('renamed')))?.name).toBe(bench.name('renamed'));
    await podman.renameContainer(name, name);
  });

  test('a name that cannot be one is refused', async () => {
    await expect(bench.create('no name!', 'server')).rejects.toMatchObject({ kind: 'BadRequest' });
  });

  test('an image that is not here is not pulled', async () => {
    const image = { reference: 'localhost/absent:1', id: 'f'.repeat(64) };
    await expect(bench.create('imageless', 'server', { image })).rejects.toMatchObject({
      kind: 'ImageUnknown',
    });
    expect(await bench.podman.inspectContainer(bench.name('imageless'))).toBeUndefined();
  });

  test('a list takes only what has all the labels', async () => {
    const { podman } = bench;
    const template = bench.template('server');
    const both = { ...bench.labels, 'test.a': '1', 'test.b': '2' };
    const name = bench.name('labelled');
    await podman.createContainer({ name, template, labels: both, annotations: {} });
    const namesBy = async (labels: Record<string, string>) =>
      (await podman.listContainers(labels)).map((container) => container.name);
    expect(await namesBy({ ...bench.labels, 'test.a': '1', 'test.b': '2' })).toEqual([name]);
    expect(await namesBy({ ...bench.labels, 'test.a': '1', 'test.b': '3' })).toEqual([]);
    const [summary] = await podman.listContainers(both);
    expect(summary).toMatchObject({ state: 'created', pid: 0, labels: both, startedAtMs: 0 });
  });

  test('a command that is not in the image: the start fails and nothing has run', async () => {
    const { podman } = bench;
    const name = await bench.create('nonsense', 'nonsense');
    await expect(podman.startContainer(name)).rejects.toMatchObject({ kind: 'CannotRun' });
    expect(await podman.inspectContainer(name)).toMatchObject({ state: 'created', startedAtMs: 0 });
  });

  test('exec gives output and exit code', async () => {
    const { podman } = bench;
    const name = await bench.create('exec', 'server');
    const refused = podman.exec(name, ['/bin/sh', '-c', 'true'], never);
    await expect(refused).rejects.toMatchObject({ kind: 'Other' });
    await podman.startContainer(name);
    const result = await podman.exec(name, ['/bin/sh', '-c', 'echo out; echo err >&2; exit 4'], never);
    expect(result).toEqual({ exitCode: 4, output: 'out\nerr\n' });
    expect((await podman.exec(name, ['/no/such/program'], never)).exitCode).toBe(127);
    await expect(podman.exec(name, ['/bin/sh'], AbortSignal.abort())).rejects.toThrow();
  });
});
