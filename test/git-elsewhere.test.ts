import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newsOf } from '../src/announce.ts';
import { sourceLines } from '../src/cli/source-lines.ts';
import type { GitSettings } from '../src/source/git/settings.ts';
import type { DesiredObject, Snapshot } from '../src/state/desired.ts';
import { type FollowedGit, followGit } from './fakes/followed-git.ts';
import { createGitRepository, type GitRepository } from './fakes/git-repository.ts';
import { agentYaml } from './fakes/manifest-tree.ts';

let repository: GitRepository;
const repositories: GitRepository[] = [];
const sources: FollowedGit[] = [];
beforeEach(() => {
  repository = another();
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  for (const one of repositories.splice(0)) one.dispose();
});

function another(): GitRepository {
  const made = createGitRepository();
  repositories.push(made);
  return made;
}

function follow(more: Partial<GitSettings>): FollowedGit {
  const followed = followGit(repository, more);
  sources.push(followed);
  return followed;
}

const addSubmodule = (to: GitRepository, url: string, path: string): string =>
  to.git('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', url, path);

const mounting = (path: string, layer = 1): string =>
  agentYaml(
    'a',
    `  layer: ${layer}\n  volumes: [{name: c, hostPath: {path: ${path}}}]\n  volumeMounts: [{name: c, mountPath: /c, readOnly: true}]`,
  );
const agentOf = (snapshot: Snapshot): DesiredObject | undefined => snapshot.objects.get('Agent/default/a');
const mounted = (snapshot: Snapshot): string => Object.values(agentOf(snapshot)?.inputs.paths ?? {})[0] ?? '';
const checkedOut = ({ own, status }: FollowedGit, path: string): string =>
  join(own, 'checkouts', status().commit?.id ?? '', path);
const words = (snapshot: Snapshot): string[] => snapshot.problems.map(({ message }) => message);

describe('submodules', () => {
  let library: GitRepository;
  beforeEach(() => {
    library = another();
    library.push({ 'config/x': 'one' });
  });
  const pushPinned = (files: Record<string, string> = {}): string => {
    addSubmodule(repository, library.remote, 'lib');
    return repository.push({ 'a.yaml': mounting('./lib/config'), ...files });
  };
  /** Pins the newest commit of the library. */
  const bump = (): string => {
    execFileSync('git', ['-C', join(repository.work, 'lib'), 'pull', '--quiet', 'origin', 'main'], {
      env: { PATH: process.env['PATH'], HOME: repository.dir, GIT_CONFIG_NOSYSTEM: '1' },
    });
    return repository.push({});
  };

  test('are not followed unless asked, and that is told', async () => {
    pushPinned({ 'b.yaml': agentYaml('b') });
    const followed = follow({});
    const snapshot = await followed.read();
    expect([...snapshot.objects.keys()]).toEqual(['Agent/default/b']);
    expect(snapshot.problems[0]?.message).toContain('does not exist');
    const sentence = 'submodules lib are left as empty directories; to check them out: --git-submodules';
    const status = followed.status();
    expect(status).toMatchObject({ placeholders: [sentence] });
    expect(newsOf(undefined, status)).toContainEqual({
      type: 'Warning',
      reason: 'NotCheckedOut',
      message: sentence,
    });
    expect(newsOf(status, status)).toEqual([]);
    expect(sourceLines(status, Date.now())).toContainEqual(['Warning', sentence]);
    expect(existsSync(join(followed.own, 'modules'))).toBe(false);
  });

  test.each([
    ['./lib', 'it is a'],
    ['.', 'it holds "lib", a'],
  ])('that are not there are mounted by nobody: %s', async (path, said) => {
    pushPinned({ 'a.yaml': mounting(path) });
    expect(words(await follow({}).read())[0]).toContain(
      `${said} submodule that is not checked out; run with --git-submodules`,
    );
  });

  test('are checked out at the commit that is named, and moved by a commit', async () => {
    pushPinned();
    library.push({ 'config/x': 'two' });
    const followed = follow({ submodules: true });
    const first = await followed.read();
    expect(first.problems).toEqual([]);
    expect(readFileSync(join(mounted(first), 'x'), 'utf8')).toBe('one');
    expect(followed.status().placeholders).toEqual([]);
    bump();
    await followed.source.fetch();
    const second = mounted(await followed.read());
    expect(readFileSync(join(second, 'x'), 'utf8')).toBe('two');
    expect(second).not.toBe(mounted(first));
  });

  test('of submodules too, by addresses relative to their parent', async () => {
    const inner = another();
    inner.push({ y: 'deep' });
    symlinkSync(inner.remote, join(library.dir, 'inner.git'));
    library.git('config', '--file', '.gitmodules', 'submodule.i.path', 'in');
    library.git('config', '--file', '.gitmodules', 'submodule.i.url', '../inner.git');
    library.git('clone', '--quiet', inner.remote, 'in');
    library.push({});
    pushPinned({ 'a.yaml': mounting('./lib/in') });
    const snapshot = await follow({ submodules: true }).read();
    expect(snapshot.problems).toEqual([]);
    expect(readFileSync(join(mounted(snapshot), 'y'), 'utf8')).toBe('deep');
  });

  test('a mount is named by its content, not by the commit that it came with', async () => {
    pushPinned();
    const followed = follow({ submodules: true });
    const first = mounted(await followed.read());
    library.push({ README: 'more' });
    bump();
    await followed.source.fetch();
    expect(mounted(await followed.read())).toBe(first);
    repository.push({ 'a.yaml': mounting('./lib') });
    await followed.source.fetch();
    const whole = mounted(await followed.read());
    expect(readdirSync(whole).sort()).toEqual(['README', 'config']);
  });

  test('what was applied goes on over a restart while every remote is away', async () => {
    const commit = pushPinned();
    const before = mounted(await follow({ submodules: true }).read());
    for (const { remote } of [repository, library]) renameSync(remote, `${remote}.away`);
    const restarted = follow({ submodules: true });
    const snapshot = await restarted.read();
    expect(snapshot).toMatchObject({ complete: true, commit });
    expect(mounted(snapshot)).toBe(before);
  });

  test('one that cannot be had keeps the new commit away, whole, until it can', async () => {
    const good = repository.push({ 'a.yaml': agentYaml('a', '  layer: 1') });
    const followed = follow({ submodules: true });
    await followed.read();
    const head = pushPinned();
    renameSync(library.remote, `${library.remote}.away`);
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      failure: {
        reason: 'FetchFailed',
        commit: head,
        message: expect.stringMatching(
          /^submodule lib \(.*remote\.git\): .*not appear to be a git repository/,
        ),
      },
    });
    expect(agentOf(await followed.read())?.manifest).toMatchObject({ spec: { layer: 1 } });
    renameSync(`${library.remote}.away`, library.remote);
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({ commit: { id: head } });
    expect(followed.status().failure).toBeUndefined();
  });

  test('a commit that was never pushed is told as such', async () => {
    pushPinned();
    library.amend({ 'config/x': 'rewritten' });
    library.git('--git-dir', library.remote, 'gc', '--quiet', '--prune=now');
    const followed = follow({ submodules: true });
    await followed.read();
    expect(followed.status().failure).toMatchObject({
      reason: 'FetchFailed',
      message: expect.stringMatching(/it does not have the commit [0-9a-f]{40}.*was it pushed/),
    });
  });

  test('are not asked for by a commit that is not signed', async () => {
    pushPinned();
    writeFileSync(join(repository.dir, 'allowed'), '');
    const verify = { type: 'ssh' as const, allowedSignersFile: join(repository.dir, 'allowed') };
    const followed = follow({ submodules: true, verify });
    await followed.read();
    expect(followed.status().failure).toMatchObject({ reason: 'Unverified' });
    expect(existsSync(join(followed.own, 'modules'))).toBe(false);
  });

  test('their repositories go when nothing is made of them any more', async () => {
    pushPinned();
    const followed = follow({ submodules: true });
    await followed.read();
    expect(readdirSync(join(followed.own, 'modules'))).toHaveLength(1);
    await followed.source.collect(() => true);
    expect(readdirSync(join(followed.own, 'modules'))).toHaveLength(1);
    repository.git('rm', '--quiet', '--force', 'lib');
    repository.push({ 'a.yaml': agentYaml('a') });
    await sources.pop()?.close();
    const restarted = follow({ submodules: true });
    await restarted.read();
    await restarted.source.collect(() => true);
    expect(readdirSync(join(followed.own, 'modules'))).toEqual([]);
  });

  test('as deep as four, and no deeper', async () => {
    let inner = library;
    for (let depth = 0; depth < 4; depth += 1) {
      const outer = another();
      addSubmodule(outer, inner.remote, 'in');
      outer.push({});
      inner = outer;
    }
    addSubmodule(repository, inner.remote, 'in');
    repository.push({});
    const followed = follow({ submodules: true });
    await followed.read();
    expect(followed.status().failure).toMatchObject({
      reason: 'CheckoutFailed',
      message: expect.stringContaining('submodule in/in/in/in/in is more than 4 submodules deep'),
    });
  });

  describe('nothing is written elsewhere', () => {
    const outside = (): string => join(repository.dir, 'outside');
    const object = (kind: string, content: Buffer | string): string =>
      execFileSync('git', ['hash-object', '-t', kind, '-w', '--literally', '--stdin'], {
        cwd: repository.work,
        input: content,
        encoding: 'utf8',
      }).trim();
    const entry = (mode: string, name: string, id: string): Buffer =>
      Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]);
    /** A tree as git itself would not make it. */
    const pushTree = (...entries: Buffer[]): void => {
      const commit = repository.git('commit-tree', '-m', 'evil', object('tree', Buffer.concat(entries)));
      repository.git('push', '--quiet', 'origin', `${commit}:refs/heads/main`);
    };
    const modules = (...paths: string[]): string =>
      object(
        'blob',
        paths.map((path, n) => `[submodule "${n}"]\npath = ${path}\nurl = ${library.remote}\n`).join(''),
      );
    const failure = async (): Promise<string | undefined> => {
      const followed = follow({ submodules: true });
      await followed.read();
      return followed.status().failure?.message;
    };

    test('by a link of one submodule where another belongs', async () => {
      mkdirSync(outside());
      symlinkSync(outside(), join(library.work, 'link'));
      const id = library.push({});
      pushTree(
        entry('100644', '.gitmodules', modules('lib', 'lib/link')),
        entry('40000', 'lib', object('tree', entry('160000', 'link', id))),
        entry('160000', 'lib', id),
      );
      expect(await failure()).toContain('"lib/link" of the commit is no directory of its own');
      expect(readdirSync(outside())).toEqual([]);
    });

    test('by a path that leads out', async () => {
      const id = library.git('rev-parse', 'HEAD');
      pushTree(entry('160000', '..', id), entry('100644', '.gitmodules', modules('..')));
      expect(await failure()).toMatch(/invalid path '\.\.'|no directory of its own/);
    });
  });
});

const lfsVersion = (() => {
  try {
    return execFileSync('git', ['lfs', 'version'], { encoding: 'utf8', stdio: 'pipe' });
  } catch {
    console.log('left out without git-lfs: large files of a repository');
    return undefined;
  }
})();

// The program git-lfs is what is tried: `npm test` installs it, and without it this is told above.
describe.runIf(lfsVersion)('files in git LFS', () => {
  const LARGE = `${'model '.repeat(40_000)}\n`;
  const pushLarge = (files: Record<string, string> = {}): string => {
    repository.git('lfs', 'install', '--local');
    const commit = repository.push({
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'models/a.bin': LARGE,
      'a.yaml': mounting('./models'),
      ...files,
    });
    return commit;
  };
  const objects = (followed: FollowedGit): string => join(followed.own, 'repository.git', 'lfs', 'objects');
  const files = (directory: string): string[] =>
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));

  test('stay pointers unless asked: told, and mounted by nobody', async () => {
    pushLarge({ 'b.yaml': agentYaml('b') });
    const followed = follow({});
    const snapshot = await followed.read();
    expect([...snapshot.objects.keys()]).toEqual(['Agent/default/b']);
    expect(words(snapshot)).toEqual([
      expect.stringContaining(
        'it holds "models/a.bin", only a pointer to a file in git LFS; run with --git-lfs',
      ),
    ]);
    expect(followed.status().placeholders).toEqual([
      'LFS files models/a.bin are left as pointers; to fetch them: --git-lfs',
    ]);
    expect(readFileSync(checkedOut(followed, 'models/a.bin'), 'utf8')).toContain('oid sha256:');
  });

  test('are fetched, once, and go on over a restart while the remote is away', async () => {
    pushLarge();
    const followed = follow({ lfs: true });
    const first = await followed.read();
    expect([first.problems, followed.status().placeholders]).toEqual([[], []]);
    expect(readFileSync(join(mounted(first), 'a.bin'), 'utf8')).toBe(LARGE);
    renameSync(repository.remote, `${repository.remote}.away`);
    const restarted = follow({ lfs: true });
    expect(mounted(await restarted.read())).toBe(mounted(first));
    expect(readFileSync(checkedOut(restarted, 'models/a.bin'), 'utf8')).toBe(LARGE);
  });

  test('a copy that an earlier run made of the pointer is not taken for the file', async () => {
    pushLarge();
    const tree = repository.git('rev-parse', 'HEAD:models');
    const followed = follow({ lfs: true });
    mkdirSync(join(followed.own, 'mounts', tree), { recursive: true });
    writeFileSync(join(followed.own, 'mounts', tree, 'a.bin'), 'a pointer');
    expect(readFileSync(join(mounted(await followed.read()), 'a.bin'), 'utf8')).toBe(LARGE);
  });

  test('one by itself, with its mode', async () => {
    pushLarge({ 'a.yaml': mounting('./models/a.bin') });
    repository.git('update-index', '--chmod=+x', 'models/a.bin');
    repository.git('commit', '--quiet', '-m', 'executable');
    repository.git('push', '--quiet', 'origin', 'HEAD:main');
    const place = mounted(await follow({ lfs: true }).read());
    expect([readFileSync(place, 'utf8'), statSync(place).mode & 0o777]).toEqual([LARGE, 0o755]);
  });

  test('of a submodule, from where the submodule is', async () => {
    const library = another();
    library.git('lfs', 'install', '--local');
    library.push({ '.gitattributes': '*.bin filter=lfs -text\n', 'm.bin': LARGE });
    addSubmodule(repository, library.remote, 'lib');
    repository.push({ 'a.yaml': mounting('./lib') });
    const snapshot = await follow({ submodules: true, lfs: true }).read();
    expect(snapshot.problems).toEqual([]);
    expect(readFileSync(join(mounted(snapshot), 'm.bin'), 'utf8')).toBe(LARGE);
  });

  test('without git-lfs the new commit is refused in words, and the last good one runs', async () => {
    const good = repository.push({ 'a.yaml': agentYaml('a', '  layer: 1') });
    const bin = join(repository.dir, 'bin');
    mkdirSync(bin);
    symlinkSync(execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim(), join(bin, 'git'));
    const followed = follow({ lfs: true, environment: { PATH: bin } });
    await followed.read();
    const head = pushLarge();
    await followed.source.fetch();
    expect(followed.status()).toMatchObject({
      commit: { id: good },
      failure: {
        reason: 'CheckoutFailed',
        commit: head,
        message: expect.stringMatching(
          /git-lfs is not installed on this host: install it .* or leave out --git-lfs/,
        ),
      },
    });
    expect(agentOf(await followed.read())?.manifest).toMatchObject({ spec: { layer: 1 } });
  });

  test('too large to be fetched are not, whatever they claim', async () => {
    const size = 3 * 2 ** 30;
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize ${size}\n`;
    repository.push({ 'm.bin': pointer });
    const followed = follow({ lfs: true });
    await followed.read();
    expect(followed.status().failure).toMatchObject({
      reason: 'CheckoutFailed',
      message: expect.stringContaining('3073 MB of files, and 2048 is the most'),
    });
  });

  test('one that the remote does not have keeps the new commit away until it has', async () => {
    const head = pushLarge();
    const store = join(repository.remote, 'lfs');
    renameSync(store, `${store}.away`);
    const followed = follow({ lfs: true });
    await followed.read();
    expect(followed.status().failure).toMatchObject({
      reason: 'FetchFailed',
      message: expect.stringMatching(/^LFS files of .*remote\.git: .*[0-9a-f]{64}/),
    });
    rmSync(store, { recursive: true });
    renameSync(`${store}.away`, store);
    await followed.source.fetch();
    expect(followed.status().commit?.id).toBe(head);
  });

  test('damaged on our disk: not applied, and fetched again', async () => {
    pushLarge();
    const before = follow({ lfs: true });
    await before.read();
    await sources.pop()?.close();
    const [object = ''] = files(objects(before));
    rmSync(object);
    writeFileSync(object, LARGE.replace('model', 'MODEL'));
    const followed = follow({ lfs: true });
    await followed.read();
    expect(followed.status().failure?.message).toMatch(/models\/a\.bin was damaged on this disk/);
    await followed.source.fetch();
    expect(followed.status().failure).toBeUndefined();
    expect(readFileSync(checkedOut(followed, 'models/a.bin'), 'utf8')).toBe(LARGE);
  });

  test('go from our disk with the last checkout that has them', async () => {
    pushLarge();
    const followed = follow({ lfs: true });
    await followed.read();
    await followed.source.collect(() => true);
    expect(files(objects(followed))).toHaveLength(1);
    repository.push({ 'models/a.bin': undefined, 'a.yaml': agentYaml('a') });
    await sources.pop()?.close();
    const restarted = follow({ lfs: true });
    await restarted.read();
    await restarted.source.collect(() => true);
    expect(files(objects(followed))).toEqual([]);
  });

  test('are asked for where .lfsconfig says, by the rules for what a repository names', async () => {
    // Of the one who pushes alone; the file counts for everybody else.
    repository.git('config', 'lfs.url', `file://${repository.remote}`);
    pushLarge({ '.lfsconfig': '[lfs]\nurl = https://me:canary@h/lfs\n' });
    const followed = follow({ lfs: true });
    await followed.read();
    const { message } = followed.status().failure ?? {};
    expect(message).toMatch(/^lfs\.url of \.lfsconfig: must not hold a password/);
    expect(message).not.toContain('canary');
    repository.push({ '.lfsconfig': `[lfs]\nurl = file://${repository.remote}\n` });
    await followed.source.fetch();
    expect(followed.status().failure).toBeUndefined();
  });
});
