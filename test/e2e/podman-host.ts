import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** A container as Podman itself tells it; read without any code of ours. */
export interface HostContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string; readonly Pid: number; readonly StartedAt: string };
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly Env: readonly string[];
    readonly [field: string]: unknown;
  };
  readonly HostConfig: {
    readonly Memory: number;
    readonly PidsLimit: number;
    readonly NanoCpus: number;
    readonly CpuQuota: number;
  };
}

/** What an administrator has beside Rookery: the podman command, and its API. */
export interface PodmanHost {
  readonly url: string;
  /** Runs `podman ARGS`; throws with its words when it fails. */
  podman(...args: string[]): Promise<string>;
  api<T>(path: string): Promise<T>;
  /** Every container of the agents of a namespace; the newest start last. */
  containers(namespace: string): Promise<readonly HostContainer[]>;
}

const run = promisify(execFile);

export function createPodmanHost(url: string): PodmanHost {
  const socketPath = url.replace(/^unix:\/\//, '');
  const api = <T>(path: string): Promise<T> => getJson<T>(socketPath, `/v4.0.0/libpod${path}`);
  return {
    url,
    api,
    podman: async (...args) =>
      (await run('podman', ['--url', url, ...args], { timeout: 60_000 })).stdout.trim(),
    containers: async (namespace) => {
      const listed = await api<{ Id: string }[]>(
        `/containers/json?all=true&filters=${encodeURIComponent(JSON.stringify(ofNamespace(namespace)))}`,
      );
      const found = await Promise.all(
        listed.map(({ Id }) => api<HostContainer>(`/containers/${Id}/json`).catch(() => undefined)),
      );
      return found
        .filter((container) => container !== undefined)
        .sort((left, right) => (left.State.StartedAt < right.State.StartedAt ? -1 : 1));
    },
  };
}

const ofNamespace = (namespace: string) => ({
  label: [`rookery.dev/namespace=${namespace}`, 'rookery.dev/kind=Agent'],
});

function getJson<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: 30_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Error(`${path}: ${response.statusCode} ${text}`));
      });
    });
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error(`${path}: no answer`)));
    asked.end();
  });
}

/**
 * `podman stop` behind the controller's back. Podman stops first and cleans up after: a container that is started again in
 * between makes the command fail, but it was stopped all the same.
 */
export async function stopBehindItsBack({ podman }: PodmanHost, id: string): Promise<void> {
  const startedAgain = `container ${id} is running or paused, refusing to clean up: container state improper`;
  await podman('stop', '--time', '1', id).catch((error: unknown) => {
    if (!(error as Error).message.includes(startedAgain)) throw error;
  });
}

/** Takes away everything with the labels of a namespace, and nothing else. */
export async function removeNamespace(host: PodmanHost, namespace: string): Promise<void> {
  const label = `label=rookery.dev/namespace=${namespace}`;
  const ids = async (...list: string[]): Promise<string[]> =>
    (await host.podman(...list, '--filter', label)).split('\n').filter(Boolean);
  for (const pod of await ids('pod', 'ps', '--quiet')) await host.podman('pod', 'rm', '--force', pod);
  const containers = await ids('ps', '--all', '--quiet');
  if (containers.length > 0) await host.podman('rm', '--force', '--time', '0', ...containers);
  for (const network of await ids('network', 'ls', '--quiet'))
    await host.podman('network', 'rm', '--force', network);
  const volumes = await ids('volume', 'ls', '--quiet');
  if (volumes.length > 0) await host.podman('volume', 'rm', '--force', ...volumes);
}

/** The user's Podman for tests; without one nothing here means anything. */
export function testPodman(): PodmanHost {
  const socket = process.env['ROOKERY_TEST_PODMAN'];
  if (!socket)
    throw new Error(
      'no real Podman to test: set ROOKERY_TEST_PODMAN to the path of its socket (npm test does)',
    );
  return createPodmanHost(`unix://${socket.replace(/^unix:\/\//, '')}`);
}

/** What the kernel has set for a process, under the file's name in cgroup v1 or v2. */
export function cgroupValue(pid: number, controller: string, files: readonly string[]): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n');
  const own = lines.find((line) => line.split(':')[1]?.split(',').includes(controller));
  const [, controllers = '', path = ''] = (own ?? lines.at(-1) ?? '').split(':');
  const found = files
    .map((file) => join('/sys/fs/cgroup', own ? controllers : '', path, file))
    .find((file) => existsSync(file));
  if (!found) throw new Error(`process ${pid} has none of ${files.join(', ')}`);
  return readFileSync(found, 'utf8').trim();
}
