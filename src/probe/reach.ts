import { createHelpers } from './helpers.ts';
import { type NetworkNamespace, networkNamespaceOf, rootlessBridges } from './namespace.ts';
import { ProbeUnavailable } from './outcome.ts';
import type { OpenRoute, ProbeClock, ProbeTarget } from './probe.ts';
import { directRoute, LOOPBACK } from './route.ts';

export interface ReachOptions {
  /** Rootless Podman: bridge addresses exist in its own network namespace only. */
  readonly rootless: boolean;
  /** For the helpers' sockets: at most 80 bytes long, and ours alone, because it is wiped. */
  readonly socketDir: string;
  readonly clock: ProbeClock;
}

export interface Reach {
  readonly open: OpenRoute;
  readonly close: () => Promise<void>;
}

/**
 * How a probe gets to a container: straight to the bridge address as root, to 127.0.0.1 with host networking, and
 * else through a helper in the network namespace that has the address (docs/adr/0002-rootless-probes.md).
 */
export function createReach({ rootless, socketDir, clock }: ReachOptions): Reach {
  const helpers = createHelpers(socketDir, clock);
  const open: OpenRoute = async (target, port, signal, host) => {
    if (host !== undefined) return directRoute(host, port);
    if (target.ip !== undefined && !rootless) return directRoute(target.ip, port);
    const namespace = namespaceOf(target);
    if (namespace === undefined) return directRoute(LOOPBACK, port);
    return helpers.route(namespace, { host: target.ip ?? LOOPBACK, port, signal });
  };
  return { open, close: helpers.close };
}

/** `undefined` is the host's own. */
function namespaceOf({ pid, ip }: ProbeTarget): NetworkNamespace | undefined {
  if (pid > 0) return (ip === undefined ? undefined : rootlessBridges(pid)) ?? networkNamespaceOf(pid);
  if (ip === undefined) return undefined;
  throw new ProbeUnavailable(
    `${ip} is not reachable from the host, and the container's process is not known`,
  );
}
