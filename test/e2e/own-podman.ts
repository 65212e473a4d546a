import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createPodmanHost, type PodmanHost } from './podman-host.ts';
import { REPOSITORY } from './site.ts';

/** A Podman service that nobody else needs, with a storage of its own: it may be killed. */
export interface OwnPodman {
  readonly directory: string;
  readonly socket: string;
  readonly host: PodmanHost;
  /** Its containers run on. Nothing when it is dead already, or only about to start. */
  kill(): void;
  /** As its socket unit would. */
  start(): Promise<void>;
  /** As if the host had lost its power and were back. */
  reboot(): Promise<void>;
  /** `podman ARGS` on its storage, without the service. */
  cli(...args: readonly string[]): string;
  remove(): void;
}

export interface OwnPodmanOptions {
  /** Podman wants a short path. */
  readonly directory?: string;
  readonly repository?: string;
  /** What to put before a command to run it as somebody else. */
  readonly user?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export function startOwnPodman(options: OwnPodmanOptions = {}): OwnPodman {
  const {
    directory = mkdtempSync('/var/tmp/rkown-'),
    repository = REPOSITORY,
    user = [],
    env = {},
  } = options;
  const script = join(repository, 'scripts/podman-service.sh');
  const [program, ...words]: [string, ...string[]] = ['env', ...user, 'bash', script];
  const how = { encoding: 'utf8', env: { ...process.env, ...env }, cwd: '/' } as const;
  const service = (command: string, ...args: readonly string[]): string => {
    return execFileSync(program, [...words, command, directory, ...args], how).trim();
  };
  const slowly = async (command: string): Promise<void> => {
    await promisify(execFile)(program, [...words, command, directory], how);
  };
  const url = service('isolated');
  return {
    directory,
    socket: url.replace(/^unix:\/\//, ''),
    host: createPodmanHost(url),
    kill: () => {
      for (const pid of processesOf(directory)) killUnlessEnded(pid);
    },
    start: () => slowly('isolated'),
    reboot: () => slowly('reboot'),
    cli: (...args) => service('cli', ...args),
    remove: () => void service('remove'),
  };
}

/** An ordinary user's service is the child of the process that made its user namespace. */
function processesOf(directory: string): string[] {
  const [pid = ''] = readIfThere(join(directory, 'service.pid')).split(' ');
  const children = readIfThere(`/proc/${pid}/task/${pid}/children`).split(' ');
  // The number of one that has ended may be somebody else's by now.
  const isService = (one: string): boolean =>
    one !== '' && readIfThere(`/proc/${one}/cmdline`).includes('\0system\0service\0');
  return [...children, pid].filter(isService);
}

function killUnlessEnded(pid: string): void {
  try {
    process.kill(Number(pid), 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Of what may go at any moment; nothing when it has. */
export function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
