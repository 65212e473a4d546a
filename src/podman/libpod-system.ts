import type { Dial } from './dial.ts';
import type { Podman } from './podman.ts';

/** A ping takes 0.5 ms; one that takes this long means that the service is as good as away. */
const PING_TIMEOUT_MS = 5_000;

export function systemCalls(dial: Dial): Pick<Podman, 'ping' | 'info'> {
  return {
    async ping(signal) {
      const what = 'answer a ping';
      const limits = { timeoutMs: PING_TIMEOUT_MS, ...(signal ? { signal } : {}) };
      const reply = await dial.call({ method: 'GET', path: '/_ping', what, ...limits });
      return { apiVersion: String(reply.headers['libpod-api-version'] ?? '') };
    },

    async info() {
      const reply = await dial.call<WireInfo>({ method: 'GET', path: '/info', what: 'describe itself' });
      const { host = {}, store = {}, version = {} } = reply.body ?? {};
      return {
        version: version.Version ?? '',
        rootless: host.security?.rootless ?? false,
        cgroupVersion: host.cgroupVersion === 'v2' ? 'v2' : 'v1',
        cgroupControllers: host.cgroupControllers ?? [],
        runRoot: store.runRoot ?? '',
        graphRoot: store.graphRoot ?? '',
        storageDriver: store.graphDriverName ?? '',
        networkBackend: host.networkBackend ?? '',
      };
    },
  };
}

interface WireInfo {
  readonly host?: {
    readonly security?: { readonly rootless?: boolean };
    readonly cgroupVersion?: string;
    readonly cgroupControllers?: readonly string[];
    readonly networkBackend?: string;
  };
  readonly store?: {
    readonly runRoot?: string;
    readonly graphRoot?: string;
    readonly graphDriverName?: string;
  };
  readonly version?: { readonly Version?: string };
}
