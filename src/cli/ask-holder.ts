import type { Config } from '../config.ts';
import type { Log } from '../manager/reconciler.ts';
import { type ApiClient, createApiClient, NoControllerError } from './api-client.ts';
import { type Context, wait } from './context.ts';
import { CliError, isLocked } from './errors.ts';
import { createWarningLog } from './warning-log.ts';

/** A controller takes the lock first and listens last, after it has read the manifests and Podman. */
const STARTING_MS = 10_000;
const ASK_AGAIN_AFTER_MS = 200;

/** Asks the controller that holds the lock, which may be about to start. Throws `CliError` when it does not listen. */
export async function askHolder<T>(
  context: Context,
  locked: Error,
  ask: (api: ApiClient) => Promise<T>,
): Promise<T> {
  const { services, config } = context;
  const api = createApiClient(config.apiSocketPath);
  const giveUpAtMs = services.nowMs() + STARTING_MS;
  for (;;) {
    try {
      return await ask(api);
    } catch (error) {
      if (!(error instanceof NoControllerError)) throw error;
      if (services.nowMs() >= giveUpAtMs) {
        const where = `it does not listen at ${config.apiSocketPath}`;
        throw new CliError(`${locked.message}, and ${where}: name its socket with --api-socket`);
      }
    }
    await wait(context, ASK_AGAIN_AFTER_MS);
  }
}

type Alone<T> = (config: Config, options: { readonly log: Log }) => Promise<T>;

export type Attempt<T> = { readonly done: T } | { readonly locked: Error };

/** Does it without a controller, unless one holds the lock: then that one is to be asked, and nothing is loaded in vain. */
export async function unlessHeld<T>(context: Context, alone: Alone<T>): Promise<Attempt<T>> {
  const { services, config } = context;
  const holder = await services.findHolder(config);
  if (holder) return { locked: holder };
  try {
    return { done: await alone(config, { log: await createWarningLog(context) }) };
  } catch (error) {
    if (!isLocked(error)) throw error;
    return { locked: error };
  }
}

/** @param path of the API, where the holder answers the same */
export async function aloneOrAsk<T>(context: Context, alone: Alone<T>, path: string): Promise<T> {
  const attempt = await unlessHeld(context, alone);
  return 'done' in attempt ? attempt.done : askHolder<T>(context, attempt.locked, (api) => api.post(path));
}
