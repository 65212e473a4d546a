/** Whose service manager: the user's own, or the machine's. */
export type Scope = 'user' | 'system';

export interface UnitOptions {
  readonly scope: Scope;
  /** Program and arguments; the first is an absolute path. */
  readonly command: readonly string[];
  readonly credentials: readonly Credential[];
  /** Everybody on this host may read it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directories that a system service writes to. */
  readonly writes: readonly string[];
  /** What an installation switched on and an uninstallation is to switch off again. */
  readonly enabled: readonly Enabled[];
}

/** A file that systemd reads for the service, so that the service's user need not. */
export interface Credential {
  readonly name: string;
  readonly path: string;
}

export type Enabled = 'podman.socket' | 'linger';

export const UNIT = 'rookery.service';
const MARK =
  '# Written by `rookery service install`, which also changes it; `rookery service uninstall` removes it.';

/**
 * As far as a service can be shut in that talks to `podman.socket` and enters the network namespaces of containers with
 * nsenter(1), to probe them and to set their nft(8) rules.
 */
export const unitText = (options: UnitOptions): string =>
  [
    MARK,
    '[Unit]',
    'Description=Rookery, which keeps containers as their manifests say',
    'Wants=podman.socket',
    'After=podman.socket',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=notify',
    '# systemd-notify(1) speaks for the main process.',
    'NotifyAccess=all',
    `ExecStart=${options.command.map(quoted).join(' ')}`,
    'ExecReload=kill -HUP $MAINPID',
    ...Object.entries(options.environment).map(([name, value]) => `Environment=${assigned(name, value)}`),
    ...options.credentials.map(({ name, path }) => `LoadCredential=${name}:${path.replaceAll('%', '%%')}`),
    '# A word to systemd on its way is not cut off; what helps probes ends with us.',
    'KillMode=mixed',
    'Restart=always',
    'RestartSec=2',
    'TimeoutStartSec=180',
    'TimeoutStopSec=30',
    '# Fed while reconciling gets on: a loop that hangs is ended and started again.',
    'WatchdogSec=60',
    'OOMPolicy=continue',
    ...SANDBOX,
    ...(options.scope === 'system' ? systemSandbox(options.writes) : USER_SANDBOX),
    '',
    '[Install]',
    `WantedBy=${options.scope === 'system' ? 'multi-user' : 'default'}.target`,
    '',
    '[X-Rookery]',
    `Enabled=${options.enabled.join(' ')}`,
    '',
  ].join('\n');

/** No MemoryDenyWriteExecute: Node compiles as it runs. */
const SANDBOX = [
  'UMask=0077',
  'NoNewPrivileges=yes',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  '# Netlink is how nft(8) sets rules; the namespaces are those that nsenter(1) enters.',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'RestrictNamespaces=user net',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'SystemCallErrorNumber=EPERM',
] as const;

const USER_SANDBOX = [
  '# Nothing that needs a mount namespace (ProtectSystem=, PrivateTmp=, …): for an ordinary user that is a user namespace,',
  '# and out of one the namespaces of rootless containers cannot be entered.',
] as const;

const systemSandbox = (writes: readonly string[]): string[] => [
  'CapabilityBoundingSet=CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_NET_ADMIN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_CHOWN CAP_FOWNER CAP_KILL',
  'ProtectSystem=strict',
  `ReadWritePaths=${writes.map((path) => quoted(`-${path}`)).join(' ')}`,
  'RuntimeDirectory=rookery',
  'RuntimeDirectoryPreserve=yes',
  'StateDirectory=rookery',
  'StateDirectoryMode=0700',
  'ProtectHome=read-only',
  'PrivateDevices=yes',
  'ProtectClock=yes',
  'ProtectControlGroups=yes',
  'ProtectHostname=yes',
  'ProtectKernelLogs=yes',
  'ProtectKernelModules=yes',
  'ProtectKernelTunables=yes',
];

/** As systemd.service(5) wants a word of a command line: `%` and `$` doubled, quoted where it has to be. */
export function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  if (/^[\w@%+=:,./$-]+$/.test(plain)) return plain;
  return `"${plain.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}

/** A dollar is no variable there. */
const assigned = (name: string, value: string): string => quoted(`${name}=${value}`).replaceAll('$$', '$');

/** Whether an installation of ours wrote it: only that is changed or removed. */
export const isOurs = (text: string): boolean => text.startsWith(MARK);

export function enabledBy(text: string): Enabled[] {
  const words = /^Enabled=(.*)$/m.exec(text)?.[1]?.split(' ') ?? [];
  return words.filter((word): word is Enabled => word === 'podman.socket' || word === 'linger');
}
