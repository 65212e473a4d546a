import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { z } from 'zod';
import { probe as probeSchema } from '../../src/api/probe.ts';
import { systemClock } from '../../src/manager/clock.ts';
import type { ExecInContainer } from '../../src/probe/exec.ts';
import type { ProbeOutcome, ProbeTarget } from '../../src/probe/probe.ts';
import { createReach } from '../../src/probe/reach.ts';
import { createRunProbe } from '../../src/probe/run.ts';

export type ProbeInput = z.input<typeof probeSchema>;

export const aTarget = (changes: Partial<ProbeTarget> = {}): ProbeTarget => ({
  containerId: 'c0ffee',
  startedAtMs: 0,
  pid: 0,
  ip: '127.0.0.1',
  namedPorts: {},
  ...changes,
});

const reach = createReach({ rootless: false, socketDir: '/nonexistent', clock: systemClock });
const noExec: ExecInContainer = () => Promise.reject(new Error('no exec here'));

/** Runs one probe against this host, as the controller would. */
export const probeOnce = (
  input: ProbeInput,
  { target = aTarget(), exec = noExec }: { target?: ProbeTarget; exec?: ExecInContainer } = {},
): Promise<ProbeOutcome> =>
  createRunProbe({ clock: systemClock, open: reach.open, exec })(
    probeSchema.parse(input),
    target,
    new AbortController().signal,
  );

/** How long it took beside what it said. */
export async function timed<T>(work: () => Promise<T>): Promise<{ result: T; elapsedMs: number }> {
  const startMs = performance.now();
  const result = await work();
  return { result, elapsedMs: performance.now() - startMs };
}

/** Listens on a free port of 127.0.0.1 until the test ends, whatever is still connected. */
export async function listening(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    socket.on('error', () => undefined);
    sockets.add(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** A program that says these bytes to whoever connects, and then does `then`. */
export const saying = (bytes: string | Buffer, then: 'closes' | 'hangs' = 'closes'): Promise<number> =>
  listening(
    createServer((socket) => {
      socket.resume();
      if (then === 'closes') socket.end(bytes);
      else socket.write(bytes);
    }),
  );

/** A port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Files, sockets and pipes that this process has open. */
export const openDescriptors = (): number => readdirSync('/proc/self/fd').length;
