import { createDial } from './dial.ts';
import { createInspect } from './inspect-container.ts';
import { containerCalls } from './libpod-containers.ts';
import { eventCalls } from './libpod-events.ts';
import { execCalls } from './libpod-exec.ts';
import { IMAGE_TIMEOUTS, imageCalls, type ImageTimeouts } from './libpod-images.ts';
import { lifecycleCalls } from './libpod-lifecycle.ts';
import { logCalls } from './libpod-logs.ts';
import { networkCalls } from './libpod-networks.ts';
import { podCalls } from './libpod-pods.ts';
import { secretCalls } from './libpod-secrets.ts';
import { systemCalls } from './libpod-system.ts';
import { volumeCalls } from './libpod-volumes.ts';
import { endOrphans } from './orphans.ts';
import type { Podman } from './podman.ts';
import { createProcessCheck } from './process-check.ts';
import { reclaimAddresses } from './reclaim-addresses.ts';
import { mendTornSecrets } from './torn-secrets.ts';

/** Create, start and inspect take 0.1 s; a call that takes this long waits on a hung service. */
const DEFAULT_CALL_TIMEOUT_MS = 30_000;

export interface LibpodOptions {
  /** The path of the socket, without `unix://`. */
  readonly socketPath: string;
  /** For every call that has no better bound of its own. */
  readonly callTimeoutMs?: number;
  readonly imageTimeouts?: ImageTimeouts;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Podman through the libpod half of its REST API; seen to work with 4.3 and 5.4. */
export function createLibpod(options: LibpodOptions): Podman {
  const callTimeoutMs = options.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS;
  const dial = createDial({ socketPath: options.socketPath, callTimeoutMs });
  const isAlive = createProcessCheck();
  const inspect = createInspect(dial, isAlive);
  const networks = networkCalls(dial);
  const system = systemCalls(dial);
  const mendSecrets = async () => mendTornSecrets((await system.info()).graphRoot, options.now());
  return {
    ...system,
    inspectContainer: inspect,
    ...containerCalls(dial, isAlive),
    ...lifecycleCalls(dial, { inspect, reclaim: reclaimAddresses(dial, networks), endOrphans }),
    ...execCalls(dial),
    ...logCalls(dial),
    ...podCalls(dial, { inspect, endOrphans }),
    ...networks,
    ...volumeCalls(dial),
    ...secretCalls(dial, mendSecrets),
    ...imageCalls(dial, options.imageTimeouts ?? IMAGE_TIMEOUTS),
    ...eventCalls(dial),
  };
}
