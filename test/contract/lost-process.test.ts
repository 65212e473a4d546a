import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isRunning } from '../../src/state/observed.ts';
import { type Bench, eventually, realSubjects } from './subjects.ts';

const parentOf = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
};

describe.each(realSubjects())('a container on $name whose monitor was killed', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
  });
  afterAll(() => bench?.cleanUp());

  test('is running while its process is there, and exited when it is not', async () => {
    const { podman, labels } = bench;
    const name = await bench.create('lost', 'server');
    await podman.startContainer(name);
    const { pid = 0, startedAtMs } = (await podman.inspectContainer(name)) ?? {};
    const conmon = parentOf(pid);
    expect(readFileSync(`/proc/${conmon}/comm`, 'utf8').trim()).toBe('conmon');
    process.kill(conmon, 'SIGKILL');
    await eventually(async () => parentOf(pid) !== conmon);
    expect(await podman.inspectContainer(name)).toMatchObject({ state: 'running', pid });
    process.kill(pid, 'SIGKILL');
    const lost = await eventually(async () => {
      const container = await podman.inspectContainer(name);
      return container && !isRunning(container) && container;
    });
    expect(lost).toMatchObject({ state: 'exited', pid: 0, exitCode: 137, finishedAtMs: startedAtMs });
    expect(lost.error).toContain('conmon');
    expect((await podman.listContainers(labels)).map(({ state, pid: listed }) => [state, listed])).toEqual([
      ['exited', 0],
    ]);
    await podman.startContainer(name);
    expect(await podman.inspectContainer(name)).toMatchObject({ state: 'running' });
  });

  test.each(['stopped', 'removed'])('can be %s', async (action) => {
    const { podman } = bench;
    const name = await bench.create(action, 'server');
    await loseProcessOf(name);
    if (action === 'stopped') await podman.stopContainer(name, 1);
    else await podman.removeContainer(name);
    const container = await podman.inspectContainer(name);
    expect(container?.state).toBe(action === 'stopped' ? 'exited' : undefined);
  });

  async function loseProcessOf(name: string): Promise<void> {
    await bench.podman.startContainer(name);
    const { pid = 0 } = (await bench.podman.inspectContainer(name)) ?? {};
    const conmon = parentOf(pid);
    process.kill(conmon, 'SIGKILL');
    await eventually(async () => parentOf(pid) !== conmon);
    process.kill(pid, 'SIGKILL');
    await eventually(async () => (await bench.podman.inspectContainer(name))?.state === 'exited');
  }
});
