import { accessSync, constants, existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { DEFAULT_NAMESPACE, DNS_LABEL, DNS_LABEL_HINT, LONGEST_DNS_LABEL } from './api/dns-label.ts';
import { type GitFlags, gitSource, type WebhookSettings } from './config/git.ts';
import { createReader, type Environment, oneOf, type Read, wholeNumber, severalOf } from './config/reader.ts';
import { parseSyncWindow, type SyncWindowRule } from './schedule/sync-windows.ts';
import type { GitSettings } from './source/git/settings.ts';

export type { Environment };

/** What the command line said; every one has a `ROOKERY_…` variable, which it overrides. */
export interface Flags extends GitFlags {
  readonly socket?: string;
  readonly apiSocket?: string;
  readonly manifests?: string;
  readonly stateDir?: string;
  readonly namespace?: string;
  readonly root?: readonly string[];
  readonly ageIdentity?: string;
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly notify?: string;
  readonly maxConcurrentRollouts?: string;
  readonly syncWindow?: readonly string[];
}

/** What must be asked of the host; an argument, so that the rest is a pure function. */
export interface Host {
  readonly uid: number;
  readonly home: string;
  readonly cwd: string;
  readonly isTerminal: boolean;
  /** Where an ordinary user's sockets live when XDG_RUNTIME_DIR does not say. */
  readonly userRuntimeDir: string;
  readonly exists: (path: string) => boolean;
}

/** Every path is absolute. */
export interface Config {
  /** Podman's sockets to try, in this order; a single one when somebody named it. */
  readonly podmanSockets: readonly string[];
  readonly apiSocketPath: string;
  readonly manifestsDir: string;
  /** Instead of the directory. */
  readonly git?: GitSettings;
  readonly webhook?: WebhookSettings;
  readonly stateDir: string;
  readonly namespace: string;
  /** Where a user's own systemd looks for units. */
  readonly userUnitDir: string;
  /** Holds the private keys that Secrets are encrypted for; need not be there. */
  readonly ageIdentityFile: string;
  /** The same, when somebody named it: a service has to be told. */
  readonly namedAgeIdentityFile?: string;
  /** Where bind mounts and build contexts may lie; empty: found from the manifests. */
  readonly roots: readonly string[];
  readonly colour: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** How many updates of serving agents may be under way at once in a namespace. */
  readonly maxConcurrentRollouts: number;
  /** When what is new is applied; empty: always. */
  readonly syncWindows: readonly SyncWindowRule[];
  /** Says whom to tell of trouble. */
  readonly notifyFile?: string;
  /** The service manager that started us and wants to hear of us. */
  readonly serviceManager?: ServiceManager;
}

export interface ServiceManager {
  /** How long it waits for a sign of life. */
  readonly watchdogMs?: number;
}

/** As many creates and starts as Podman is asked for at once: see the lanes. */
export const DEFAULT_CONCURRENT_ROLLOUTS = 4;
const MOST_CONCURRENT_ROLLOUTS = 1_000;

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const LOG_FORMATS = ['human', 'json', 'journal'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Everything wrong with the options at once, each with its own name and a way out. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** The only reader of the process's environment. */
export function loadConfig(flags: Flags): Config {
  const uid = process.getuid?.() ?? 0;
  return resolveConfig(flags, process.env, {
    uid,
    home: homedir(),
    cwd: process.cwd(),
    isTerminal: process.stdout.isTTY,
    userRuntimeDir: findUserRuntimeDir(uid),
    exists: existsSync,
  });
}

/** One variable of the environment, for options that a single command has; an empty one counts as unset. */
export const readVariable = (name: string): string | undefined => process.env[name] || undefined;

/** For programs of the host; after `su` or `sudo -u` nothing else says where the user's systemd listens. */
export const childEnvironment = (): NodeJS.ProcessEnv => ({
  XDG_RUNTIME_DIR: findUserRuntimeDir(process.getuid?.() ?? 0),
  ...process.env,
});

/** Without a login session there is no /run/user/UID; this is then Podman's own choice. */
function findUserRuntimeDir(uid: number): string {
  try {
    accessSync(`/run/user/${uid}`, constants.W_OK);
    return `/run/user/${uid}`;
  } catch {
    return `/tmp/podman-run-${uid}`;
  }
}

/** Flags, then `ROOKERY_…`, then what others share (CONTAINER_HOST, XDG), then defaults. Throws `ConfigError`. */
export function resolveConfig(flags: Flags, env: Environment, host: Host): Config {
  const problems: string[] = [];
  const read = createReader(env, problems);
  const at = (path: string): string => resolve(host.cwd, path);
  const runtimeDir = directory(env, 'XDG_RUNTIME_DIR') ?? (host.uid === 0 ? '/run' : host.userRuntimeDir);
  const state = directory(env, 'XDG_STATE_HOME');
  const defaultState = host.uid === 0 ? '/var/lib' : join(host.home, '.local/state');
  const roots = flags.root ?? severalOf(env['ROOKERY_ROOT']);

  const reading = { read, env, at, problems, credential: credentials(env, host) };
  const named = read(
    { flag: '--age-identity', value: flags.ageIdentity, variables: ['ROOKERY_AGE_IDENTITY'] },
    at,
    undefined,
  );
  const config: Config = {
    ...gitSource(flags, reading),
    podmanSockets: podmanSockets(read, flags.socket, { ...host, at, runtimeDir }),
    apiSocketPath: read(
      { flag: '--api-socket', value: flags.apiSocket, variables: ['ROOKERY_API_SOCKET'] },
      (text) => socketPath(at(text)),
      join(runtimeDir, 'rookery/api.sock'),
    ),
    manifestsDir: read(
      { flag: '--manifests', value: flags.manifests, variables: ['ROOKERY_MANIFESTS'] },
      at,
      at('manifests'),
    ),
    stateDir: read(
      { flag: '--state-dir', value: flags.stateDir, variables: ['ROOKERY_STATE_DIR'] },
      at,
      join(state ?? defaultState, 'rookery'),
    ),
    ageIdentityFile:
      named ?? reading.credential('age-identity') ?? join(configHome(env, host), 'rookery/age-identity'),
    ...(named !== undefined && { namedAgeIdentityFile: named }),
    namespace: read(
      { flag: '--namespace', value: flags.namespace, variables: ['ROOKERY_NAMESPACE'] },
      namespaceName,
      DEFAULT_NAMESPACE,
    ),
    userUnitDir: join(configHome(env, host), 'systemd/user'),
    roots: roots.map(at),
    colour: hasColour(env, host.isTerminal),
    logLevel: read(
      { flag: '--log-level', value: flags.logLevel, variables: ['ROOKERY_LOG_LEVEL'] },
      oneOf(LOG_LEVELS),
      'info',
    ),
    logFormat: read(
      { flag: '--log-format', value: flags.logFormat, variables: ['ROOKERY_LOG_FORMAT'] },
      oneOf(LOG_FORMATS),
      defaultLogFormat(env, host),
    ),
    maxConcurrentRollouts: read(
      {
        flag: '--max-concurrent-rollouts',
        value: flags.maxConcurrentRollouts,
        variables: ['ROOKERY_MAX_CONCURRENT_ROLLOUTS'],
      },
      wholeNumber({ from: 1, to: MOST_CONCURRENT_ROLLOUTS }),
      DEFAULT_CONCURRENT_ROLLOUTS,
    ),
    syncWindows: syncWindows(read, flags.syncWindow ?? severalOf(env['ROOKERY_SYNC_WINDOW'])),
    ...notifyFile(read, flags.notify, at),
    ...(env['NOTIFY_SOCKET'] && { serviceManager: serviceManager(env) }),
  };
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return config;
}

const syncWindows = (read: Read, texts: readonly string[]): SyncWindowRule[] =>
  texts.flatMap(
    (value) => read({ flag: '--sync-window', value, variables: [] }, parseSyncWindow, undefined) ?? [],
  );

function notifyFile(
  read: Read,
  value: string | undefined,
  at: (path: string) => string,
): Pick<Config, 'notifyFile'> {
  const path = read({ flag: '--notify', value, variables: ['ROOKERY_NOTIFY'] }, at, undefined);
  return path === undefined ? {} : { notifyFile: path };
}

/** `JOURNAL_STREAM` says that standard error is the journal's: it shows time and level itself. */
function defaultLogFormat(env: Environment, { isTerminal }: Host): LogFormat {
  if (isTerminal) return 'human';
  return env['JOURNAL_STREAM'] ? 'journal' : 'json';
}

/** As sd_watchdog_enabled(3) reads it, save for WATCHDOG_PID: we are the main process. */
function serviceManager(env: Environment): ServiceManager {
  const watchdogMs = Number(env['WATCHDOG_USEC']) / 1_000;
  return watchdogMs > 0 ? { watchdogMs } : {};
}

interface SocketPlaces {
  readonly uid: number;
  readonly runtimeDir: string;
  readonly at: (path: string) => string;
}

/** Root's Podman listens below /run whatever XDG says; ours, started when there is none, beside it. */
function podmanSockets(
  read: Read,
  socket: string | undefined,
  { uid, runtimeDir, at }: SocketPlaces,
): string[] {
  const base = uid === 0 ? '/run' : runtimeDir;
  return read(
    { flag: '--socket', value: socket, variables: ['ROOKERY_SOCKET', 'CONTAINER_HOST'] },
    (text) => [podmanSocket(text, at)],
    [join(base, 'podman/podman.sock'), join(base, 'rookery/podman.sock')],
  );
}

function podmanSocket(text: string, at: (path: string) => string): string {
  const scheme = /^([a-z]+):\/\//.exec(text)?.[1];
  if (scheme !== undefined && scheme !== 'unix') {
    throw new Error(
      `${scheme} is not supported, only a unix socket of this host, such as unix:///run/podman/podman.sock`,
    );
  }
  return socketPath(at(text.replace(/^unix:\/\//, '')));
}

/** The kernel's limit on the name of a unix socket, without the closing zero. */
const LONGEST_SOCKET_PATH_BYTES = 107;

function socketPath(path: string): string {
  const bytes = Buffer.byteLength(path);
  if (bytes <= LONGEST_SOCKET_PATH_BYTES) return path;
  throw new Error(`a unix socket's path has at most ${LONGEST_SOCKET_PATH_BYTES} bytes, this has ${bytes}`);
}

function namespaceName(text: string): string {
  if (text.length > LONGEST_DNS_LABEL)
    throw new Error(`must have at most ${LONGEST_DNS_LABEL} characters, has ${text.length}`);
  if (!DNS_LABEL.test(text)) throw new Error(DNS_LABEL_HINT);
  return text;
}

/** Files that a unit of systemd's was given with `LoadCredential=`. */
const credentials =
  (env: Environment, { exists }: Host) =>
  (name: string): string | undefined => {
    const given = directory(env, 'CREDENTIALS_DIRECTORY');
    const path = given && join(given, name);
    return path !== undefined && exists(path) ? path : undefined;
  };

const configHome = (env: Environment, { home }: Host): string =>
  directory(env, 'XDG_CONFIG_HOME') ?? join(home, '.config');

/** The XDG specification: a relative path is invalid and to be ignored. */
function directory(env: Environment, variable: string): string | undefined {
  const path = env[variable];
  return path?.startsWith('/') ? path : undefined;
}

/** no-color.org, then what FORCE_COLOR says, then whether a person is looking. */
function hasColour(env: Environment, isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR']) return !['0', 'false'].includes(env['FORCE_COLOR']);
  return isTerminal && env['TERM'] !== 'dumb';
}
