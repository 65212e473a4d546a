import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { type OwnPodman, startOwnPodman } from './own-podman.ts';
import { REPOSITORY, type SiteOptions } from './site.ts';

const USER = 'rookery-e2e';
/** What a checkout holds that an installation needs. */
const INSTALLED = [
  'bin',
  'dist',
  'scripts',
  'images',
  'package.json',
  ...['zeromq', 'cmake-ts'].map((name) => `node_modules/${name}`),
];
const isRoot = process.getuid?.() === 0;

const run = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' }).trim();

/** Somebody without rights, and a Podman of his own. */
export interface OrdinaryUser {
  readonly site: SiteOptions;
  readonly podman: OwnPodman;
  /** Makes a directory his. */
  give(directory: string): void;
  cleanUp(): void;
}

/** Without root the tests all run as an ordinary user; with root there must be one. */
export function openOrdinaryUser(): OrdinaryUser {
  /** Podman wants a short path. */
  const home = mkdtempSync('/var/tmp/rku-');
  const madeUser = isRoot && makeUser(home);
  const user = isRoot ? ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups', '--'] : [];
  const repository = isRoot ? readable(home) : REPOSITORY;
  const env: NodeJS.ProcessEnv = isRoot ? { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') } : {};
  const podman = startOwnPodman({ directory: join(home, 'p'), repository, user, env });
  return {
    site: { host: podman.host, user, repository, env },
    podman,
    give: (directory) => void (isRoot && run('chown', '-R', USER, directory)),
    cleanUp: () => {
      podman.remove();
      if (madeUser) run('userdel', USER);
      run('rm', '-rf', home);
    },
  };
}

/** Whether it was made here. */
function makeUser(home: string): boolean {
  mkdirSync(join(home, 'run'), { mode: 0o700 });
  const isThere =
    execFileSync('sh', ['-c', `id -u ${USER} || true`], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }) !== '';
  if (!isThere) run('useradd', '--home-dir', home, '--no-create-home', '--shell', '/bin/sh', USER);
  run('chown', '-R', `${USER}:`, home);
  return !isThere;
}

/** This checkout where others may read it, else a copy. */
function readable(home: string): string {
  try {
    const as = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--clear-groups'] as const;
    run(...as, 'test', '-r', join(REPOSITORY, 'package.json'));
    return REPOSITORY;
  } catch {
    const copy = join(home, 'rookery');
    for (const path of INSTALLED) cpSync(join(REPOSITORY, path), join(copy, path), { recursive: true });
    chmodSync(copy, 0o755);
    return copy;
  }
}
