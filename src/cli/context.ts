import type { Config, Flags } from '../config.ts';
import type { Log } from '../manager/reconciler.ts';
import type { DiffView, PlanView } from '../api/status.ts';
import type { Finding } from '../doctor/verdict.ts';
import type { Backend } from '../server/backend.ts';
import type { SystemdHost } from '../systemd/host.ts';
import type { Notify } from '../systemd/notify.ts';

/** Where a command prints, and who looks at it. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly outIsTTY: boolean;
  readonly errIsTTY: boolean;
  size(): { readonly columns: number; readonly rows: number };
  /** Each returns the end of it. */
  onResize(callback: () => void): () => void;
  /** Ctrl-C, SIGTERM, SIGHUP: while somebody listens they end nothing by themselves. */
  onInterrupt(callback: (signal: Interrupt) => void): () => void;
  /** At once, for the second Ctrl-C. */
  exit(code: number): void;
}

export type Interrupt = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export interface RunningController {
  readonly backend: Backend;
  /** What does not get on, for a person; `undefined` while everything does. */
  hangs(): string | undefined;
  stop(): Promise<void>;
}

/** What commands ask of the rest; loaded only when asked, for the sake of the start-up time. */
export interface Services {
  loadConfig(flags: Flags): Promise<Config>;
  /** Reads one `ROOKERY_…` variable; undefined when it is unset or empty. */
  variables(): Promise<(name: string) => string | undefined>;
  createLog(options: LogChoice): Promise<Log>;
  /** The error of a lock that is held, where that can be told without loading a controller. */
  findHolder(config: Config): Promise<Error | undefined>;
  startController(config: Config, options: { readonly log: Log }): Promise<RunningController>;
  /** Says what a controller would do, and changes nothing. */
  planOffline(config: Config, options: { readonly log: Log }): Promise<PlanView>;
  /** To the service manager that started this process. */
  createNotify(onError: (message: string) => void): Promise<Notify>;
  /** What a look at the host finds, each check within its deadline. */
  examine(config: Config): Promise<readonly Finding[]>;
  systemd(): Promise<Systemd>;
  diffOffline(config: Config, options: { readonly log: Log }): Promise<DiffView>;
  /** Epoch milliseconds. */
  nowMs(): number;
  /** Calls back after `delayMs`; returns the end of it. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** The host's systemd, and this program as a unit has to start it. */
export interface Systemd {
  readonly host: SystemdHost;
  readonly self: {
    readonly command: readonly string[];
    readonly cwd: string;
    readonly user: string;
    readonly uid: number;
  };
}

export interface LogChoice {
  readonly level: Config['logLevel'];
  readonly format: Config['logFormat'];
  readonly colour: boolean;
  readonly write: (text: string) => void;
}

/** What a command gets besides its own options. It returns the exit code. */
export interface Context {
  readonly terminal: Terminal;
  readonly services: Services;
  readonly config: Config;
}

export const wait = ({ services }: Pick<Context, 'services'>, delayMs: number): Promise<void> =>
  new Promise((resolve) => void services.setTimer(delayMs, resolve));
