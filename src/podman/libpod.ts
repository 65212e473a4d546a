import { createDial } from './dial.ts';
import { containerCalls } from './libpod-containers.ts';
import { createProcessCheck } from './process-check.ts';

/** Create, start and inspect take 0.1 s; a call that takes this long waits on a hung service. */
const DEFAULT_CALL_TIMEOUT_MS = 30_000;

export function createLibpod(options: { readonly socketPath: string; readonly callTimeoutMs?: number }) {
  const dial = createDial({
    socketPath: options.socketPath,
    callTimeoutMs: options.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS,
  });
  return { ...containerCalls(dial, createProcessCheck()) };
}
