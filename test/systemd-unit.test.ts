import { describe, expect, test } from 'vitest';
import {
  type InstallationFacts,
  installSteps,
  type Place,
  type Step,
  uninstallSteps,
} from '../src/systemd/installation.ts';
import { assignments, type Notification } from '../src/systemd/notify.ts';
import { enabledBy, quoted, unitText } from '../src/systemd/unit.ts';

const user: Place = { scope: 'user', user: 'me', unitPath: '/home/me/.config/systemd/user/rookery.service' };
const system: Place = { scope: 'system', user: 'root', unitPath: '/etc/systemd/system/rookery.service' };
const options = {
  command: ['/usr/bin/node', '/opt/rookery', 'run'],
  credentials: [],
  environment: {},
  writes: ['/var/lib/rookery'],
};
const nothing: InstallationFacts = {
  socket: { enabled: false, active: false },
  service: { enabled: false, active: false },
  linger: false,
};
const on = { enabled: true, active: true };
const written = (facts: InstallationFacts, place = user): string => {
  const [step] = installSteps(place, facts, options);
  return step?.type === 'Write' ? step.text : expect.fail('no unit was written');
};
const brief = (steps: readonly Step[]): string[] =>
  steps.map((step) => {
    if (step.type === 'Run' || step.type === 'Try') return `${step.type}: ${step.command.join(' ')}`;
    return step.type === 'Nothing' ? step.type : `${step.type}: ${step.path}`;
  });

describe('installing', () => {
  test('on a host that has nothing yet', () => {
    expect(brief(installSteps(user, nothing, options))).toEqual([
      'Write: /home/me/.config/systemd/user/rookery.service',
      'Run: systemctl --user daemon-reload',
      'Run: systemctl --user enable --now podman.socket',
      'Try: loginctl enable-linger me',
      'Run: systemctl --user enable rookery.service',
      'Run: systemctl --user start rookery.service',
    ]);
  });

  test('of the system nobody needs to linger', () => {
    expect(brief(installSteps(system, nothing, options))).toEqual([
      'Write: /etc/systemd/system/rookery.service',
      'Run: systemctl daemon-reload',
      'Run: systemctl enable --now podman.socket',
      'Run: systemctl enable rookery.service',
      'Run: systemctl start rookery.service',
    ]);
  });

  test('again changes nothing, and remembers what the first one had enabled', () => {
    const unit = written(nothing);
    expect(enabledBy(unit)).toEqual(['podman.socket', 'linger']);
    const facts = { unit, socket: on, service: on, linger: true };
    expect(brief(installSteps(user, facts, options))).toEqual(['Nothing', 'Nothing', 'Nothing', 'Nothing']);
  });

  test('a changed unit restarts a service that runs, and starts one that does not', () => {
    const facts = { unit: written(nothing), socket: on, service: on, linger: true };
    const changed = { ...options, command: [...options.command, '--log-level', 'debug'] };
    expect(brief(installSteps(user, facts, changed))).toContain(
      'Run: systemctl --user restart rookery.service',
    );
    const stopped = { ...facts, service: { enabled: true, active: false } };
    expect(brief(installSteps(user, stopped, options))).toContain(
      'Run: systemctl --user start rookery.service',
    );
  });

  test("an administrator's own unit is not touched", () => {
    const facts = { ...nothing, unit: '[Service]\nExecStart=/bin/true\n' };
    expect(() => installSteps(user, facts, options)).toThrow(/was not written by rookery service install/);
    expect(() => uninstallSteps(user, facts)).toThrow(/was not written by rookery service install/);
  });
});

describe('uninstalling', () => {
  test('switches off what the installation had switched on', () => {
    const facts = { unit: written(nothing), socket: on, service: on, linger: true };
    expect(brief(uninstallSteps(user, facts))).toEqual([
      'Run: systemctl --user disable --now rookery.service',
      'Remove: /home/me/.config/systemd/user/rookery.service',
      'Run: systemctl --user daemon-reload',
      'Run: systemctl --user disable --now podman.socket',
      'Try: loginctl disable-linger me',
    ]);
  });

  test('leaves on what was on before', () => {
    const unit = written({ ...nothing, socket: on, linger: true });
    expect(brief(uninstallSteps(user, { unit, socket: on, service: on, linger: true }))).toHaveLength(3);
  });

  test('does nothing where nothing is', () => {
    expect(brief(uninstallSteps(user, nothing))).toEqual(['Nothing']);
  });
});

describe('the unit', () => {
  test.each([
    ['/plain/path', '/plain/path'],
    ['100%', '100%%'],
    ['$HOME', '$$HOME'],
    ['two words', '"two words"'],
    ['say "hi" \\', '"say \\"hi\\" \\\\"'],
    ['', '""'],
  ])('quotes %j as systemd reads it', (word, expected) => {
    expect(quoted(word)).toBe(expected);
  });

  test('hands secrets over as credentials, and nothing of them in the command', () => {
    const credentials = [{ name: 'git-token', path: '/home/me/100%/token' }];
    const text = unitText({ ...options, scope: 'user', credentials, enabled: [] });
    expect(text).toContain('\nLoadCredential=git-token:/home/me/100%%/token\n');
    expect(text).toContain('\nExecStart=/usr/bin/node /opt/rookery run\n');
  });

  test('sets what git needs of the environment', () => {
    const environment = { GIT_SSL_CAINFO: '/etc/my CA/100%.pem', NO_PROXY: '$x' };
    expect(unitText({ ...options, scope: 'user', environment, enabled: [] })).toContain(
      '\nEnvironment="GIT_SSL_CAINFO=/etc/my CA/100%%.pem"\nEnvironment=NO_PROXY=$x\n',
    );
  });

  test('shuts an ordinary user in without a user namespace, out of which no probe gets', () => {
    const text = unitText({ ...options, scope: 'user', enabled: [] });
    expect(text).not.toMatch(/^(Private|Protect|ReadWrite|CapabilityBounding|MemoryDenyWriteExecute)\w*=/m);
    expect(unitText({ ...options, scope: 'system', enabled: [] })).toMatch(/^ProtectSystem=strict$/m);
  });
});

test.each<[Notification, string[]]>([
  [{ type: 'Ready', status: '1/1\nhealthy' }, ['READY=1', 'STATUS=1/1 healthy']],
  [{ type: 'Reloading' }, ['RELOADING=1']],
  [{ type: 'Stopping' }, ['STOPPING=1']],
  [{ type: 'Status', status: 'x'.repeat(1_000) }, [`STATUS=${'x'.repeat(200)}`]],
  [{ type: 'Watchdog' }, ['WATCHDOG=1']],
])('%j is told in the words of sd_notify', (notification, expected) => {
  expect(assignments([notification])).toEqual(expected);
});
