import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PodmanError } from '../../src/podman/errors.ts';
import { createLibpod } from '../../src/podman/libpod.ts';
import type { Podman } from '../../src/podman/podman.ts';
import { type Bench, real } from '../contract/subjects.ts';
import { openFaultyPodman } from './faulty-podman.ts';
import { startOwnPodman } from './own-podman.ts';

/** A Podman of its own, whose service is killed in the middle of a call. */
export interface KilledService {
  readonly directory: string;
  readonly socket: string;
  readonly bench: Bench;
  /** It dies so long after a call whose path matches has begun, or when that is over, and is started again. */
  killIn(call: RegExp, afterMs: number, make: (cut: Podman) => Promise<unknown>): Promise<void>;
  /** It dies at the moment that is waited for while the call is made, and is started again. */
  killWhen(isTime: () => boolean, make: (cut: Podman) => Promise<unknown>): Promise<void>;
  close(): Promise<void>;
}

export async function openKilledService(): Promise<KilledService> {
  const podman = startOwnPodman();
  const { directory, socket } = podman;
  const proxy = await openFaultyPodman(socket, join(directory, 'faulty.sock'));
  const bench = await real('one that is killed', socket).open();
  return {
    directory,
    socket,
    bench,
    killIn: async (call, afterMs, make) => {
      let starting = Promise.resolve();
      const onBreak = (): void => {
        podman.kill();
        starting = podman.start();
      };
      proxy.setRule(({ path }) => (call.test(path) ? { type: 'CutDuring', afterMs, onBreak } : undefined));
      await endOf(make(createLibpod({ socketPath: proxy.url.replace('unix://', ''), now: Date.now })));
      await starting;
    },
    killWhen: async (isTime, make) => {
      const call = endOf(make(createLibpod({ socketPath: socket, now: Date.now }))).then(() => true);
      const look = (): Promise<boolean> => Promise.race([call, setImmediate(false)]);
      for (let isOver = false; !isOver && !isTime(); ) isOver = await look();
      podman.kill();
      await call;
      await podman.start();
    },
    close: async () => {
      await proxy.close();
      podman.remove();
    },
  };
}

/** How long a call takes on this machine when nobody dies in it. */
export async function takesMs(call: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await call();
  return performance.now() - startedAtMs;
}

/** It may have been made before its service died. */
const endOf = (call: Promise<unknown>): Promise<unknown> =>
  call.catch((error: unknown) => {
    if (!(error instanceof PodmanError) || error.kind !== 'Unreachable') throw error;
  });
