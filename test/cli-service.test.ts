import { describe, expect, test } from 'vitest';
import type { Ran, SystemdHost } from '../src/systemd/host.ts';
import { cli } from './fakes/cli.ts';

/** A host whose commands answer what they are told, else nothing. */
function createHost(answers: Readonly<Record<string, Partial<Ran>>> = {}) {
  const files = new Map<string, string>();
  const ran: string[] = [];
  const host: SystemdHost = {
    run: (command) => {
      const line = command.join(' ');
      ran.push(line);
      return Promise.resolve({ exitCode: 0, stdout: '', stderr: '', ...answers[line] });
    },
    read: (path) => Promise.resolve(files.get(path)),
    write: (path, text) => Promise.resolve(void files.set(path, text)),
    remove: (path) => Promise.resolve(void files.delete(path)),
  };
  const self = {
    command: ['/usr/bin/node', '/opt/rookery/bin/rookery'],
    cwd: '/work',
    user: 'me',
    uid: 1000,
  };
  const rookery = (words: readonly string[], env: Record<string, string> = {}, uid = 1000) =>
    cli(['service', ...words], {
      env,
      services: { systemd: () => Promise.resolve({ host, self: { ...self, uid } }) },
    });
  return { files, ran, rookery };
}

const UNIT = '/home/me/.config/systemd/user/rookery.service';
const execStart = (text: string): string => /^ExecStart=(.*)$/m.exec(text)?.[1] ?? '';

describe('service install', () => {
  test('carries what this shell says into the unit, with absolute paths', async () => {
    const { files, rookery } = createHost();
    const { code } = await rookery(
      ['install', '--manifests', 'm', '--root', '/srv', '--log-level', 'debug'],
      {
        ROOKERY_STATE_DIR: 'state',
      },
    );
    expect(code).toBe(0);
    expect(execStart(files.get(UNIT) ?? '')).toBe(
      '/usr/bin/node /opt/rookery/bin/rookery run --manifests /work/m --state-dir /work/state --api-socket /run/user/1000/rookery/api.sock --root /srv --log-level debug',
    );
  });

  test('carries a git source, its secrets as credentials', async () => {
    const { files, rookery } = createHost();
    const git = [
      '--git',
      'https://git.example/fleet.git',
      '--path',
      'base',
      '--path',
      'hosts/a',
      '--interval',
      '30s',
    ];
    await rookery(['install', ...git, '--git-token-file', 'token', '--allow-non-fast-forward']);
    const unit = files.get(UNIT) ?? '';
    expect(execStart(unit)).toMatch(
      /--git https:\/\/git\.example\/fleet\.git --path base --path hosts\/a --allow-non-fast-forward --interval 30s$/,
    );
    expect(execStart(unit)).not.toMatch(/token|--manifests/);
    expect(unit).toContain('\nLoadCredential=git-token:/work/token\n');
  });

  test('carries what git needs to reach it from here, and no password', async () => {
    const { files, rookery } = createHost();
    const { err } = await rookery(['install', '--git', 'https://git.example/x.git', '--git-lfs'], {
      PATH: '/bin',
      SSH_AUTH_SOCK: '/tmp/agent',
      GIT_SSL_CAINFO: '/etc/ca.pem',
      https_proxy: 'http://proxy:3128',
      HTTPS_PROXY: 'http://me:hunter2@proxy:3128',
    });
    const unit = files.get(UNIT) ?? '';
    expect(unit.match(/^Environment=.*$/gm)).toEqual([
      'Environment=https_proxy=http://proxy:3128',
      'Environment=GIT_SSL_CAINFO=/etc/ca.pem',
    ]);
    expect(execStart(unit)).toMatch(/ --git-lfs$/);
    expect(err).toContain('HTTPS_PROXY holds a password');
    expect(unit + err).not.toContain('hunter2');
  });

  test.each<[string, string[], Record<string, string>]>([
    ['an option', ['--age-identity', 'keys'], {}],
    ['a variable', [], { ROOKERY_AGE_IDENTITY: 'keys' }],
  ])('gives it the private keys that %s names, as a credential', async (_, argv, variables) => {
    const { files, rookery } = createHost();
    await rookery(['install', ...argv], variables);
    const unit = files.get(UNIT) ?? '';
    expect(unit).toMatch(/^LoadCredential=age-identity:.*\/keys$/m);
    expect(execStart(unit)).not.toContain('keys');
  });

  test.each<[string, string[], Record<string, string>]>([
    ['an option', ['--max-concurrent-rollouts', '2'], {}],
    ['a variable', [], { ROOKERY_MAX_CONCURRENT_ROLLOUTS: '2' }],
  ])('carries how many updates may be under way, by %s', async (_, argv, variables) => {
    const { files, rookery } = createHost();
    await rookery(['install', ...argv], variables);
    expect(execStart(files.get(UNIT) ?? '')).toMatch(/ --max-concurrent-rollouts 2$/);
  });

  test('gives it the sync windows, also those that a variable names', async () => {
    const window = 'allow 0 22 * * 1-5 for 8h in Europe/Berlin';
    const { files, rookery } = createHost();
    await rookery(['install', '--sync-window', window]);
    expect(execStart(files.get(UNIT) ?? '')).toContain(`--sync-window "${window}"`);
    await rookery(['install'], { ROOKERY_SYNC_WINDOW: `${window}:deny 0 12 * * * for 1h in UTC` });
    expect(execStart(files.get(UNIT) ?? '')).toContain('--sync-window "deny 0 12 * * * for 1h in UTC"');
    expect((await rookery(['install', '--sync-window', 'at night'])).err).toMatch(
      /--sync-window "at night": must be/,
    );
  });

  test('only prints with --dry-run', async () => {
    const { files, ran, rookery } = createHost();
    const { out } = await rookery(['install', '--dry-run']);
    expect(out).toContain('Type=notify');
    expect([files.size, ran]).toEqual([0, []]);
  });

  test('says what is missing where lingering is refused, and goes on', async () => {
    const { rookery, ran } = createHost({
      'loginctl enable-linger me': { exitCode: 1, stderr: 'Access denied' },
    });
    const { code, err } = await rookery(['install']);
    expect(err).toMatch(/me does not linger: .* run: sudo loginctl enable-linger me\n/);
    expect([code, ran.at(-1)]).toEqual([0, 'systemctl --user start rookery.service']);
  });

  test("fails with systemd's own words", async () => {
    const { rookery } = createHost({
      'systemctl --user start rookery.service': { exitCode: 1, stderr: 'Job failed.' },
    });
    expect(await rookery(['install'])).toMatchObject({
      code: 1,
      err: 'rookery: systemctl --user start rookery.service failed: Job failed.\n',
    });
  });

  test('of the system is for root', async () => {
    const { rookery } = createHost();
    expect((await rookery(['install', '--system'])).err).toMatch(/only root installs/);
    expect((await rookery(['install', '--system', '--user'])).err).toMatch(/exclude each other/);
    expect((await rookery(['install', '--dry-run'], {}, 0)).out).toContain('WantedBy=multi-user.target');
  });
});

test('service status tells how it is, and warns of a missing linger', async () => {
  const { rookery } = createHost({
    'systemctl --user is-active rookery.service': { stdout: 'active\n' },
    'systemctl --user is-enabled rookery.service': { stdout: 'enabled\n' },
    'systemctl --user show rookery.service --property=ActiveState,SubState,StatusText,MainPID,NRestarts,MemoryCurrent,CPUUsageNSec':
      {
        stdout:
          'ActiveState=active\nSubState=running\nStatusText=1/2 healthy\nMainPID=7\nNRestarts=1\nMemoryCurrent=61000000\nCPUUsageNSec=1500000000\n',
      },
  });
  expect((await rookery(['status'])).err).toMatch(/is not there; make it with: rookery service install/);
  await rookery(['install']);
  const { code, out, err } = await rookery(['status']);
  expect(out.split('\n')).toEqual([
    'Service   active (running), starts at boot',
    'Status    1/2 healthy',
    'Process   7, started again 1 times',
    'Use       61.0 MB of memory, 1.5 s of CPU',
    'Socket    podman.socket is not active',
    '',
  ]);
  expect(err).toMatch(/^rookery: me does not linger/);
  expect(code).toBe(0);
});

test('service uninstall takes it away again', async () => {
  const { files, rookery } = createHost();
  await rookery(['install']);
  expect((await rookery(['uninstall', '--dry-run'])).out).toMatch(/to do: removed/);
  expect(files.size).toBe(1);
  await rookery(['uninstall']);
  expect(files.size).toBe(0);
});
