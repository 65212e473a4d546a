import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Adapters, createAdapters } from './adapters.ts';
import type { DiffView, PlanView } from './api/status.ts';
import { assemble, type Engine, type Parts } from './assemble.ts';
import { homeOf, recoverState, settleIntents } from './boot.ts';
import { type Config, ConfigError } from './config.ts';
import { systemClock } from './manager/clock.ts';
import type { Log } from './manager/reconciler.ts';
import { startNotifications } from './notifications.ts';
import { connectPodman } from './podman/connect.ts';
import { serviceFacts } from './podman/service-facts.ts';
import type { Podman } from './podman/podman.ts';
import type { Backend } from './server/backend.ts';
import { type ApiServer, startServer } from './server/server.ts';
import { startWebhook, type Webhook } from './server/webhook.ts';
import { createSyncWindows } from './schedule/sync-windows.ts';
import { openStateDirectory } from './store/directory.ts';
import { lookAtStateDirectory } from './store/look.ts';
import type { Store } from './store/store.ts';

export interface RunningController {
  readonly backend: Backend;
  /** What does not get on, for a person; `undefined` while everything does. */
  hangs(): string | undefined;
  /** Ends the controller; the agents keep running. */
  stop(): Promise<void>;
}

/**
 * Boots one controller: lock → load → settle intents → desired snapshot → full list → ready.
 * Throws `StoreError` (`Locked` when another one runs) or `PodmanError`, each with a message for a person.
 */
export async function startController(
  config: Config,
  { log }: { readonly log: Log },
): Promise<RunningController> {
  const warn = (message: string): void => log.warn({}, message);
  const store = await openStateDirectory({ path: config.stateDir, clock: systemClock, warn });
  try {
    return await boot(config, store, log);
  } catch (error) {
    await store.close();
    throw error;
  }
}

const SHORTEST_SECRET = 16;
const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

async function boot(config: Config, store: Store, log: Log): Promise<RunningController> {
  const { parts, podman, adopted } = await connect(config, store, { log });
  if (adopted)
    log.warn({ installation: adopted }, 'the state directory was lost; took over what its containers say');
  const settled = await settleIntents(store, podman);
  if (settled > 0) log.info({ intents: settled }, 'settled what an interrupted run left open');
  const engine = assemble(parts);
  await engine.start();
  const server = await listen(engine, config, log);
  const webhook = await listenForPushes(parts.adapters, config, log).catch(async (error: unknown) => {
    await server.close();
    await engine.stop();
    throw error;
  });
  const notifications = await startNotifications(config, {
    backend: engine.backend,
    secretValues: engine.secretValues,
    log,
  }).catch(async (error: unknown) => {
    await webhook?.close();
    await server.close();
    await engine.stop();
    throw error;
  });
  const stop = async (): Promise<void> => {
    await notifications?.close();
    await webhook?.close();
    await server.close();
    await engine.stop();
    await store.close();
  };
  return { backend: engine.backend, hangs: engine.hangs, stop };
}

/** A controller that nobody can ask must not go on unseen. */
async function listen(engine: Engine, config: Config, log: Log): Promise<ApiServer> {
  try {
    return await startServer({ backend: engine.backend, socketPath: config.apiSocketPath, log });
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

async function listenForPushes(
  { source }: Adapters,
  { webhook }: Config,
  log: Log,
): Promise<Webhook | undefined> {
  if (!webhook) return undefined;
  const { host, port, secretFile } = webhook;
  const secret = (await readFile(secretFile, 'utf8')).trim();
  if (secret.length < SHORTEST_SECRET)
    throw new ConfigError(
      `${secretFile} holds less than ${SHORTEST_SECRET} characters; make one: openssl rand -hex 32`,
    );
  const started = await startWebhook({
    host,
    port,
    secret,
    onPush: () => void source.fetch(),
    nowMs: Date.now,
    log,
  });
  log.info({ address: `${host}:${started.port}` }, 'listening for pushes at /webhook');
  return started;
}

/** What a controller would do, made out without one and without changing anything. Throws as `startController` does. */
export const planOffline = (config: Config, options: Looking): Promise<PlanView> =>
  lookOffline(config, options, (backend) => backend.plan());

/** As `planOffline`, for what runs beside what the files ask for. */
export const diffOffline = (config: Config, options: Looking): Promise<DiffView> =>
  lookOffline(config, options, (backend) => backend.diff());

interface Looking {
  readonly log: Log;
}

async function lookOffline<T>(
  config: Config,
  { log }: Looking,
  look: (backend: Backend) => Promise<T>,
): Promise<T> {
  const warn = (message: string): void => log.warn({}, message);
  const store = await lookAtStateDirectory({ path: config.stateDir, clock: systemClock, warn });
  const workDirectory = await mkdtemp(join(tmpdir(), 'rookery-plan-'));
  try {
    const { parts } = await connect(config, store, { log, workDirectory });
    const engine = assemble(parts);
    return await look(engine.backend);
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
    await store.close();
  }
}

interface Connected {
  readonly parts: Parts;
  readonly podman: Podman;
  /** The installation that a lost state directory had. */
  readonly adopted: string | undefined;
}

async function connect(
  config: Config,
  store: Store,
  { log, workDirectory }: { readonly log: Log; readonly workDirectory?: string },
): Promise<Connected> {
  const { podman, socket, apiVersion } = await connectPodman(config.podmanSockets, () => systemClock.now());
  const cacheFile = join(config.stateDir, 'podman.json');
  const { version, rootless } = await serviceFacts(podman, { socket, apiVersion, cacheFile });
  log.debug({ socket, podman: version, rootless }, 'connected to Podman');
  const home = homeOf(config.stateDir);
  const { adopted, stateWasLost } = await recoverState(store, podman, { home, nowMs: systemClock.now() });
  const bootId = (await readFile(BOOT_ID_FILE, 'utf8')).trim();
  const host = { config, podman, rootless, clock: systemClock, log };
  const adapters = createAdapters({ ...host, ...(workDirectory !== undefined && { workDirectory }) });
  const parts: Parts = {
    adapters,
    store,
    podman,
    rootless,
    maxConcurrentRollouts: config.maxConcurrentRollouts,
    bootId,
    home,
    stateWasLost,
    syncWindow: createSyncWindows(config.syncWindows),
    log,
    clock: systemClock,
  };
  return { parts, podman, adopted };
}
