import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorOfReply } from '../src/podman/cause.ts';
import type { Dial } from '../src/podman/dial.ts';
import { createInspect } from '../src/podman/inspect-container.ts';
import { createProcessCheck } from '../src/podman/process-check.ts';
import type { WireContainer } from '../src/podman/wire.ts';

let directory: string;
let conmon: ChildProcess;
let gone: number;
const isAlive = createProcessCheck();
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-lost-'));
  const program = join(directory, 'conmon');
  copyFileSync(execFileSync('which', ['sleep'], { encoding: 'utf8' }).trim(), program);
  conmon = spawn(program, ['60']);
  gone = spawnSync('true').pid;
  // From here on it knows that it sees Podman's processes, in whatever container the test runs.
  expect(await isAlive(gone, conmon.pid ?? 0)).toBe(true);
});
afterAll(() => {
  conmon.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

const running = (ConmonPid: number): WireContainer => ({
  Id: 'a',
  Name: 'b',
  State: { Status: 'running', Pid: gone, ConmonPid, StartedAt: '2026-01-02T03:04:05Z' },
});
const exited: WireContainer = { Id: 'a', Name: 'b', State: { Status: 'exited', ExitCode: 3 } };

/** Inspects a container of which Podman says one after the other. */
function inspect(...told: readonly WireContainer[]) {
  const left = [...told];
  const call = () => Promise.resolve({ statusCode: 200, headers: {}, body: left.shift() });
  const dial = { call } as unknown as Dial;
  return createInspect(dial, isAlive)('b');
}

describe('a container whose removal was cut off', () => {
  const NOT_KNOWN = '{"message": "getting container from store \\"a\\": container not known"}';
  const dialTo = (list: readonly object[]): Dial => {
    const call: Dial['call'] = async ({ path, what }) => {
      if (path !== '/containers/json') throw errorOfReply(500, NOT_KNOWN, what);
      return { statusCode: 200, headers: {}, body: list as never };
    };
    return { call } as Dial;
  };

  test.each(['a', 'b'])('is what the list tells of it, by id or name (%s)', async (nameOrId) => {
    const listed = { Id: 'a', Names: ['b'], State: 'removing', Labels: { mine: 'yes' } };
    const seen = await createInspect(dialTo([{ Id: 'c', Names: ['d'] }, listed]), isAlive)(nameOrId);
    expect(seen).toMatchObject({ id: 'a', name: 'b', state: 'removing', labels: { mine: 'yes' }, pid: 0 });
  });

  test('is gone when the list does not know it either', async () => {
    expect(await createInspect(dialTo([]), isAlive)('a')).toBeUndefined();
  });
});

describe('a container whose process is gone', () => {
  test('runs until its monitor has told Podman how it ended', async () => {
    expect(await inspect(running(conmon.pid ?? 0))).toMatchObject({ state: 'running', pid: gone });
  });

  test('keeps its exit code when that came between two looks', async () => {
    expect(await inspect(running(gone), exited)).toMatchObject({ state: 'exited', exitCode: 3, error: '' });
  });

  test('may be removed between two looks', async () => {
    expect(await inspect(running(gone))).toBeUndefined();
  });

  test('is lost when its monitor is gone too', async () => {
    expect(await inspect(running(gone), running(gone))).toMatchObject({ state: 'exited', exitCode: 137 });
  });
});
