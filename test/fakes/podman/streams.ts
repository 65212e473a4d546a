import type { Clock } from '../../../src/manager/clock.ts';
import type { LogLine, LogOptions, Podman, PodmanEvent } from '../../../src/podman/podman.ts';
import { failure, isUp, requireContainer, type World } from './world.ts';

/** Old events are forgotten, as Podman's own log is rotated. */
const EVENT_HISTORY_LIMIT = 10_000;

/** For each event, when to deliver it, in ms from now: `[]` loses it, `[0, 0]` doubles it, `[200]` delays it. */
export type DeliverEvent = (event: PodmanEvent) => readonly number[];

export interface EventBus extends Pick<Podman, 'events'> {
  emit(event: Omit<PodmanEvent, 'atMs'>): void;
  setDelivery(deliver: DeliverEvent): void;
  /** The connection of everybody who watches breaks. */
  disconnectAll(): void;
}

export function createEventBus(clock: Clock): EventBus {
  const history: PodmanEvent[] = [];
  const watchers = new Set<Watcher>();
  let deliver: DeliverEvent = () => [0];

  const hand = (event: PodmanEvent): void => {
    history.push(event);
    if (history.length > EVENT_HISTORY_LIMIT) history.shift();
    for (const watcher of watchers) watcher.push(event);
  };
  return {
    emit: (event) => {
      const stamped = { ...event, atMs: clock.now() };
      for (const delayMs of deliver(stamped)) {
        if (delayMs === 0) hand(stamped);
        else clock.setTimer(delayMs, () => hand(stamped));
      }
    },
    setDelivery: (next) => {
      deliver = next;
    },
    disconnectAll: () => {
      for (const watcher of watchers) watcher.fail();
    },
    events: (sinceMs, signal) => {
      const past = history.filter((event) => event.atMs >= sinceMs);
      return watch(watchers, past, signal);
    },
  };
}

interface Watcher {
  push(event: PodmanEvent): void;
  fail(): void;
}

async function* watch(
  watchers: Set<Watcher>,
  past: readonly PodmanEvent[],
  signal: AbortSignal,
): AsyncGenerator<PodmanEvent, void, undefined> {
  const queue = [...past];
  let broken = false;
  let wake = (): void => {};
  const watcher: Watcher = {
    push: (event) => {
      queue.push(event);
      wake();
    },
    fail: () => {
      broken = true;
      wake();
    },
  };
  const abort = (): void => wake();
  watchers.add(watcher);
  signal.addEventListener('abort', abort);
  try {
    while (!signal.aborted) {
      const event = queue.shift();
      if (event) yield event;
      else if (broken)
        throw failure('Unreachable', 'Podman could not watch events: the connection was reset');
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    watchers.delete(watcher);
    signal.removeEventListener('abort', abort);
  }
}

export async function* readLog(
  world: World,
  nameOrId: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  const container = requireContainer(world, nameOrId);
  let position = firstLine(container.log, options);
  for (;;) {
    const line = container.log[position];
    if (line && !signal.aborted) {
      position += 1;
      const { atMs = 0, ...bare } = line;
      yield options.timestamps ? { ...bare, atMs } : bare;
      continue;
    }
    const removed = !world.containers.has(container.id);
    if (!options.follow || signal.aborted || removed || !isUp(container.state)) return;
    await changeOf(container.watchers, signal);
  }
}

function firstLine(log: readonly LogLine[], { tailLines, sinceMs = 0 }: LogOptions): number {
  const since = log.findIndex((line) => (line.atMs ?? 0) >= sinceMs);
  const first = since < 0 ? log.length : since;
  return tailLines === undefined ? first : Math.max(first, log.length - tailLines);
}

function changeOf(watchers: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      watchers.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    watchers.add(done);
    signal.addEventListener('abort', done);
  });
}
