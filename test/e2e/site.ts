import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AgentStatus } from '../../src/api/status.ts';
import { freePort } from '../fakes/ports.ts';
import { type PodmanHost, removeNamespace, testPodman } from './podman-host.ts';
import { until } from './until.ts';

export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));
export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** A `rookery run` in the foreground of nobody's terminal. */
export interface Controller {
  readonly pid: number;
  readonly startedAtMs: number;
  /** Everything it said until now, on both streams. */
  output(): string;
  /** It is over, whoever ended it. */
  readonly ended: Promise<number | null>;
  /** Sends the signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ readonly exitCode: number | null; readonly tookMs: number }>;
}

/** One user's place: manifests, state directory and API socket of its own, and a namespace that nobody else has. */
export interface Site {
  readonly dir: string;
  readonly manifests: string;
  readonly stateDir: string;
  readonly apiSocket: string;
  readonly namespace: string;
  readonly host: PodmanHost;
  /** The examples' build contexts. */
  readonly images: string;
  write(file: string, text: string): void;
  /** Replaces text that must be there, as somebody with an editor would. */
  edit(file: string, from: string | RegExp, to: string): void;
  remove(file: string): void;
  rookery(...args: string[]): Promise<CliResult>;
  start(...args: string[]): Controller;
  /** GET of the controller's own API. */
  get<T>(path: string): Promise<T>;
  agents(): Promise<readonly Agent[]>;
  status(name: string): Promise<AgentStatus>;
  /** Ends what was started, and takes away what it made in Podman. */
  cleanUp(): Promise<void>;
}

export interface Agent {
  readonly metadata: { readonly name: string };
  readonly status?: AgentStatus;
}

export interface SiteOptions {
  readonly host?: PodmanHost;
  readonly env?: NodeJS.ProcessEnv;
  /** What to put before a command to run it as somebody else. */
  readonly user?: readonly string[];
  /** Where the command line and the examples' images are. */
  readonly repository?: string;
}

export function openSite(options: SiteOptions = {}): Site {
  const { host = testPodman(), env: more = {}, user = [], repository = REPOSITORY } = options;
  const namespace = `e2e-${randomBytes(3).toString('hex')}`;
  const dir = mkdtempSync(join(tmpdir(), 'rookery-e2e-'));
  const manifests = join(dir, 'manifests');
  mkdirSync(manifests);
  const stateDir = join(dir, 'state');
  const apiSocket = join(dir, 'api.sock');
  const images = join(repository, 'images');
  const env = { ...environment({ host, dir, manifests, stateDir, apiSocket, namespace, images }), ...more };
  const command = [
    ...user,
    process.execPath,
    process.env['ROOKERY_TEST_CLI'] ?? join(repository, 'bin/rookery'),
  ];
  const running = new Set<ChildProcess>();
  const path = (file: string): string => join(manifests, file);
  const write = (file: string, text: string): void => writeFileSync(path(file), text);
  const get = <T>(url: string): Promise<T> => getFrom<T>(apiSocket, url);
  const agentsPath = `/apis/rookery.dev/v1alpha1/namespaces/${namespace}/agents`;
  return {
    dir,
    manifests,
    stateDir,
    apiSocket,
    namespace,
    host,
    images,
    write,
    edit: (file, from, to) => {
      const before = readFileSync(path(file), 'utf8');
      const after = before.replace(from, to);
      if (after === before) throw new Error(`${file} has no "${String(from)}"`);
      write(file, after);
    },
    remove: (file) => rmSync(path(file)),
    rookery: (...args) => finish(launch([...command, ...args], env, running)),
    start: (...args) => controllerOf(launch([...command, 'run', ...args], env, running)),
    get,
    agents: async () => (await get<{ items: Agent[] }>(agentsPath)).items,
    status: async (name) => {
      const { status } = await get<Agent>(`${agentsPath}/${name}`);
      if (!status) throw new Error(`agent ${name} has no status yet`);
      return status;
    },
    cleanUp: async () => {
      for (const child of running) child.kill('SIGKILL');
      await until('the processes of the test end', () => running.size === 0);
      await removeNamespace(host, namespace);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

interface Places {
  readonly host: PodmanHost;
  readonly dir: string;
  readonly manifests: string;
  readonly stateDir: string;
  readonly apiSocket: string;
  readonly namespace: string;
  readonly images: string;
}

const environment = (places: Places): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: process.env['HOME'],
  CONTAINER_HOST: places.host.url,
  ROOKERY_MANIFESTS: places.manifests,
  ROOKERY_STATE_DIR: places.stateDir,
  ROOKERY_API_SOCKET: places.apiSocket,
  ROOKERY_NAMESPACE: places.namespace,
  ROOKERY_ROOT: `${places.dir}:${places.images}`,
});

function launch(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  running: Set<ChildProcess>,
): ChildProcess {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

function finish(child: ChildProcess): Promise<CliResult> {
  const startedAtMs = performance.now();
  const said = listen(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (exitCode) => {
      resolve({
        exitCode,
        stdout: said.stdout(),
        stderr: said.stderr(),
        tookMs: performance.now() - startedAtMs,
      });
    });
  });
}

function controllerOf(child: ChildProcess): Controller {
  const said = listen(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', (exitCode) => resolve(exitCode)));
  return {
    pid: child.pid ?? 0,
    startedAtMs: Date.now(),
    output: () => `${said.stdout()}${said.stderr()}`,
    ended,
    end: async (signal) => {
      const askedAtMs = performance.now();
      child.kill(signal);
      return { exitCode: await ended, tookMs: performance.now() - askedAtMs };
    },
  };
}

function listen(child: ChildProcess): { stdout(): string; stderr(): string } {
  const text = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream]?.setEncoding('utf8').on('data', (chunk: string) => (text[stream] += chunk));
  return { stdout: () => text.stdout, stderr: () => text.stderr };
}

function getFrom<T>(socketPath: string, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: 5_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        response.statusCode === 200
          ? resolve(JSON.parse(text) as T)
          : reject(new Error(`${path}: ${response.statusCode} ${text}`)),
      );
    });
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error(`${path}: no answer`)));
    asked.end();
  });
}

/** Copies an example into the site: its own namespace and free host ports, a shorter watch after an update. */
export async function copyExample(site: Site, name: string): Promise<void> {
  const from = join(REPOSITORY, 'manifests', name);
  for (const file of readdirSync(from)) {
    let text = readFileSync(join(from, file), 'utf8')
      .replaceAll('namespace: ai-system', `namespace: ${site.namespace}`)
      .replaceAll('../../images', site.images)
      .replaceAll(/metadata: \{name: (\w+)\}/g, `metadata: {name: $1, namespace: ${site.namespace}}`)
      .replaceAll('monitorSeconds: 10', 'monitorSeconds: 3');
    for (const [port] of text.matchAll(/hostPort: \d+/g))
      text = text.replace(port, `hostPort: ${await freePort()}`);
    site.write(file, text);
  }
}

/** Waits until every one of these agents is ready, or until all are in one of the phases. */
export async function untilAgents(
  site: Site,
  count: number,
  isDone: (status: AgentStatus) => boolean,
  limitMs = 90_000,
): Promise<void> {
  let last = '';
  try {
    await until(
      'the agents',
      async () => {
        const agents = await site.agents();
        last = agents
          .map(({ metadata, status }) => `${metadata.name} ${status?.phase} ${status?.message}`)
          .join('\n');
        return (
          agents.length === count && agents.every(({ status }) => status !== undefined && isDone(status))
        );
      },
      limitMs,
    );
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${last}`, { cause: error });
  }
}
