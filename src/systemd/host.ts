import { execFile } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { userInfo } from 'node:os';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SystemdError } from './error.ts';
import type { InstallationFacts, Place, Step } from './installation.ts';
import { systemctl } from './installation.ts';
import { UNIT } from './unit.ts';

/** The commands and files of a host; a test brings its own. */
export interface SystemdHost {
  readonly run: (command: readonly string[]) => Promise<Ran>;
  readonly read: (path: string) => Promise<string | undefined>;
  readonly write: (path: string, text: string) => Promise<void>;
  readonly remove: (path: string) => Promise<void>;
}

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A start waits for READY=1, so for the unit's TimeoutStartSec. */
const COMMAND_DEADLINE_MS = 200_000;

export const createSystemdHost = (environment: NodeJS.ProcessEnv): SystemdHost => ({
  run: ([program = '', ...args]) =>
    new Promise((resolve) => {
      const options = { env: environment, timeout: COMMAND_DEADLINE_MS, encoding: 'utf8' as const };
      execFile(program, args, options, (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
        resolve({ exitCode, stdout, stderr: stderr || (error?.message ?? '') });
      });
    }),
  read: (path) =>
    readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    }),
  write: async (path, text) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, text, { mode: 0o644 });
    await rename(`${path}.new`, path);
  },
  remove: (path) => rm(path),
});

/** The program as it was started, by its real place: a link may be moved. */
export const selfOf = ({ execPath, argv, cwd }: NodeJS.Process) => {
  const { username, uid } = userInfo();
  return { command: [execPath, realpathSync(argv[1] ?? '')], cwd: cwd(), user: username, uid };
};

export async function factsOf(
  host: SystemdHost,
  { scope, unitPath, user }: Place,
): Promise<InstallationFacts> {
  const ask = async (...words: string[]): Promise<string> =>
    (await host.run(systemctl(scope, ...words))).stdout.trim();
  const [unit, socketEnabled, socketActive, serviceEnabled, serviceActive, linger] = await Promise.all([
    host.read(unitPath),
    ask('is-enabled', 'podman.socket'),
    ask('is-active', 'podman.socket'),
    ask('is-enabled', UNIT),
    ask('is-active', UNIT),
    scope === 'system' ? 'yes' : lingerOf(host, user),
  ]);
  return {
    ...(unit !== undefined && { unit }),
    socket: { enabled: socketEnabled === 'enabled', active: socketActive === 'active' },
    service: { enabled: serviceEnabled === 'enabled', active: serviceActive === 'active' },
    linger: linger === 'yes',
  };
}

const lingerOf = async (host: SystemdHost, user: string): Promise<string> =>
  (await host.run(['loginctl', 'show-user', user, '--property=Linger', '--value'])).stdout.trim();

/** Throws at the first step that fails, with systemd's words; tells of each that is done. */
export async function carryOut(
  host: SystemdHost,
  steps: readonly Step[],
  tell: { readonly done: (text: string) => void; readonly warning: (text: string) => void },
): Promise<void> {
  for (const step of steps) {
    if (step.type === 'Write') await host.write(step.path, step.text);
    if (step.type === 'Remove') await host.remove(step.path);
    if (step.type === 'Run') {
      const { exitCode, stderr } = await host.run(step.command);
      if (exitCode !== 0) throw new SystemdError(`${step.command.join(' ')} failed: ${stderr.trim()}`);
    }
    if (step.type === 'Try') {
      const { exitCode } = await host.run(step.command);
      if (exitCode !== 0) {
        tell.warning(step.otherwise);
        continue;
      }
    }
    tell.done(step.says);
  }
}
