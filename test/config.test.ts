import { describe, expect, test } from 'vitest';
import {
  type Config,
  type Environment,
  type Flags,
  type Host,
  loadConfig,
  resolveConfig,
} from '../src/config.ts';

const user: Host = {
  uid: 1000,
  home: '/home/me',
  cwd: '/work',
  isTerminal: false,
  userRuntimeDir: '/run/user/1000',
  exists: () => false,
};
const root: Host = { ...user, uid: 0, home: '/root', userRuntimeDir: '/run/user/0' };

const cases: [string, Flags, Environment, Host, Partial<Config>][] = [
  [
    'nothing said, root',
    {},
    {},
    root,
    {
      podmanSockets: ['/run/podman/podman.sock', '/run/rookery/podman.sock'],
      apiSocketPath: '/run/rookery/api.sock',
      manifestsDir: '/work/manifests',
      stateDir: '/var/lib/rookery',
      namespace: 'default',
      roots: [],
      colour: false,
      logLevel: 'info',
      logFormat: 'json',
      maxConcurrentRollouts: 4,
    },
  ],
  [
    'how many updates at once',
    { maxConcurrentRollouts: '8' },
    { ROOKERY_MAX_CONCURRENT_ROLLOUTS: '2' },
    user,
    { maxConcurrentRollouts: 8 },
  ],
  [
    'nothing said, an ordinary user',
    {},
    {},
    user,
    {
      podmanSockets: ['/run/user/1000/podman/podman.sock', '/run/user/1000/rookery/podman.sock'],
      apiSocketPath: '/run/user/1000/rookery/api.sock',
      stateDir: '/home/me/.local/state/rookery',
    },
  ],
  [
    'no login session',
    {},
    {},
    { ...user, userRuntimeDir: '/tmp/podman-run-1000' },
    { apiSocketPath: '/tmp/podman-run-1000/rookery/api.sock' },
  ],
  [
    'XDG directories',
    {},
    { XDG_RUNTIME_DIR: '/x/run', XDG_STATE_HOME: '/x/state' },
    user,
    {
      podmanSockets: ['/x/run/podman/podman.sock', '/x/run/rookery/podman.sock'],
      apiSocketPath: '/x/run/rookery/api.sock',
      stateDir: '/x/state/rookery',
    },
  ],
  [
    'XDG directories of root: ours follow, Podman’s socket does not',
    {},
    { XDG_RUNTIME_DIR: '/run/user/0', XDG_STATE_HOME: '/root/state' },
    root,
    {
      podmanSockets: ['/run/podman/podman.sock', '/run/rookery/podman.sock'],
      apiSocketPath: '/run/user/0/rookery/api.sock',
      stateDir: '/root/state/rookery',
    },
  ],
  [
    'relative or empty XDG directories are ignored',
    {},
    { XDG_RUNTIME_DIR: 'run', XDG_STATE_HOME: '' },
    root,
    { apiSocketPath: '/run/rookery/api.sock', stateDir: '/var/lib/rookery' },
  ],
  ['CONTAINER_HOST', {}, { CONTAINER_HOST: 'unix:///c.sock' }, user, { podmanSockets: ['/c.sock'] }],
  [
    'ROOKERY_SOCKET before CONTAINER_HOST',
    {},
    { CONTAINER_HOST: 'unix:///c.sock', ROOKERY_SOCKET: '/r.sock' },
    user,
    { podmanSockets: ['/r.sock'] },
  ],
  [
    'an empty variable is none',
    {},
    { CONTAINER_HOST: 'unix:///c.sock', ROOKERY_SOCKET: '', ROOKERY_NAMESPACE: '' },
    user,
    { podmanSockets: ['/c.sock'], namespace: 'default' },
  ],
  [
    'variables, relative to where we are',
    {},
    {
      ROOKERY_API_SOCKET: 'api.sock',
      ROOKERY_MANIFESTS: 'm',
      ROOKERY_STATE_DIR: './s',
      ROOKERY_NAMESPACE: 'ai-system',
      ROOKERY_ROOT: '/a:b:',
      ROOKERY_LOG_LEVEL: 'debug',
      ROOKERY_LOG_FORMAT: 'human',
    },
    user,
    {
      apiSocketPath: '/work/api.sock',
      manifestsDir: '/work/m',
      stateDir: '/work/s',
      namespace: 'ai-system',
      roots: ['/a', '/work/b'],
      logLevel: 'debug',
      logFormat: 'human',
    },
  ],
  [
    'flags before variables',
    {
      socket: 'f.sock',
      apiSocket: '/f/api.sock',
      manifests: '/f/m',
      stateDir: '/f/s',
      namespace: 'f',
      root: ['/f', 'g'],
      logLevel: 'warn',
      logFormat: 'json',
    },
    {
      ROOKERY_SOCKET: '/e',
      ROOKERY_API_SOCKET: '/e',
      ROOKERY_MANIFESTS: '/e',
      ROOKERY_STATE_DIR: '/e',
      ROOKERY_NAMESPACE: 'e',
      ROOKERY_ROOT: '/e',
      ROOKERY_LOG_LEVEL: 'error',
      ROOKERY_LOG_FORMAT: 'human',
    },
    user,
    {
      podmanSockets: ['/work/f.sock'],
      apiSocketPath: '/f/api.sock',
      manifestsDir: '/f/m',
      stateDir: '/f/s',
      namespace: 'f',
      roots: ['/f', '/work/g'],
      logLevel: 'warn',
      logFormat: 'json',
    },
  ],
  ['a terminal', {}, {}, { ...user, isTerminal: true }, { colour: true, logFormat: 'human' }],
];

test.each(cases)('%s', (_what, flags, env, host, expected) => {
  expect(resolveConfig(flags, env, host)).toMatchObject(expected);
});

test.each<[Environment, boolean, boolean]>([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, true, false],
  [{ TERM: 'dumb' }, true, false],
])('colour: %o on a terminal %o is %o', (env, isTerminal, colour) => {
  expect(resolveConfig({}, env, { ...user, isTerminal }).colour).toBe(colour);
});

describe('bad values', () => {
  const problem = (flags: Flags, env: Environment = {}): string => {
    try {
      resolveConfig(flags, env, user);
      return '';
    } catch (error) {
      return String(error);
    }
  };

  test.each<[Flags, Environment, string]>([
    [{ socket: 'tcp://host:1' }, {}, '--socket "tcp://host:1": tcp is not supported'],
    [
      {},
      { CONTAINER_HOST: 'ssh://me@host/run/podman.sock' },
      'CONTAINER_HOST "ssh://me@host/run/podman.sock": ssh',
    ],
    [{ namespace: 'Not_A_Label' }, {}, '--namespace "Not_A_Label": must be an RFC 1123 label'],
    [{}, { ROOKERY_LOG_LEVEL: 'loud' }, 'ROOKERY_LOG_LEVEL "loud": must be one of debug, info, warn, error'],
    [
      { maxConcurrentRollouts: '0' },
      {},
      '--max-concurrent-rollouts "0": must be a whole number from 1 to 1000',
    ],
    [{}, { ROOKERY_MAX_CONCURRENT_ROLLOUTS: 'many' }, 'must be a whole number'],
    [{ logFormat: 'xml' }, {}, '--log-format "xml": must be one of human, json'],
    [{ manifests: '' }, {}, '--manifests "": must not be empty'],
    [{ apiSocket: `/${'é'.repeat(54)}` }, {}, 'has at most 107 bytes, this has 109'],
  ])('%o %o', (flags, env, words) => {
    expect(problem(flags, env)).toContain(words);
  });

  test('all are told at once', () => {
    expect(problem({ namespace: 'X', logLevel: 'y' }).split('\n')).toHaveLength(2);
  });

  test('a path of 107 bytes is still one', () => {
    expect(problem({ apiSocket: `/${'a'.repeat(106)}` })).toBe('');
  });
});

test('the environment of this process resolves', () => {
  expect(loadConfig({ namespace: 'x' }).namespace).toBe('x');
});

describe('a git source', () => {
  const url = 'https://git.example.org/me/fleet.git';

  test('has defaults for everything but the address', () => {
    expect(
      resolveConfig({ git: url }, { PATH: '/bin', SECRET: 'x', HTTPS_PROXY: 'http://p' }, user).git,
    ).toEqual({
      url: { text: url, protocol: 'https' },
      branch: 'main',
      paths: [''],
      intervalMs: 60_000,
      allowNonFastForward: false,
      submodules: false,
      lfs: false,
      environment: { PATH: '/bin', HTTPS_PROXY: 'http://p' },
    });
  });

  test('takes flags before variables, and files from systemd where none is named', () => {
    const env = {
      ROOKERY_GIT: 'git@example.org:me/fleet.git',
      ROOKERY_BRANCH: 'live',
      ROOKERY_PATH: 'base:hosts/box',
      ROOKERY_INTERVAL: '5m',
      ROOKERY_VERIFY: 'ssh',
      ROOKERY_KNOWN_HOSTS: 'hosts',
      ROOKERY_GIT_SUBMODULES: 'true',
      CREDENTIALS_DIRECTORY: '/run/credentials/rookery.service',
    };
    const host = { ...user, exists: (path: string) => /\/(ssh-key|allowed-signers)$/.test(path) };
    expect(resolveConfig({ branch: 'main', gitLfs: true }, env, host).git).toMatchObject({
      url: { text: 'git@example.org:me/fleet.git', protocol: 'ssh' },
      branch: 'main',
      paths: ['base', 'hosts/box'],
      intervalMs: 300_000,
      verify: { type: 'ssh', allowedSignersFile: '/run/credentials/rookery.service/allowed-signers' },
      sshKeyFile: '/run/credentials/rookery.service/ssh-key',
      knownHostsFile: '/work/hosts',
      submodules: true,
      lfs: true,
    });
  });

  test.each<[Flags, Environment, string]>([
    [
      { git: 'https://me:hunter2@example.org/x' },
      {},
      '--git "https://…@example.org/x": must not hold a password',
    ],
    [{ git: 'ext::sh -c id' }, {}, 'must not hold spaces'],
    [{ git: 'ext::id' }, {}, 'must be an https, ssh or file address'],
    [{ git: 'ssh://-oProxyCommand=id/x' }, {}, 'must not start with a dash'],
    [{ git: '--upload-pack=id' }, {}, 'must be an https, ssh or file address'],
    [{ git: url, branch: '-d' }, {}, 'must be the name of a branch'],
    [{ git: url, branch: 'a..b' }, {}, 'must be the name of a branch'],
    [{ git: url, path: ['../x'] }, {}, '--path "../x": must be a directory within the repository'],
    [{ git: url, path: ['/x'] }, {}, '--path "/x": must be a directory within the repository'],
    [{ git: url, interval: '10ms' }, {}, '--interval "10ms": must be a duration from 1s to 1d'],
    [{ git: url, verify: 'ssh' }, {}, '--verify ssh: say whom to trust, with --allowed-signers FILE'],
    [{ git: url, verify: 'x509' }, {}, '--verify "x509": must be one of ssh, gpg'],
    [{ git: url, manifests: 'm' }, {}, 'one controller has one source'],
    [{ git: 'http://h/x', gitTokenFile: 't' }, {}, 'a token is sent over https alone'],
  ])('%o %o', (flags, env, words) => {
    expect(() => resolveConfig(flags, env, user)).toThrow(words);
  });
});
