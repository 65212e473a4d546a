import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { messageOf } from '../api/errors.ts';
import { type Forwarder, startForwarder } from './forwarder.ts';
import type { NetworkNamespace } from './namespace.ts';
import { ProbeUnavailable } from './outcome.ts';
import type { ProbeClock, Route } from './probe.ts';
import { hostAndPort } from './route.ts';

/** A unix socket's path holds 107 bytes, and the connection's number comes behind the directory. */
const MAX_SOCKET_DIR_BYTES = 80;
/** A helper that no probe used for so long ends; the next probe starts another in 50 ms. */
const IDLE_END_MS = 120_000;
/** A helper that cannot run is not started again for every probe. */
const RESTART_DELAY_MS = 2_000;

/** Inside the namespace. */
export interface Destination {
  readonly host: string;
  readonly port: number;
  readonly signal: AbortSignal;
}

export interface Helpers {
  route(namespace: NetworkNamespace, destination: Destination): Promise<Route>;
  readonly close: () => Promise<void>;
}

interface Running {
  readonly forwarder: Forwarder;
  cancelIdleEnd: () => void;
}

/** At most one helper process for each network namespace that is in use. */
export function createHelpers(socketDir: string, clock: ProbeClock): Helpers {
  const running = new Map<string, Running>();
  let prepared: Promise<void> | undefined;

  const start = (namespace: NetworkNamespace): Running => {
    const forwarder = startForwarder(namespace, socketDir);
    const helper: Running = { forwarder, cancelIdleEnd: () => undefined };
    running.set(namespace.id, helper);
    void forwarder.ended.then(() => {
      helper.cancelIdleEnd();
      helper.cancelIdleEnd = clock.setTimer(RESTART_DELAY_MS, () => running.delete(namespace.id));
    });
    return helper;
  };
  const route: Helpers['route'] = async (namespace, { host, port, signal }) => {
    // Somebody may clean up below /run, and what failed once may work the next time.
    if (!existsSync(socketDir)) prepared = undefined;
    prepared ??= prepare(socketDir);
    await prepared;
    const helper = running.get(namespace.id) ?? start(namespace);
    if (helper.forwarder.alive()) {
      helper.cancelIdleEnd();
      helper.cancelIdleEnd = clock.setTimer(IDLE_END_MS, helper.forwarder.close);
    }
    const { path, close } = await helper.forwarder.open(host, port, signal);
    return { where: hostAndPort(host, port), connect: { path }, close };
  };
  const close = async (): Promise<void> => {
    const all = [...running.values()];
    for (const { forwarder } of all) forwarder.close();
    await Promise.all(all.map(({ forwarder }) => forwarder.ended));
    for (const helper of all) helper.cancelIdleEnd();
    if (prepared !== undefined) await rm(socketDir, { recursive: true, force: true });
  };
  return { route, close };
}

async function prepare(socketDir: string): Promise<void> {
  if (Buffer.byteLength(socketDir) > MAX_SOCKET_DIR_BYTES) {
    throw new ProbeUnavailable(
      `the probes' socket directory has a path above ${MAX_SOCKET_DIR_BYTES} bytes, choose a shorter runtime directory: ${socketDir}`,
    );
  }
  try {
    await rm(socketDir, { recursive: true, force: true });
    await mkdir(socketDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new ProbeUnavailable(`the probes' socket directory cannot be made: ${messageOf(error)}`);
  }
}
