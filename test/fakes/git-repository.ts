import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A real repository with a remote, as somebody who pushes has it. */
export interface GitRepository {
  /** For everything of the test; goes with `dispose`. */
  readonly dir: string;
  /** The bare remote. */
  readonly remote: string;
  readonly work: string;
  git(...args: string[]): string;
  /** Writes files (undefined removes one), commits and pushes; the commit's id. */
  push(files: Readonly<Record<string, string | undefined>>, ...options: string[]): string;
  /** Rewrites the newest commit and forces it upon the remote. */
  amend(files: Readonly<Record<string, string>>): string;
  dispose(): void;
}

export function createGitRepository(): GitRepository {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'rookery-git-')));
  const [remote, work] = [join(dir, 'remote.git'), join(dir, 'work')];
  const env = { PATH: process.env['PATH'], HOME: dir, GIT_CONFIG_NOSYSTEM: '1', LANG: 'C' };
  const run = (cwd: string, args: readonly string[]): string =>
    execFileSync('git', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  run(dir, ['init', '--quiet', '--bare', '--initial-branch=main', remote]);
  run(dir, ['init', '--quiet', '--initial-branch=main', work]);
  const git = (...args: string[]): string => run(work, args);
  git('config', 'user.name', 'Somebody');
  git('config', 'user.email', 'somebody@example.org');
  git('remote', 'add', 'origin', remote);
  const put = (files: Readonly<Record<string, string | undefined>>): void => {
    for (const [path, text] of Object.entries(files)) {
      const full = join(work, path);
      mkdirSync(dirname(full), { recursive: true });
      if (text === undefined) rmSync(full, { recursive: true });
      else writeFileSync(full, text);
    }
    git('add', '--all');
  };
  return {
    dir,
    remote,
    work,
    git,
    push: (files, ...options) => {
      put(files);
      git('commit', '--quiet', '--allow-empty', '-m', `changes ${Object.keys(files).join(', ')}`, ...options);
      git('push', '--quiet', 'origin', 'HEAD:main');
      return git('rev-parse', 'HEAD');
    },
    amend: (files) => {
      put(files);
      git('commit', '--quiet', '--amend', '-m', 'rewritten');
      git('push', '--quiet', '--force', 'origin', 'HEAD:main');
      return git('rev-parse', 'HEAD');
    },
    dispose: () => rmSync(dir, { recursive: true, force: true }),
  };
}
