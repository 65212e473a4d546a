import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { LIBPOD } from './api.ts';
import type { Host } from './host.ts';
import { isAlive } from './processes.ts';
import { until } from './rookery.ts';

const LOOK_EVERY_MS = 4;
const PAUSE_MS = 400;

interface Inspected {
  readonly PidFile: string;
  readonly State: { readonly Status: string; readonly Pid: number; readonly StartedAt: string };
}

/** Seconds from `kill -9` to running again, one sample for each agent: a second death would meet the back-off. */
export async function deaths(host: Host, samples: number): Promise<number[]> {
  const listed = JSON.parse(await host.api.ok('GET', `${LIBPOD}/containers/json`)) as { Id: string }[];
  const seconds: number[] = [];
  for (const { Id } of listed.slice(0, samples)) {
    seconds.push(await killAndWait(host, Id));
    await sleep(PAUSE_MS + Math.random() * PAUSE_MS);
  }
  return seconds;
}

async function killAndWait(host: Host, id: string): Promise<number> {
  const inspect = async (): Promise<Inspected> =>
    JSON.parse(await host.api.ok('GET', `${LIBPOD}/containers/${id}/json`)) as Inspected;
  const before = await inspect();
  const killedAtMs = performance.now();
  process.kill(before.State.Pid, 'SIGKILL');
  // The runtime's own file first: asking Podman every few milliseconds would slow down what is measured.
  await until(
    async () => {
      const pid = Number(await readFile(before.PidFile, 'utf8').catch(() => ''));
      return pid > 0 && pid !== before.State.Pid && (await isAlive(pid));
    },
    `container ${id} to have a new process`,
    LOOK_EVERY_MS,
  );
  await until(
    async () => {
      const { State } = await inspect();
      const isNew = State.Status === 'running' && State.StartedAt !== before.State.StartedAt;
      return isNew && (await isAlive(State.Pid));
    },
    `container ${id} to run again`,
    LOOK_EVERY_MS,
  );
  return (performance.now() - killedAtMs) / 1000;
}
