import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createPodmanHost } from './podman-host.ts';
import { copyExample, openSite, REPOSITORY, type Site } from './site.ts';
import { until } from './until.ts';

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

/** Without root these tests all run as an ordinary user; with root there must be one. */
describe('an ordinary user', () => {
  /** Podman wants a short path. */
  const home = mkdtempSync('/var/tmp/rku-');
  let site: Site;
  let user: readonly string[] = [];
  let madeUser = false;
  let repository = REPOSITORY;

  beforeAll(async () => {
    if (isRoot) {
      madeUser = makeUser(home);
      user = ['setpriv', `--reuid=${USER}`, `--regid=${USER}`, '--init-groups', '--'];
      repository = readable(home);
    }
    const url = podmanService('isolated');
    site = openSite({ host: createPodmanHost(url), user, repository, env: environment() });
    if (isRoot) run('chown', '-R', USER, site.dir);
  }, 60_000);
  afterAll(async () => {
    await site?.cleanUp();
    podmanService('remove');
    if (madeUser) run('userdel', USER);
    run('rm', '-rf', home);
  }, 60_000);

  const environment = (): NodeJS.ProcessEnv =>
    isRoot ? { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') } : {};
  function podmanService(command: string): string {
    const [program, ...args] = [
      ...user,
      'bash',
      join(repository, 'scripts/podman-service.sh'),
      command,
      join(home, 'p'),
    ];
    const env = { ...process.env, ...environment() };
    return execFileSync(program, args, { encoding: 'utf8', env, cwd: home }).trim();
  }

  test('gets a healthy agent from the first example', { timeout: 90_000 }, async () => {
    await copyExample(site, 'hello');
    site.start();
    const started = performance.now();
    await until('the controller answers', () => site.agents());
    expect(await site.rookery('apply', '--timeout', '80s')).toMatchObject({ exitCode: 0 });
    console.log(
      `rootless: image imported, agent built and healthy after ${Math.round(performance.now() - started)} ms`,
    );
    expect((await site.rookery('get', 'agents')).stdout).toMatch(/^hello +1 +(Monitoring|Healthy) +True/m);
    const { address, containerName } = await site.status('hello');
    expect(address).toMatch(/^10\./);
    const owner = await site.host.podman('inspect', '--format', '{{.State.Pid}}', containerName ?? '');
    expect(run('stat', '--format', '%u', `/proc/${owner}`)).not.toBe('0');
    expect(await site.rookery('plan')).toMatchObject({ exitCode: 0 });
  });
});

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
    run(
      'setpriv',
      `--reuid=${USER}`,
      `--regid=${USER}`,
      '--clear-groups',
      'test',
      '-r',
      join(REPOSITORY, 'package.json'),
    );
    return REPOSITORY;
  } catch {
    const copy = join(home, 'rookery');
    for (const path of INSTALLED) cpSync(join(REPOSITORY, path), join(copy, path), { recursive: true });
    chmodSync(copy, 0o755);
    return copy;
  }
}
