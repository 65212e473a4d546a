import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { endOrphans } from '../src/podman/orphans.ts';
import { until } from './e2e/until.ts';

const REMOVED = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);

let directory: string;
let monitors: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rookery-orphans-'));
  copyFileSync(execFileSync('which', ['dash'], { encoding: 'utf8' }).trim(), join(directory, 'conmon'));
  writeFileSync(join(directory, 'watch'), 'sleep 60 & wait');
  writeFileSync(join(directory, 'clean'), 'sh -c "sleep 60; :" podman container cleanup "$2" & wait');
  writeFileSync(join(directory, 'fork'), '(read -r _ <"${0%/*}/pipe"; :) & wait');
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  monitors = [];
});
afterEach(() => {
  for (const monitor of monitors) endOf(monitor);
  rmSync(directory, { recursive: true });
});

const childrenOf = ({ pid }: ChildProcess): string[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);

function endOf(monitor: ChildProcess): void {
  if (monitor.exitCode !== null || monitor.signalCode !== null) return;
  for (const child of childrenOf(monitor)) process.kill(Number(child));
  monitor.kill();
}

/** A process that is called as conmon is, and watches over another one. */
async function monitorOf(id: string, script = 'watch'): Promise<ChildProcess> {
  const monitor = spawn(join(directory, 'conmon'), [join(directory, script), '-c', id, '-u', id]);
  monitors.push(monitor);
  await until('it has a child', () => childrenOf(monitor).length > 0);
  return monitor;
}

test('what still waits to be started for a container that was removed ends, and nothing else', async () => {
  const [removed, other] = [await monitorOf(REMOVED), await monitorOf(OTHER)];
  const ended = once(removed, 'exit');
  expect(endOrphans([REMOVED])).toBe(true);
  await ended;
  expect(childrenOf(other)).toHaveLength(1);
});

test.each(['clean', 'fork'])("Podman's own process below it goes on with its work: %s", async (script) => {
  const monitor = await monitorOf(REMOVED, script);
  const before = childrenOf(monitor);
  expect(endOrphans([REMOVED])).toBe(false);
  expect(childrenOf(monitor)).toEqual(before);
});

test('a container that left nothing behind is no failure', () => {
  expect(endOrphans([REMOVED])).toBe(false);
});
