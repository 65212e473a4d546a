import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { errorOfReply } from '../src/podman/cause.ts';
import type { Dial } from '../src/podman/dial.ts';
import { createInspect } from '../src/podman/inspect-container.ts';
import { containerSummary } from '../src/podman/observe.ts';
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

const STARTED = '2026-01-02T03:04:05Z';
const BEFORE = '2026-01-02T03:04:04Z';
const AFTER = '2026-01-02T03:04:06Z';
const NEVER = '0001-01-01T00:00:00Z';

/** As each Podman's `inspect` told it after a power cut. */
describe('a container whose host went down', () => {
  const lost = { state: 'exited', exitCode: 137, finishedAtMs: Date.parse(STARTED) };
  const seen = (ExitCode: number, finished: string) => ({
    state: 'exited',
    exitCode: ExitCode,
    finishedAtMs: Date.parse(finished),
  });
  test.each([
    ['with Podman 4.3', 'created', STARTED, NEVER, 0, lost],
    ['with Podman 5.4', 'exited', STARTED, NEVER, 0, lost],
    ['with Podman 4.3, when it had been restarted before', 'created', STARTED, BEFORE, 0, lost],
    ['with Podman 5.4, when it had been restarted before', 'exited', STARTED, BEFORE, 0, lost],
    ['in good order, and told its exit code', 'exited', STARTED, AFTER, 0, seen(0, AFTER)],
    ['and whose clock was set back meanwhile', 'exited', STARTED, BEFORE, 3, seen(3, BEFORE)],
    [
      'before it was ever started',
      'created',
      NEVER,
      NEVER,
      0,
      { state: 'created', exitCode: 0, startedAtMs: 0 },
    ],
  ])('%s', async (_, Status, StartedAt, FinishedAt, ExitCode, expected) => {
    const State = { Status, StartedAt, FinishedAt, ExitCode };
    expect(await inspect({ Id: 'a', Name: 'b', State })).toMatchObject(expected);
  });

  test('is on the list as what inspect says it is', () => {
    const listed = (StartedAt: number) => containerSummary({ Id: 'a', State: 'created', StartedAt }).state;
    expect([listed(1_767_323_045), listed(-62_135_596_800)]).toEqual(['exited', 'created']);
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
