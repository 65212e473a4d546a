import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Host, resolveConfig } from '../src/config.ts';
import { examine } from '../src/doctor/examine.ts';
import { judgeLookup, judgeRemote } from '../src/doctor/judge-source.ts';
import type { Finding, Verdict } from '../src/doctor/verdict.ts';
import { sourceChecks } from '../src/examine-source.ts';
import { newIdentity } from '../src/source/secrets/age.ts';
import { createGitRepository, type GitRepository } from './fakes/git-repository.ts';
import { agentYaml } from './fakes/manifest-tree.ts';

const USER: Host = {
  uid: 1000,
  home: '/',
  cwd: '/',
  userRuntimeDir: '/run/user/1000',
  isTerminal: false,
  exists: () => false,
};

const remote = { url: 'git@h:fleet.git', branch: 'main', protocol: 'ssh' };

const TABLE: readonly (readonly [string, Verdict, Verdict['level'], RegExp])[] = [
  ['a branch', judgeRemote({ ...remote, commit: 'c0ffee0123456789' }), 'OK', /main is at c0ffee012345$/m],
  ['no branch', judgeRemote(remote), 'FAIL', /has no branch main\ngit push .* --branch/],
  [
    'a host key that nobody knows',
    judgeRemote({ ...remote, error: 'Host key verification failed.' }),
    'FAIL',
    /ssh-keyscan h >>KNOWN_HOSTS, compare/,
  ],
  [
    'a key that is not let in',
    judgeRemote({ ...remote, error: 'Permission denied' }),
    'FAIL',
    /--ssh-key FILE/,
  ],
  [
    'no token',
    judgeRemote({ ...remote, protocol: 'https', error: 'could not read Username' }),
    'FAIL',
    /--git-token-file FILE/,
  ],
  [
    'a certificate of their own',
    judgeRemote({ ...remote, protocol: 'https', error: 'server certificate verification failed' }),
    'FAIL',
    /GIT_SSL_CAINFO/,
  ],
  ['a quick answer', judgeLookup({ type: 'Found', image: 'a:1', tookMs: 300 }), 'OK', /a:1, 300 ms/],
  [
    'a slow one',
    judgeLookup({ type: 'Found', image: 'a:1', tookMs: 6_000 }),
    'WARN',
    /6000 ms.*network reload/s,
  ],
  [
    'none',
    judgeLookup({ type: 'NotFound', image: 'a:1', output: "can't resolve" }),
    'FAIL',
    /can't resolve\n.*port 53/,
  ],
  [
    'nothing to look with',
    judgeLookup({ type: 'LeftOut', why: 'there is no image' }),
    'OK',
    /left out: there/,
  ],
];

test.each(TABLE)('%s', (_, verdict, level, says) => {
  expect(verdict.level).toBe(level);
  expect([verdict.message, 'fix' in verdict ? verdict.fix : ''].join('\n')).toMatch(says);
});

describe('where the manifests come from', () => {
  let repository: GitRepository;
  beforeEach(() => {
    repository = createGitRepository();
    repository.push({ 'a.yaml': agentYaml('a') });
  });
  afterEach(() => repository.dispose());

  const file = (name: string, text: string, mode = 0o600): string => {
    const path = join(repository.dir, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const findings = async (flags: object): Promise<Record<string, Finding>> => {
    const env = { PATH: process.env['PATH'] ?? '' };
    const config = resolveConfig({ git: repository.remote, ...flags }, env, {
      ...USER,
      home: repository.dir,
      cwd: repository.dir,
    });
    return Object.fromEntries((await examine(sourceChecks(config))).map((one) => [one.check, one]));
  };

  test('can be had, with every file that it needs', async () => {
    const identity = file('identity', `${await newIdentity()}\n`);
    const found = await findings({
      verify: 'ssh',
      allowedSigners: file('signers', 'ann@example.org ssh-ed25519 AAAA\n', 0o644),
      sshKey: file('key', 'x'),
      ageIdentity: identity,
    });
    expect(Object.entries(found).map(([name, { level }]) => `${name} ${level}`)).toEqual([
      'git OK',
      'ssh-key OK',
      'allowed-signers OK',
      'age-identity OK',
    ]);
    expect(found['git']?.message).toContain(repository.git('rev-parse', 'HEAD').slice(0, 12));
  });

  test('cannot, and every finding says what to do', async () => {
    const found = await findings({
      git: join(repository.dir, 'nowhere.git'),
      verify: 'ssh',
      allowedSigners: file('signers', '# nobody yet\n'),
      sshKey: file('key', 'x', 0o644),
      knownHosts: join(repository.dir, 'nowhere'),
      ageIdentity: file('identity', `${await newIdentity()}\n`, 0o640),
    });
    expect(found).toMatchObject({
      git: { level: 'FAIL', message: expect.stringContaining('nowhere.git') },
      'ssh-key': { level: 'WARN', fix: `chmod 600 ${join(repository.dir, 'key')}` },
      'known-hosts': { level: 'FAIL', message: expect.stringContaining('does not exist') },
      'allowed-signers': { level: 'FAIL', fix: expect.stringContaining('>> ') },
      'age-identity': { level: 'FAIL', fix: `chmod 600 ${join(repository.dir, 'identity')}` },
    });
    expect(await findings({ ageIdentity: file('identity', 'no key\n') })).toMatchObject({
      'age-identity': { level: 'FAIL', fix: expect.stringContaining('rookery secrets keygen') },
    });
  });

  test('is not asked about where it is a directory', async () => {
    expect(await findings({ git: undefined })).toEqual({});
  });
});
