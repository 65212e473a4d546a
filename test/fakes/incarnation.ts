import type { Clock } from '../../src/manager/clock.ts';
import type { Podman } from '../../src/podman/podman.ts';
import type { Traffic } from '../../src/podman/traffic.ts';
import type { StateFiles } from '../../src/store/files.ts';
import { sleep } from './podman/world.ts';

/** How long a call is on its way to Podman, and its answer on the way back. */
export type Latency = (method: keyof Podman) => { readonly thereMs: number; readonly backMs: number };

export interface Doors {
  readonly podman: Podman;
  readonly traffic: Traffic;
  readonly files: StateFiles;
  readonly clock: Clock;
}

/** One life of the controller: all that it can reach the world by. */
export interface Incarnation extends Doors {
  /**
   * Between two instructions: from now on nothing that it does has an effect, and nothing ever answers it. What
   * Podman was already told it goes on with.
   */
  kill(): void;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

export function createIncarnation(doors: Doors, latency: () => Latency): Incarnation {
  const life = { over: false };
  return {
    podman: mortalPodman(doors, latency, life),
    traffic: mortalTraffic(doors.traffic, life),
    files: mortalFiles(doors.files, life),
    clock: {
      now: () => doors.clock.now(),
      setTimer: (delayMs, callback) =>
        doors.clock.setTimer(delayMs, () => (life.over ? undefined : callback())),
    },
    kill: () => {
      life.over = true;
    },
  };
}

interface Life {
  readonly over: boolean;
}

type Method = (...args: unknown[]) => Promise<unknown>;

/** The answer, or silence when the one who asked is gone. */
async function answered<T>(life: Life, call: Promise<T>): Promise<T> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (life.over) return never();
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}

/** Good or bad, the answer takes its time. */
async function underway<T>(call: Promise<T>, clock: Clock, backMs: number): Promise<T> {
  try {
    return await call;
  } finally {
    if (backMs > 0) await sleep(clock, backMs);
  }
}

function mortalPodman({ podman, clock }: Doors, latency: () => Latency, life: Life): Podman {
  const travelling =
    (name: keyof Podman, call: Method): Method =>
    async (...args) => {
      const { thereMs, backMs } = latency()(name);
      if (thereMs > 0) await sleep(clock, thereMs);
      if (life.over) return never();
      return answered(life, underway(call(...args), clock, backMs));
    };
  const entries = Object.entries(podman).map(([name, call]) =>
    name === 'events' || name === 'logs'
      ? [name, call]
      : [name, travelling(name as keyof Podman, call as Method)],
  );
  return {
    ...(Object.fromEntries(entries) as unknown as Podman),
    events: (sinceMs, signal) => mortalStream(life, podman.events(sinceMs, signal)),
    logs: (name, options, signal) => mortalStream(life, podman.logs(name, options, signal)),
  };
}

function mortalTraffic(traffic: Traffic, life: Life): Traffic {
  const guard = <T>(call: () => Promise<T>): Promise<T> => (life.over ? never() : answered(life, call()));
  return {
    read: (holder) => guard(() => traffic.read(holder)),
    route: (holder, to) => guard(() => traffic.route(holder, to)),
  };
}

async function* mortalStream<T>(life: Life, stream: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  if (life.over) await never();
  for await (const item of stream) {
    if (life.over) await never();
    yield item;
  }
  if (life.over) await never();
}

function mortalFiles(files: StateFiles, life: Life): StateFiles {
  const guard = <T>(call: () => Promise<T>): Promise<T> => (life.over ? never() : answered(life, call()));
  return {
    read: (path) => guard(() => files.read(path)),
    list: (directory) => guard(() => files.list(directory)),
    write: (path, text, durability) => guard(() => files.write(path, text, durability)),
    append: (path, text, durability) => guard(() => files.append(path, text, durability)),
    remove: (path) => guard(() => files.remove(path)),
    move: (from, to) => guard(() => files.move(from, to)),
  };
}
