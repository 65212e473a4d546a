import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseGitUrl } from '../src/api/git-url.ts';
import type { GitSettings } from '../src/source/git/settings.ts';
import type { DesiredObject, Snapshot } from '../src/state/desired.ts';
import { type FollowedGit, followGit } from './fakes/followed-git.ts';
import { createGitRepository, type GitRepository } from './fakes/git-repository.ts';
import { agentYaml } from './fakes/manifest-tree.ts';

let repository: GitRepository;
const sources: { close(): Promise<void> }[] = [];
beforeEach(() => {
  repository = createGitRepository();
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  repository.dispose();
});

function follow(more: Partial<GitSettings> = {}): FollowedGit {
  const followed = followGit(repository, more);
  sources.push(followed);
  return followed;
}

const layerOf = (snapshot: Snapshot, name: string): number | undefined => {
  const manifest = snapshot.objects.get(`Agent/default/${name}`)?.manifest;
  return manifest?.kind === 'Agent' ? manifest.spec.layer : undefined;
};

describe('a branch is followed', () => {
  test('one whole commit after the other, with places as in the repository', async () => {
    const first = repository.push({ 'agents/a.yaml': agentYaml('a', '  layer: 1') });
    const followed = follow({ paths: ['agents'] });
    const snapshot = await followed.read();
    expect(snapshot).toMatchObject({ complete: true, problems: [], commit: first });
    expect(snapshot.origin).toBe(`${repository.remote}@${first.slice(0, 12)}`);
    expect(snapshot.objects.get('Agent/default/a')?.position.file).toBe('agents/a.yaml');
    const second = repository.push({ 'agents/a.yaml': agentYaml('a', '  layer: 2') });
    expect(layerOf(await followed.read(), 'a')).toBe(1);
    const before = followed.changes();
    await followed.source.fetch();
    expect(followed.changes()).toBe(before + 1);
    const next = await followed.read();
    expect([next.commit, layerOf(next, 'a')]).toEqual([second, 2]);
    expect(followed.status()).toMatchObject({ commit: { id: second, author: 'Somebody' }, branch: 'main' });
  });

  test('the remote is asked at intervals, give or take a tenth', async () => {
    repository.push({ 'a.yaml': agentYaml('a') });
    const followed = follow();
    await followed.read();
    expect(followed.timers[0]?.delayMs).toBe(60_000);
    const commit = repository.push({ 'b.yaml': agentYaml('b') });
    followed.timers[0]?.callback();
    await expect.poll(() => followed.status().commit?.id, { timeout: 20_000 }).toBe(commit);
  });

  test('an outage changes nothing, and is told with when it began', async () => {
    const commit = repository.push({ 'a.yaml': agentYaml('a') });
    const followed = follow();
    await followed.read();
    renameSync(repository.remote, `${repository.remote}.away`);
    await followed.source.fetch();
    const { failure } = followed.status();
    expect(failure).toMatchObject({ reason: 'FetchFailed' });
    await followed.source.fetch();
    expect(followed.status().failure?.since).toBe(failure?.since);
    expect(await followed.read()).toMatchObject({ complete: true, commit });
    renameSync(`${repository.remote}.away`, repository.remote);
    await followed.source.fetch();
    expect(followed.status().failure).toBeUndefined();
  });

  test('a restart goes on with what was applied while the remote is away', async () => {
    const commit = repository.push({ 'a.yaml': agentYaml('a') });
    await follow().read();
    renameSync(repository.remote, `${repository.remote}.away`);
    const restarted = follow();
    expect(await restarted.read()).toMatchObject({ complete: true, commit });
    expect(restarted.status()).toMatchObject({ commit: { id: commit }, failure: { reason: 'FetchFailed' } });
  });

  test('nothing is known before the remote has answered once', async () => {
    const followed = follow({ url: parseGitUrl('/nowhere/at/all.git') });
    const snapshot = await followed.read();
    expect(snapshot).toMatchObject({ complete: false });
    expect(snapshot.rootError).toMatch(/FetchFailed: .*nowhere/);
  });

  test('a checkout that was cut off is made anew', async () => {
    const commit = repository.push({ 'a.yaml': agentYaml('a', '  layer: 1') });
    const { own } = follow();
    await follow().read();
    writeFileSync(join(own, 'checkouts', commit, 'a.yaml'), '');
    mkdirSync(join(own, 'checkouts', `${commit}.partial`));
    const restarted = follow();
    expect(layerOf(await restarted.read(), 'a')).toBe(1);
    await restarted.source.collect(() => true);
    expect(readdirSync(join(own, 'checkouts'))).toEqual([commit]);
  });

  test('a path that a commit does not have freezes', async () => {
    repository.push({ 'agents/a.yaml': agentYaml('a') });
    const followed = follow({ paths: ['hosts/box'] });
    const { rootError } = await followed.read();
    expect(rootError).toMatch(/--path "hosts\/box" of commit [0-9a-f]{12}: .*does not exist/);
  });
});

test('the newest commit may agree to removals, object by object', async () => {
  const message = ['--trailer', 'Rookery-Approve-Prune: Agent/default/a, vol/data', '--trailer'];
  repository.push({ 'a.yaml': agentYaml('a') });
  const { source, read } = follow();
  expect((await read()).approvedPrunes).toEqual(new Set());
  repository.push({ 'a.yaml': undefined }, ...message, 'rookery-approve-prune: Cow/x, Network/lab/n,');
  await source.fetch();
  expect((await read()).approvedPrunes).toEqual(
    new Set(['Agent/default/a', 'Volume/default/data', 'Network/lab/n']),
  );
  repository.push({ 'b.yaml': agentYaml('b') });
  await source.fetch();
  expect((await read()).approvedPrunes).toEqual(new Set());
});

describe('a rewritten history', () => {
  test('is not followed until somebody agrees', async () => {
    const first = repository.push({ 'a.yaml': agentYaml('a', '  layer: 1') });
    const followed = follow();
    await followed.read();
    const rewritten = repository.amend({ 'a.yaml': agentYaml('a', '  layer: 2') });
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({
      commit: { id: first },
      failure: { reason: 'HistoryRewritten', commit: rewritten },
    });
    expect(layerOf(await followed.read(), 'a')).toBe(1);
    await followed.source.fetch({ allowNonFastForward: true });
    expect(followed.status()).toMatchObject({ commit: { id: rewritten } });
    expect(layerOf(await followed.read(), 'a')).toBe(2);
  });

  test('is followed where that was asked for from the start', async () => {
    repository.push({ 'a.yaml': agentYaml('a') });
    const followed = follow({ allowNonFastForward: true });
    await followed.read();
    const rewritten = repository.amend({ 'a.yaml': agentYaml('a', '  layer: 2') });
    await followed.source.fetch();
    expect(followed.status().commit?.id).toBe(rewritten);
  });
});

describe('nothing of a repository or of the user runs a program', () => {
  test('neither hooks, nor filters, nor the user’s own configuration', async () => {
    const proof = join(repository.dir, 'proof');
    repository.push({ '.gitattributes': '*.bin filter=lfs\n', 'x.bin': 'pointer', 'a.yaml': agentYaml('a') });
    writeFileSync(
      join(repository.dir, '.gitconfig'),
      `[core]\n\tfsmonitor = "touch ${proof}"\n\tsshCommand = "touch ${proof}"\n[filter "lfs"]\n\tsmudge = "touch ${proof}; cat"\n\trequired = true\n`,
    );
    const environment = { PATH: process.env['PATH'] ?? '', HOME: repository.dir };
    const followed = follow({ environment });
    const snapshot = await followed.read();
    expect(snapshot.objects.size).toBe(1);
    expect(readFileSync(join(followed.own, 'checkouts', snapshot.commit ?? '', 'x.bin'), 'utf8')).toBe(
      'pointer',
    );
    expect(existsSync(proof)).toBe(false);
  });
});

describe('what containers mount', () => {
  const agent = (layer: number, volume = 'readOnly: true'): string =>
    agentYaml(
      'a',
      `  layer: ${layer}\n  volumes: [{name: c, hostPath: {path: ./config}}]\n  volumeMounts: [{name: c, mountPath: /c, ${volume}}]`,
    );
  const mounted = (snapshot: Snapshot): string =>
    (snapshot.objects.get('Agent/default/a') as DesiredObject).inputs.paths['./config'] ?? '';

  test('has a place of its own that only another content changes', async () => {
    repository.push({ 'agents/a.yaml': agent(1), 'agents/config/x': 'one' });
    const followed = follow();
    const first = mounted(await followed.read());
    expect(readFileSync(join(first, 'x'), 'utf8')).toBe('one');
    expect(statSync(join(first, 'x')).mode & 0o777).toBe(0o644);
    repository.push({ 'agents/a.yaml': agent(2), 'README.md': 'more' });
    await followed.source.fetch();
    const second = await followed.read();
    expect([mounted(second), layerOf(second, 'a')]).toEqual([first, 2]);
    repository.push({ 'agents/config/x': 'two' });
    await followed.source.fetch();
    const third = mounted(await followed.read());
    expect(third).not.toBe(first);
    expect([first, third].map((place) => readFileSync(join(place, 'x'), 'utf8'))).toEqual(['one', 'two']);
    await followed.source.collect((path) => path === third);
    expect([existsSync(first), existsSync(third)]).toEqual([false, true]);
  });

  test('cannot be written to', async () => {
    repository.push({ 'agents/a.yaml': agent(1, 'readOnly: false'), 'agents/config/x': 'one' });
    const { problems } = await follow().read();
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/git checkout, which nobody may write to/);
    expect(problems[0]?.position.file).toBe('agents/a.yaml');
  });

  test('is not outside of the repository', async () => {
    repository.push({ 'a.yaml': agent(1).replace('./config', '/etc') });
    const { problems } = await follow().read();
    expect(problems[0]?.reason).toBe('PathNotAllowed');
  });
});

describe('several paths', () => {
  const paths = ['base', 'hosts/box'];

  test('are merged in order: a later object replaces an earlier one of its name', async () => {
    repository.push({
      'base/agents.yaml': `${agentYaml('a', '  layer: 1')}---\n${agentYaml('b', '  layer: 1')}`,
      'hosts/box/a.yaml': agentYaml('a', '  layer: 2'),
    });
    const snapshot = await follow({ paths }).read();
    expect(snapshot.problems).toEqual([]);
    expect([layerOf(snapshot, 'a'), layerOf(snapshot, 'b')]).toEqual([2, 1]);
  });

  test('twice within one is an error all the same', async () => {
    repository.push({
      'base/1.yaml': agentYaml('a'),
      'base/2.yaml': agentYaml('a'),
      'hosts/box/b.yaml': agentYaml('b'),
    });
    const { problems, objects } = await follow({ paths }).read();
    expect(problems.map(({ reason }) => reason)).toEqual(['DuplicateName', 'DuplicateName']);
    expect([...objects.keys()]).toEqual(['Agent/default/b']);
  });

  test('an invalid replacement never lets the replaced one through', async () => {
    repository.push({
      'base/a.yaml': agentYaml('a', '  layer: 1'),
      'hosts/box/a.yaml': agentYaml('a', '  layer: lots'),
    });
    expect([...(await follow({ paths }).read()).objects.keys()]).toEqual([]);
  });

  test('while a later one has a broken file, nothing new comes from an earlier one', async () => {
    repository.push({ 'base/a.yaml': agentYaml('a'), 'hosts/box/a.yaml': 'kind: [' });
    const followed = follow({ paths });
    expect([...(await followed.read()).objects.keys()]).toEqual([]);
    expect([...(await followed.read(new Set(['Agent/default/a']))).objects.keys()]).toEqual([
      'Agent/default/a',
    ]);
  });
});

test('Secrets in plain text are told', async () => {
  repository.push({
    'a/secret.yaml': 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {x: hunter2}\n',
  });
  const followed = follow();
  expect((await followed.read()).problems).toEqual([]);
  expect(followed.status().plaintextSecrets).toEqual(['a/secret.yaml:1']);
  expect(JSON.stringify(followed.told)).not.toContain('hunter2');
  repository.push({ 'a/secret.yaml': undefined });
  await followed.source.fetch();
  await followed.read();
  expect(followed.status().plaintextSecrets).toEqual([]);
});

describe('signatures', () => {
  const sshKey = (name: string): string => {
    const file = join(repository.dir, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file, '-C', name]);
    return file;
  };
  const signWith = (key: string): readonly string[] => {
    repository.git('config', 'gpg.format', 'ssh');
    repository.git('config', 'user.signingkey', key);
    return ['-S'];
  };
  const allow = (key: string): GitSettings['verify'] => {
    const file = join(repository.dir, 'allowed');
    writeFileSync(file, `somebody@example.org ${readFileSync(`${key}.pub`, 'utf8')}`);
    return { type: 'ssh', allowedSignersFile: file };
  };

  test('by ssh: unsigned and foreign commits are never applied, the next good one is', async () => {
    const [trusted, foreign] = [sshKey('trusted'), sshKey('foreign')];
    const verify = allow(trusted);
    const good = repository.push({ 'a.yaml': agentYaml('a', '  layer: 1') }, ...signWith(trusted));
    const followed = follow({ ...(verify && { verify }) });
    await followed.read();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      verification: { type: 'ssh', signer: 'somebody@example.org' },
    });
    const unsigned = repository.push({ 'a.yaml': agentYaml('a', '  layer: 2') });
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      failure: { reason: 'Unverified', commit: unsigned, message: expect.stringContaining('no signature') },
    });
    const stranger = repository.push({ 'a.yaml': agentYaml('a', '  layer: 3') }, ...signWith(foreign));
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({ failure: { reason: 'Unverified', commit: stranger } });
    expect(layerOf(await followed.read(), 'a')).toBe(1);
    const next = repository.push({ 'a.yaml': agentYaml('a', '  layer: 0') }, ...signWith(trusted));
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({ commit: { id: next } });
    expect(followed.status().failure).toBeUndefined();
    expect(layerOf(await followed.read(), 'a')).toBe(0);
  });

  test('what an earlier run applied unsigned is not applied once signatures are asked for', async () => {
    const commit = repository.push({ 'a.yaml': agentYaml('a') });
    await follow().read();
    const verify = allow(sshKey('trusted'));
    const followed = follow({ ...(verify && { verify }) });
    const { rootError } = await followed.read();
    expect(rootError).toMatch(/Unverified: .*no signature/);
    expect(followed.status()).toMatchObject({ failure: { reason: 'Unverified', commit } });
  });

  test('by gpg: only keys of the keyring count', async () => {
    const home = join(repository.dir, 'gnupg');
    mkdirSync(home, { mode: 0o700 });
    const gpg = (...args: string[]): Buffer =>
      execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--passphrase', '', ...args], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    for (const name of ['trusted', 'foreign'])
      gpg('--quick-generate-key', `${name}@example.org`, 'ed25519', 'sign', 'never');
    const keyringFile = join(repository.dir, 'keyring.asc');
    writeFileSync(keyringFile, gpg('--armor', '--export', 'trusted@example.org'));
    const wrapper = join(repository.dir, 'gpg');
    writeFileSync(wrapper, `#!/bin/sh\nexec gpg --homedir ${home} "$@"\n`, { mode: 0o755 });
    repository.git('config', 'gpg.program', wrapper);
    const good = repository.push({ 'a.yaml': agentYaml('a') }, '-Strusted@example.org');
    const followed = follow({ verify: { type: 'gpg', keyringFile } });
    await followed.read();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      verification: { type: 'gpg', signer: expect.stringContaining('trusted@example.org') },
    });
    const stranger = repository.push({ 'b.yaml': agentYaml('b') }, '-Sforeign@example.org');
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      failure: { reason: 'Unverified', commit: stranger },
    });
    // A good signature of the other kind, by a key that nobody named.
    const key = sshKey('other');
    const ssh = repository.push({ 'c.yaml': agentYaml('c') }, ...signWith(key));
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      failure: { reason: 'Unverified', commit: ssh },
    });
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  });
});
