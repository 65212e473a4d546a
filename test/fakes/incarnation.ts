import type { Clock } from '../../src/manager/clock.ts';
import type { Podman } from '../../src/podman/podman.ts';
import type { Traffic } from '../../src/podman/traffic.ts';
import type { StateFiles } from '../../src/store/files.ts';
import type { MemoryFiles } from './memory-store.ts';
import { sleep } from './podman/world.ts';

/** How long a call is on its way to Podman, and its answer on the way back. */
export type Latency = (method: keyof Podman) => { readonly thereMs: number; readonly backMs: number };

export type TearableFiles = StateFiles & Pick<MemoryFiles, 'tear'>;

/**
 * Where one life touches the world. Between two of these a program can do nothing that outlives it: to die at each of
 * them is to die at every await.
 */
export type Crossing = 'BeforeCall' | 'AfterCall' | 'BeforeChange' | 'TornChange' | 'AfterChange';

/** @param what the call, or the path of the file */
export type OnCrossing = (crossing: Crossing, what: string) => void;

export interface Doors {
  readonly podman: Podman;
  readonly traffic: Traffic;
  readonly files: StateFiles;
  readonly clock: Clock;
}

/** The world on the other side of the doors. */
export interface Surroundings extends Doors {
  readonly files: TearableFiles;
  readonly latency: () => Latency;
  /** May kill. */
  readonly onCrossing: OnCrossing;
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

export function createIncarnation(surroundings: Surroundings): Incarnation {
  const { clock } = surroundings;
  const life = { over: false };
  return {
    podman: mortalPodman(surroundings, life),
    traffic: mortalTraffic(surroundings, life),
    files: mortalFiles(surroundings, life),
    clock: {
      now: () => clock.now(),
      uptimeMs: () => clock.uptimeMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, () => (life.over ? undefined : callback())),
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
async function answered<T>(life: Life, call: Promise<T>, arrive: () => void): Promise<T> {
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!life.over) arrive();
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

function mortalPodman({ podman, clock, latency, onCrossing }: Surroundings, life: Life): Podman {
  const travelling =
    (name: keyof Podman, call: Method): Method =>
    async (...args) => {
      const { thereMs, backMs } = latency()(name);
      if (thereMs > 0) await sleep(clock, thereMs);
      if (!life.over) onCrossing('BeforeCall', name);
      if (life.over) return never();
      return answered(life, underway(call(...args), clock, backMs), () => onCrossing('AfterCall', name));
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

function mortalTraffic({ traffic, onCrossing }: Surroundings, life: Life): Traffic {
  const guard = async <T>(name: keyof Traffic, call: () => Promise<T>): Promise<T> => {
    if (!life.over) onCrossing('BeforeCall', name);
    return life.over ? never() : answered(life, call(), () => onCrossing('AfterCall', name));
  };
  return {
    read: (holder) => guard('read', () => traffic.read(holder)),
    route: (holder, to) => guard('route', () => traffic.route(holder, to)),
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

function mortalFiles({ files, onCrossing }: Surroundings, life: Life): StateFiles {
  const guard = async <T>(call: () => Promise<T>): Promise<T> =>
    life.over ? never() : answered(life, call(), () => undefined);
  const change = async (path: string, call: () => Promise<void>, tear: () => void): Promise<void> => {
    if (!life.over) onCrossing('BeforeChange', path);
    if (life.over) return never();
    onCrossing('TornChange', path);
    if (life.over) {
      tear();
      return never();
    }
    return answered(life, call(), () => onCrossing('AfterChange', path));
  };
  const whole = (): void => undefined;
  return {
    read: (path) => guard(() => files.read(path)),
    list: (directory) => guard(() => files.list(directory)),
    write: (path, text, durability) =>
      change(
        path,
        () => files.write(path, text, durability),
        () => files.tear('write', path, text),
      ),
    append: (path, text, durability) =>
      change(
        path,
        () => files.append(path, text, durability),
        () => files.tear('append', path, text),
      ),
    remove: (path) => change(path, () => files.remove(path), whole),
    move: (from, to) => change(from, () => files.move(from, to), whole),
  };
}
