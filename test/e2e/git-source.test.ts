import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGitRepository, type GitRepository } from '../fakes/git-repository.ts';
import { freePort } from '../fakes/ports.ts';
import { agentText, ensureBusybox, WAITS } from './busybox-agents.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';

const SECRET = 'a-secret-of-some-length';
/** What the service promises: from the push that is told to the first call that changes something. */
const FIRST_OPERATION_MS = 1_000;

describe('a git repository', () => {
  let site: Site;
  let repository: GitRepository;
  let controller: Controller;
  let options: string[];
  let port: number;

  beforeAll(async () => {
    site = openSite({ env: { ROOKERY_MANIFESTS: '' } });
    await ensureBusybox(site.host);
    repository = createGitRepository();
    port = await freePort();
    options = [
      '--git',
      repository.remote,
      '--path',
      'base',
      '--path',
      'hosts/box',
      '--interval',
      '1h',
      '--verify',
      'ssh',
      '--allowed-signers',
      signing(repository),
      '--webhook',
      String(port),
      '--webhook-secret-file',
      join(repository.dir, 'secret'),
      '--log-format',
      'json',
    ];
    writeFileSync(join(repository.dir, 'secret'), `${SECRET}\n`);
    repository.push({
      'base/bystander.yaml': text('bystander'),
      'base/worker.yaml': text('worker', 'exit 1'),
      'hosts/box/worker.yaml': text('worker', `# one\n${WAITS}`),
      'hosts/box/config/x': 'one\n',
    });
    controller = site.start(...options);
    await untilStable(site, 2);
  });
  afterAll(async () => {
    await site?.cleanUp();
    repository?.dispose();
  });

  const text = (name: string, script = WAITS): string =>
    agentText({
      name,
      namespace: site.namespace,
      script,
      more:
        name === 'worker'
          ? 'volumes: [{name: c, hostPath: {path: ./config}}]\nvolumeMounts: [{name: c, mountPath: /c, readOnly: true}]'
          : '',
    });
  const ids = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await site.host.containers(site.namespace))
        .filter(({ State }) => State.Status === 'running')
        .map(({ Id, Config }) => [Config.Labels['rookery.dev/name'] ?? '', Id]),
    );
  const read = async (): Promise<string> => {
    const { worker = '' } = await ids();
    return site.host.podman('exec', worker, 'cat', '/c/x');
  };
  const operationsOnWorker = (): { readonly atMs: number; readonly text: string }[] =>
    controller
      .output()
      .split('\n')
      .filter((line) => line.includes('"cause"'))
      .map((line) => JSON.parse(line) as { time: string | number; msg: string; object: string })
      .filter(({ object }) => object.endsWith('/worker'))
      .map(({ time, msg }) => ({ atMs: new Date(time).getTime(), text: msg }));
  const tell = async (): Promise<number> => {
    const body = '{"ref":"refs/heads/main"}';
    const signature = createHmac('sha256', SECRET).update(body).digest('hex');
    const { status } = await fetch(`http://127.0.0.1:${port}/webhook`, {
      method: 'POST',
      body,
      headers: { 'x-hub-signature-256': `sha256=${signature}` },
    });
    return status;
  };
  const moved = (from: string | undefined) =>
    until('the worker is new', async () => {
      const { worker } = await ids();
      return worker !== undefined && worker !== from && worker;
    });

  test('a push that is told changes its agents, and those alone', async () => {
    const before = await ids();
    const commit = repository.push({ 'hosts/box/worker.yaml': text('worker', `# two\n${WAITS}`) });
    const toldAtMs = Date.now();
    expect(await tell()).toBe(202);
    const first = await until('the first operation', () =>
      operationsOnWorker().find(({ atMs }) => atMs >= toldAtMs),
    );
    const tookMs = first.atMs - toldAtMs;
    process.stdout.write(`webhook to first operation: ${tookMs} ms (${first.text})\n`);
    expect(tookMs).toBeLessThan(FIRST_OPERATION_MS * slowness());
    await moved(before['worker']);
    await untilStable(site, 2);
    process.stdout.write(`webhook to stable: ${Date.now() - toldAtMs} ms\n`);
    expect((await ids())['bystander']).toBe(before['bystander']);
    expect(await read()).toBe('one');
    const { stdout, exitCode } = await site.rookery('status');
    expect(stdout).toContain(commit.slice(0, 12));
    expect(stdout).toContain('good (ssh), by somebody@example.org');
    expect(exitCode).toBe(0);
  });

  test('a commit that does not touch an agent leaves it and its files alone', async () => {
    const before = await ids();
    repository.push({ 'README.md': 'more' });
    expect((await site.rookery('sync')).exitCode).toBe(0);
    expect((await site.rookery('plan')).stdout).toBe('nothing to do\n');
    expect(await ids()).toEqual(before);
    expect(await read()).toBe('one');
  });

  test('a changed file that is mounted is a new container; a rollback has the old one', async () => {
    const { worker } = await ids();
    repository.push({
      'hosts/box/config/x': 'two\n',
      'hosts/box/worker.yaml': text('worker', 'sleep 1; exit 3'),
    });
    await site.rookery('sync');
    await until('it is rolled back', async () => (await site.status('worker')).phase === 'RolledBack');
    expect(await read()).toBe('one');
    repository.push({ 'hosts/box/worker.yaml': text('worker', `# three\n${WAITS}`) });
    await site.rookery('sync');
    await until('the next good one', async () => (await read()) === 'two');
    await untilStable(site, 2);
    expect((await ids())['worker']).not.toBe(worker);
  });

  test('an unsigned commit and a rewritten history change nothing until they are allowed', async () => {
    const before = await ids();
    repository.git('config', 'commit.gpgsign', 'false');
    repository.push({ 'hosts/box/worker.yaml': text('worker', `# evil\n${WAITS}`) });
    const unsigned = await site.rookery('sync');
    expect(unsigned).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^Unverified: .*no signature/),
    });
    repository.git('config', 'commit.gpgsign', 'true');
    repository.git('reset', '--quiet', '--hard', 'HEAD~2');
    const rewritten = repository.amend({ 'hosts/box/worker.yaml': text('worker', `# four\n${WAITS}`) });
    const refused = await site.rookery('sync');
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/^HistoryRewritten: /) });
    expect((await site.rookery('status')).stdout).toContain('HistoryRewritten');
    expect((await site.rookery('events', '-A')).stdout).toMatch(/HistoryRewritten/);
    expect(await ids()).toEqual(before);
    const agreed = await site.rookery('sync', '--allow-non-fast-forward');
    expect(agreed).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(rewritten.slice(0, 12)) });
    await moved(before['worker']);
    await untilStable(site, 2);
  });

  test('a remote that is away freezes nothing, not even a restart', async () => {
    const before = await ids();
    renameSync(repository.remote, `${repository.remote}.away`);
    expect((await site.rookery('sync')).stderr).toMatch(/^FetchFailed: /);
    await controller.end('SIGKILL');
    controller = site.start(...options);
    await untilStable(site, 2);
    expect(await ids()).toEqual(before);
    expect((await site.rookery('status')).stdout).toMatch(/FetchFailed for \d+s/);
    renameSync(`${repository.remote}.away`, repository.remote);
    expect((await site.rookery('sync')).exitCode).toBe(0);
  });

  test('what is gone from the branch goes at once', async () => {
    repository.push({ 'base/bystander.yaml': undefined });
    const atMs = Date.now();
    await site.rookery('sync');
    await until('the bystander is gone', async () => !('bystander' in (await ids())));
    expect(Date.now() - atMs).toBeLessThan(9_000);
  });
});

/** Makes every commit a signed one; the file that says whose signatures count. */
function signing({ dir, git }: GitRepository): string {
  const key = join(dir, 'key');
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  git('config', 'gpg.format', 'ssh');
  git('config', 'user.signingkey', key);
  git('config', 'commit.gpgsign', 'true');
  const signers = join(dir, 'allowed-signers');
  writeFileSync(signers, `somebody@example.org ${readFileSync(`${key}.pub`, 'utf8')}`);
  return signers;
}

/** A machine that is busy with other work keeps no promise of time. */
const slowness = (): number => {
  const [load = '0'] = readFileSync('/proc/loadavg', 'utf8').split(' ');
  return Math.max(1, Number(load));
};
