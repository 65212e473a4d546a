import { connect, type Socket } from 'node:net';
import { ProbeUnavailable } from './outcome.ts';
import type { ProbeTarget, Route } from './probe.ts';

export const LOOPBACK = '127.0.0.1';

/** `host:port` as in a URL: an IPv6 address in brackets. */
export const hostAndPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

export const directRoute = (host: string, port: number): Route => ({
  where: hostAndPort(host, port),
  connect: { host, port },
  close: () => undefined,
});

/** Throws `ProbeUnavailable` when the probe says a name that the container does not declare. */
export function portOf(target: ProbeTarget, port: number | string): number {
  if (typeof port === 'number') return port;
  const named = target.namedPorts[port];
  if (named !== undefined) return named;
  const known = Object.keys(target.namedPorts).join(', ') || 'none';
  throw new ProbeUnavailable(`the probe's port "${port}" is not among the named ports (${known})`);
}

/** An established connection; the caller destroys it. Rejects with the connection's own error, or when aborted. */
export function dial(route: Route, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(route.connect);
    const abort = (): void => void socket.destroy(new Error('aborted'));
    signal.addEventListener('abort', abort, { once: true });
    socket.once('connect', () => resolve(socket));
    // Stays attached: a reset after the connection must not become an uncaught error.
    socket.on('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}
