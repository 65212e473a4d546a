import type { ObjectKey } from '../api/key.ts';
import { keyString } from '../api/key.ts';
import type { EventObject } from '../api/status.ts';
import { isObject, type Reading, readSealed, seal, type Warn } from './envelope.ts';
import type { StateFiles } from './files.ts';

export interface NewEvent {
  readonly key: ObjectKey;
  readonly type: EventObject['type'];
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  readonly message: string;
}

/** What happened, for people. The newest survive a restart; the last second of them may not survive a crash. */
export interface Events {
  /** The same object, reason and message again only counts up. Never throws and never waits. */
  record(event: NewEvent): void;
  /** Oldest first, by the last time they happened. */
  list(namespace?: string): readonly EventObject[];
  /** Called with every new or counted-up event; returns the end of it. */
  subscribe(onEvent: (event: EventObject) => void): () => void;
}

/** `manager/clock.ts` fits. */
export interface Timers {
  now(): number;
  setTimer(delayMs: number, callback: () => void): () => void;
}

interface EventsOptions extends Omit<Reading<EventObject[]>, 'isValid'> {
  readonly clock: Timers;
}

const FILE = 'events.json';
const MOST_EVENTS = 1_000;
const WRITE_DELAY_MS = 1_000;

export async function loadEvents(options: EventsOptions): Promise<Events & { flush(): Promise<void> }> {
  const { clock } = options;
  const stored = (await readSealed(FILE, { ...options, isValid: isEvents })) ?? [];
  /** In the order of the last time; the key says which events are the same. */
  const events = new Map(stored.map((event) => [identity(event), event] as const));
  const listeners = new Set<(event: EventObject) => void>();
  const saver = createSaver(options, () => seal([...events.values()]));
  let version = Math.max(0, ...stored.map((event) => Number(event.metadata.resourceVersion)));

  return {
    record: (news) => {
      version += 1;
      const event = merge(news, { version, nowMs: clock.now(), find: (id) => events.get(id) });
      events.delete(identity(event));
      events.set(identity(event), event);
      const [oldest] = events.keys();
      if (events.size > MOST_EVENTS && oldest !== undefined) events.delete(oldest);
      saver.touch();
      for (const tell of listeners) tell(event);
    },
    list: (namespace) =>
      [...events.values()].filter(
        (event) => namespace === undefined || event.metadata.namespace === namespace,
      ),
    subscribe: (onEvent) => {
      listeners.add(onEvent);
      return () => void listeners.delete(onEvent);
    },
    flush: saver.flush,
  };
}

const identity = ({ involvedObject, reason, message }: EventObject): string =>
  [keyString(involvedObject), reason, message].join('\n');

interface Moment {
  readonly version: number;
  readonly nowMs: number;
  readonly find: (identity: string) => EventObject | undefined;
}

function merge({ key, type, reason, message }: NewEvent, { version, nowMs, find }: Moment): EventObject {
  const { kind, namespace, name } = key;
  const at = new Date(nowMs).toISOString();
  const resourceVersion = String(version);
  const fresh: EventObject = {
    metadata: { name: `${name}.${nowMs.toString(16)}${version.toString(16)}`, namespace, resourceVersion },
    involvedObject: { kind, namespace, name },
    type,
    reason,
    message,
    count: 1,
    firstTimestamp: at,
    lastTimestamp: at,
  };
  const before = find(identity(fresh));
  if (!before) return fresh;
  const metadata = { ...before.metadata, resourceVersion };
  return { ...before, metadata, type, count: before.count + 1, lastTimestamp: at };
}

/** Writes at most once a second, so that a storm of events costs the disk no more than one. */
function createSaver(
  { files, clock, warn }: { readonly files: StateFiles; readonly clock: Timers; readonly warn: Warn },
  text: () => string,
): { touch(): void; flush(): Promise<void> } {
  let cancel: (() => void) | undefined;
  let writing = Promise.resolve();
  const save = (): Promise<void> => {
    cancel = undefined;
    writing = writing
      .then(() => files.write(FILE, text(), 'Lazy'))
      .catch((error: Error) => warn(`events are kept in memory only: ${error.message}`));
    return writing;
  };
  return {
    touch: () => {
      cancel ??= clock.setTimer(WRITE_DELAY_MS, () => void save());
    },
    flush: () => {
      if (!cancel) return writing;
      cancel();
      return save();
    },
  };
}

const isEvents = (value: unknown): value is EventObject[] =>
  Array.isArray(value) &&
  value.every((event) => isObject(event) && isObject(event['metadata']) && isObject(event['involvedObject']));
