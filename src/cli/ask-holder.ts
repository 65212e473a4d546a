import { type ApiClient, createApiClient, NoControllerError } from './api-client.ts';
import { type Context, wait } from './context.ts';
import { CliError } from './errors.ts';

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
