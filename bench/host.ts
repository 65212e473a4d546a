import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { writeBusyboxTar } from '../test/contract/busybox.ts';
import { type Api, atOnce, createApi, LIBPOD } from './api.ts';

export const IMAGE = 'localhost/busybox:1';

/** The isolated Podman that everything here runs on; `scripts/bench.sh` starts and removes it. */
export interface Host {
  readonly api: Api;
  readonly socket: string;
  /** A `podman` command on the same storage, without a service in between. */
  readonly podman: string;
  readonly podmanDir: string;
  /** For state directories, manifests and logs. */
  readonly workDir: string;
  readonly root: string;
  /** The API service's own process. */
  servicePid(): Promise<number>;
  /** Removes every container, pod and network. */
  clear(): Promise<void>;
}

interface Places {
  readonly root: string;
  readonly podmanDir: string;
  readonly workDir: string;
}

export async function openHost({ root, podmanDir, workDir }: Places): Promise<Host> {
  const socket = join(podmanDir, 'podman.sock');
  const api = createApi(socket);
  const podman = await writePodman(podmanDir, workDir);
  await importBusybox(api, podman);
  return {
    api,
    socket,
    podman,
    podmanDir,
    workDir,
    root,
    servicePid: async () => Number.parseInt(await readFile(join(podmanDir, 'service.pid'), 'utf8'), 10),
    clear: () => clear(api),
  };
}

/** Peers call `podman`, some of them often: so straight into the isolated storage, at the price of two execs. */
async function writePodman(podmanDir: string, workDir: string): Promise<string> {
  const storage = `--root ${podmanDir}/storage --runroot ${podmanDir}/run --storage-driver overlay`;
  const settings = `CONTAINERS_CONF=${podmanDir}/containers.conf`;
  const keeper = await readFile(join(podmanDir, 'keeper.pid'), 'utf8').catch(() => '');
  const inside =
    keeper === ''
      ? `XDG_RUNTIME_DIR=${podmanDir}/xdg ${settings} exec`
      : `${settings} exec nsenter --mount=/proc/${Number.parseInt(keeper, 10)}/ns/mnt --wd=.`;
  const file = join(workDir, 'podman');
  await writeFile(file, `#!/bin/sh\n${inside} podman ${storage} "$@"\n`, { mode: 0o755 });
  return file;
}

async function importBusybox(api: Api, podman: string): Promise<void> {
  const { status } = await api.call('GET', `${LIBPOD}/images/${encodeURIComponent(IMAGE)}/exists`);
  if (status === 204) return;
  const directory = await mkdtemp(join(tmpdir(), 'rookery-bench-'));
  try {
    const tar = writeBusyboxTar(directory);
    const imported = await run(podman, ['import', '--quiet', '--change', 'ENV PATH=/bin', tar, IMAGE]);
    if (imported.code !== 0) throw new Error(`podman import failed: ${imported.stderr}`);
  } finally {
    await rm(directory, { recursive: true });
  }
}

interface Listed {
  readonly Id: string;
  readonly IsInfra?: boolean;
}

/** Members before their pods: a pod's own removal waits ten seconds for each that does not heed SIGTERM. */
async function clear(api: Api): Promise<void> {
  const list = async (path: string): Promise<Listed[]> =>
    JSON.parse(await api.ok('GET', `${LIBPOD}${path}`)) as Listed[];
  const members = (await list('/containers/json?all=true')).filter(({ IsInfra }) => !IsInfra);
  await atOnce(4, members, ({ Id }) =>
    api.ok('DELETE', `${LIBPOD}/containers/${Id}?force=true&timeout=0&v=true`),
  );
  await atOnce(4, await list('/pods/json'), ({ Id }) => api.ok('DELETE', `${LIBPOD}/pods/${Id}?force=true`));
  await api.ok('POST', `${LIBPOD}/networks/prune`);
}

export interface Ran {
  readonly code: number;
  readonly tookMs: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** From before the fork to the end of the process, as a person with a stop-watch. */
export function run(
  command: string,
  args: readonly string[],
  { env = {}, cwd }: RunOptions = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const startedAtMs = performance.now();
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    });
    let stdout = '';
    let stderr = '';
    let tookMs = 0;
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('exit', () => (tookMs = performance.now() - startedAtMs));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 255, tookMs, stdout, stderr }));
  });
}

export interface Background {
  readonly pid: number;
  stop(): Promise<void>;
}

export function start(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  logFile: string,
): Background {
  const log = openSync(logFile, 'a');
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', log, log] });
  closeSync(log);
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
