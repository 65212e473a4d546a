import { join } from 'node:path';
import { durationMs } from '../api/duration.ts';
import { parseGitUrl } from '../api/git-url.ts';
import type { GitSettings, Verification } from '../source/git/settings.ts';
import { type Environment, oneOf, type Read, type Setting, severalOf } from './reader.ts';

/** What the command line says of a git source. */
export interface GitFlags {
  readonly git?: string;
  readonly branch?: string;
  readonly path?: readonly string[];
  readonly interval?: string;
  readonly allowNonFastForward?: boolean;
  readonly gitSubmodules?: boolean;
  readonly gitLfs?: boolean;
  readonly verify?: string;
  readonly allowedSigners?: string;
  readonly keyring?: string;
  readonly gitTokenFile?: string;
  readonly sshKey?: string;
  readonly knownHosts?: string;
  readonly webhook?: string;
  readonly webhookSecretFile?: string;
}

/** Where pushes are told of. */
export interface WebhookSettings {
  readonly host: string;
  readonly port: number;
  readonly secretFile: string;
}

export interface GitReading {
  readonly read: Read;
  readonly env: Environment;
  readonly at: (path: string) => string;
  readonly problems: string[];
  /** Where systemd put a file of this name, if it did. */
  readonly credential: (name: string) => string | undefined;
}

const DEFAULT_INTERVAL_MS = 60_000;
const SHORTEST_INTERVAL_MS = 1_000;
const LONGEST_INTERVAL_MS = 24 * 3_600_000;
/** Of the process's environment, all that git is given. */
const PASSED_ON = [
  'PATH',
  'SSH_AUTH_SOCK',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
];

interface GitSource {
  readonly git?: GitSettings;
  readonly webhook?: WebhookSettings;
}

/** Empty when no repository was named: then it is a directory. */
export function gitSource(flags: GitFlags & { readonly manifests?: string }, reading: GitReading): GitSource {
  const { env, problems } = reading;
  const git = gitSettings(flags, reading);
  const webhook = webhookSettings(flags, reading);
  if (git && (flags.manifests || env['ROOKERY_MANIFESTS']))
    problems.push('--git: one controller has one source; leave out --manifests (ROOKERY_MANIFESTS)');
  if (webhook && !git) problems.push('--webhook: there is nothing to be told of without --git');
  return { ...(git && { git }), ...(webhook && { webhook }) };
}

function gitSettings(flags: GitFlags, reading: GitReading): GitSettings | undefined {
  const { read, env } = reading;
  const url = read(setting('git', flags.git), parseGitUrl, undefined);
  const paths = pathsOf(flags, reading);
  const verify = verification(flags, reading);
  const files = {
    tokenFile: file(reading, 'git-token-file', flags.gitTokenFile, 'git-token'),
    sshKeyFile: file(reading, 'ssh-key', flags.sshKey),
    knownHostsFile: file(reading, 'known-hosts', flags.knownHosts),
  };
  const common = {
    branch: read(setting('branch', flags.branch), branchName, 'main'),
    paths,
    intervalMs: read(setting('interval', flags.interval), interval, DEFAULT_INTERVAL_MS),
    allowNonFastForward: flags.allowNonFastForward ?? env['ROOKERY_ALLOW_NON_FAST_FORWARD'] === 'true',
    submodules: flags.gitSubmodules ?? env['ROOKERY_GIT_SUBMODULES'] === 'true',
    lfs: flags.gitLfs ?? env['ROOKERY_GIT_LFS'] === 'true',
  };
  if (url === undefined) return undefined;
  if (url.protocol === 'http' && files.tokenFile !== undefined)
    reading.problems.push('--git-token-file: a token is sent over https alone, and --git says http');
  return {
    url,
    ...common,
    ...(verify && { verify }),
    ...defined(files),
    environment: Object.fromEntries(
      PASSED_ON.flatMap((name) => {
        const value = env[name];
        return value === undefined ? [] : [[name, value] as const];
      }),
    ),
  };
}

const setting = (name: string, value: string | undefined): Setting => ({
  flag: `--${name}`,
  value,
  variables: [`ROOKERY_${name.toUpperCase().replaceAll('-', '_')}`],
});

const defined = <K extends string>(
  values: Readonly<Record<K, string | undefined>>,
): { readonly [name in K]?: string } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [name in K]?: string;
  };

/** A file that is named, else the systemd credential of the same name. */
function file(
  { read, at, credential }: GitReading,
  name: string,
  value: string | undefined,
  credentialName = name,
): string | undefined {
  return read(setting(name, value), at, credential(credentialName));
}

function pathsOf({ path }: GitFlags, { env, problems }: GitReading): string[] {
  const given = path ?? severalOf(env['ROOKERY_PATH']);
  for (const text of given.filter((each) => each === '' || each.startsWith('/') || leavesRepository(each)))
    problems.push(`--path "${text}": must be a directory within the repository, such as hosts/box`);
  return given.length === 0 ? [''] : given.map((text) => join('.', text));
}

const leavesRepository = (path: string): boolean => join('.', path).split('/')[0] === '..';

function verification(flags: GitFlags, reading: GitReading): Verification | undefined {
  const type = reading.read(setting('verify', flags.verify), oneOf(['ssh', 'gpg'] as const), undefined);
  const allowedSignersFile = file(reading, 'allowed-signers', flags.allowedSigners);
  const keyringFile = file(reading, 'keyring', flags.keyring);
  if (type === 'ssh' && allowedSignersFile !== undefined) return { type, allowedSignersFile };
  if (type === 'gpg' && keyringFile !== undefined) return { type, keyringFile };
  if (type !== undefined) {
    const needed = type === 'ssh' ? '--allowed-signers FILE' : '--keyring FILE';
    reading.problems.push(`--verify ${type}: say whom to trust, with ${needed}`);
  }
  return undefined;
}

/** What `git check-ref-format` allows, without the rarities. */
function branchName(text: string): string {
  if (/^[\w][\w./+-]*$/.test(text) && !/\.\.|\/\/|\/$|\.$|\.lock(\/|$)|\/\./.test(text)) return text;
  throw new Error('must be the name of a branch, such as main');
}

function interval(text: string): number {
  const parsed = durationMs(text);
  if (parsed === undefined || parsed < SHORTEST_INTERVAL_MS || parsed > LONGEST_INTERVAL_MS)
    throw new Error('must be a duration from 1s to 1d, such as 60s');
  return parsed;
}

/** Undefined when nobody asked for one. */
function webhookSettings(flags: GitFlags, reading: GitReading): WebhookSettings | undefined {
  const address = reading.read(setting('webhook', flags.webhook), listenAddress, undefined);
  const secretFile = file(reading, 'webhook-secret-file', flags.webhookSecretFile, 'webhook-secret');
  if (address && secretFile !== undefined) return { ...address, secretFile };
  if (address)
    reading.problems.push('--webhook: say what pushes are signed with: --webhook-secret-file FILE');
  return undefined;
}

const LOOPBACK = '127.0.0.1';
const LAST_PORT = 65_535;

/** Whoever wants strangers to reach it says so. */
function listenAddress(text: string): { host: string; port: number } {
  const [, host = LOOPBACK, digits = ''] = /^(?:(\[[0-9a-f:.]+\]|[\w.-]+):)?(\d{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (port < 1 || port > LAST_PORT) throw new Error('must be a port, or ADDRESS:PORT such as 0.0.0.0:9797');
  return { host: host.replace(/^\[|\]$/g, ''), port };
}
