import { type ApiClient, createApiClient, NoControllerError } from './api-client.ts';
import { type Context, wait } from './context.ts';
import { CliError, isLocked } from './errors.ts';

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

export type Attempt<T> = { readonly done: T } | { readonly locked: Error };

/** Does it without a controller, unless one holds the lock: then that one is to be asked, and nothing is loaded in vain. */
export async function unlessHeld<T>(
  { services, config }: Context,
  alone: () => Promise<T>,
): Promise<Attempt<T>> {
  const holder = await services.findHolder(config);
  if (holder) return { locked: holder };
  try {
    return { done: await alone() };
  } catch (error) {
    if (!isLocked(error)) throw error;
    return { locked: error };
  }
}
