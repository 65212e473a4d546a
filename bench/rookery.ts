import { mkdir, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeManifests } from './fixtures.ts';
import { type Background, type Host, type Ran, run, start } from './host.ts';

/** One state directory, one directory of manifests, and the built command line on them. */
export interface Rookery {
  readonly manifestsDir: string;
  readonly apiSocket: string;
  apply(): Promise<Ran>;
  /** In the background; resolves when it is ready. */
  run(): Promise<Background>;
}

export interface RookeryOptions {
  readonly name: string;
  readonly agents: number;
  /** Another socket than Podman's own, for a recorder in between. */
  readonly socket?: string;
}

export async function createRookery(host: Host, { name, agents, socket }: RookeryOptions): Promise<Rookery> {
  const directory = join(host.workDir, name);
  const manifestsDir = join(directory, 'manifests');
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory);
  await writeManifests(manifestsDir, agents, 'none');
  const apiSocket = join(directory, 'api.sock');
  const env = {
    ROOKERY_STATE_DIR: join(directory, 'state'),
    ROOKERY_MANIFESTS: manifestsDir,
    ROOKERY_API_SOCKET: apiSocket,
    ROOKERY_SOCKET: socket ?? host.socket,
  };
  const bin = join(host.root, 'bin/rookery');
  return {
    manifestsDir,
    apiSocket,
    apply: async () => {
      const ran = await run(process.execPath, [bin, 'apply', '--timeout', '5m'], { env });
      await writeFile(join(directory, 'apply.log'), ran.stdout + ran.stderr);
      if (ran.code !== 0) throw new Error(`rookery apply failed (${ran.code}): ${ran.stderr}${ran.stdout}`);
      return ran;
    },
    run: async () => {
      const background = start(process.execPath, [bin, 'run'], env, join(directory, 'run.log'));
      await until(() => isReady(apiSocket), 'the controller to be ready');
      return background;
    },
  };
}

function isReady(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, path: '/readyz' }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    outgoing.on('error', () => resolve(false));
    outgoing.end();
  });
}

const DEADLINE_MS = 60_000;

export async function until(condition: () => Promise<boolean>, what: string, everyMs = 50): Promise<void> {
  const deadlineMs = Date.now() + DEADLINE_MS;
  while (!(await condition())) {
    if (Date.now() > deadlineMs) throw new Error(`waited ${DEADLINE_MS / 1000} s for ${what}`);
    await sleep(everyMs);
  }
}
