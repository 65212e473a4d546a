import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Interrupt, Services, Terminal } from '../../src/cli/context.ts';
import { runCli } from '../../src/cli/program.ts';
import { type Flags, resolveConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';

export const NOW_MS = Date.parse('2026-03-01T12:00:00Z');
export const ago = (seconds: number): string => new Date(NOW_MS - seconds * 1_000).toISOString();

export interface FakeTerminal extends Terminal {
  readonly printed: { out: string; err: string };
  /** What a person at the keyboard does. */
  interrupt(signal?: Interrupt): void;
  resize(columns: number, rows: number): void;
  readonly exits: number[];
}

export function createFakeTerminal(
  options: { isTTY?: boolean; columns?: number; rows?: number } = {},
): FakeTerminal {
  const { isTTY = false, columns = 100, rows = 24 } = options;
  const printed = { out: '', err: '' };
  const size = { columns, rows };
  const resized = new Set<() => void>();
  const interrupted = new Set<(signal: Interrupt) => void>();
  const exits: number[] = [];
  const on =
    <T>(set: Set<T>) =>
    (callback: T) => {
      set.add(callback);
      return () => void set.delete(callback);
    };
  return {
    printed,
    exits,
    out: (text) => void (printed.out += text),
    err: (text) => void (printed.err += text),
    outIsTTY: isTTY,
    errIsTTY: isTTY,
    size: () => size,
    onResize: on(resized),
    onInterrupt: on(interrupted),
    exit: (code) => void exits.push(code),
    interrupt: (signal = 'SIGINT') => interrupted.forEach((callback) => callback(signal)),
    resize: (newColumns, newRows) => {
      Object.assign(size, { columns: newColumns, rows: newRows });
      resized.forEach((callback) => callback());
    },
  };
}

export interface CliWorld {
  readonly services?: Partial<Services>;
  readonly env?: Readonly<Record<string, string>>;
  readonly terminal?: FakeTerminal;
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One command in this process, at a fixed time, with nothing of the machine's environment. */
export async function cli(argv: readonly string[], world: CliWorld = {}): Promise<CliResult> {
  const { env = {}, terminal = createFakeTerminal() } = world;
  const host = {
    uid: 1000,
    home: '/home/me',
    cwd: '/work',
    isTerminal: false,
    userRuntimeDir: '/run/user/1000',
    exists: () => false,
  };
  const services: Services = {
    loadConfig: (flags: Flags) => Promise.resolve(resolveConfig(flags, env, host)),
    variables: () => Promise.resolve((name) => env[name]),
    createLog: (choice) => Promise.resolve(createLog(choice)),
    findHolder: () => Promise.resolve(undefined),
    startController: () => Promise.reject(new Error('no controller in this test')),
    diffOffline: () => Promise.reject(new Error('no diff in this test')),
    planOffline: () => Promise.reject(new Error('no plan in this test')),
    createNotify: () => Promise.reject(new Error('no service manager in this test')),
    examine: () => Promise.reject(new Error('no host in this test')),
    systemd: () => Promise.reject(new Error('no systemd in this test')),
    nowMs: () => NOW_MS,
    setTimer: (delayMs, callback) => {
      const timer = setTimeout(callback, Math.min(delayMs, 5));
      return () => clearTimeout(timer);
    },
    ...world.services,
  };
  const code = await runCli(argv, terminal, services);
  return { code, ...terminal.printed };
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface FakeApi {
  readonly socket: string;
  readonly requests: string[];
  close(): Promise<void>;
}

/** An API server that answers what it is told; the rest is a `Status` 404, as the real one says. */
export async function serveApi(answers: Readonly<Record<string, unknown>>): Promise<FakeApi> {
  const directory = await mkdtemp(join(tmpdir(), 'rookery-cli-'));
  const socket = join(directory, 'api.sock');
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? '');
    requests.push(`${request.method} ${url}`);
    const answer = answers[url] ?? answers[`${request.method} ${url}`];
    if (typeof answer === 'function') return (answer as Answer)(request, response);
    if (typeof answer === 'string') return void response.end(answer);
    const missing = {
      kind: 'Status',
      status: 'Failure',
      code: 404,
      reason: 'NotFound',
      message: `${url} not found`,
    };
    response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? missing));
  });
  await new Promise<void>((resolve) => void server.listen(socket, resolve));
  return {
    socket,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
      await rm(directory, { recursive: true });
    },
  };
}
