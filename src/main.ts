import { readFile } from 'node:fs/promises';
import { createAdapters } from './adapters.ts';
import { assemble } from './assemble.ts';
import { adoptLostInstallation, homeOf, settleIntents } from './boot.ts';
import type { Config } from './config.ts';
import { systemClock } from './manager/clock.ts';
import type { Log } from './manager/reconciler.ts';
import { connectPodman } from './podman/connect.ts';
import type { Backend } from './server/backend.ts';
import { startServer } from './server/server.ts';
import { openStateDirectory } from './store/directory.ts';
import type { Store } from './store/store.ts';

export interface RunningController {
  readonly backend: Backend;
  /** Ends the controller; the agents keep running. */
  stop(): Promise<void>;
}

/**
 * Boots one controller: lock → load → settle intents → desired snapshot → full list → ready (`semantics.md` §7).
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

const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id';

async function boot(config: Config, store: Store, log: Log): Promise<RunningController> {
  const { podman, socket } = await connectPodman(config.podmanSockets);
  const { version, rootless } = await podman.info();
  log.info({ socket, podman: version, rootless }, 'connected to Podman');
  const home = homeOf(config.stateDir);
  const adopted = await adoptLostInstallation(store, podman, home);
  if (adopted)
    log.warn({ installation: adopted }, 'the state directory was lost; took over what its containers say');
  const settled = await settleIntents(store, podman);
  if (settled > 0) log.info({ intents: settled }, 'settled what an interrupted run left open');
  const stateWasLost = adopted !== undefined || store.origin === 'Damaged';
  const bootId = (await readFile(BOOT_ID_FILE, 'utf8')).trim();
  const adapters = createAdapters({ config, podman, rootless, clock: systemClock, log });
  const engine = assemble({
    adapters,
    store,
    podman,
    rootless,
    bootId,
    home,
    stateWasLost,
    log,
    clock: systemClock,
  });
  await engine.start();
  const server = await startServer({ backend: engine.backend, socketPath: config.apiSocketPath, log });
  const stop = async (): Promise<void> => {
    await server.close();
    await engine.stop();
    await store.close();
  };
  return { backend: engine.backend, stop };
}
