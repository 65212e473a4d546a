import { messageOf } from '../api/errors.ts';
import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import { labels } from '../api/labels.ts';
import { type Installation, ownFilter } from '../state/names.ts';
import type { ObservedAgent, ObservedContainer } from '../state/observed.ts';
import type { ContainerSummary, Podman, PodmanEvent } from './podman.ts';

const RELIST_MS = 30_000;
const REINSPECT_MS = 300_000;
const FIRST_RECONNECT_MS = 100;
const MAX_RECONNECT_MS = 5_000;

/** Events of looking, not of changing: each exec probe would make us look again. */
const QUIET_ACTIONS = /^(exec|attach|health_status|sync|init|commit|checkpoint|export|mount|unmount|cleanup)/;

export interface ObserverOptions {
  readonly podman: Podman;
  readonly installation: () => Installation;
  readonly clock: { now(): number; setTimer(delayMs: number, callback: () => void): () => void };
  /** Something about this object may differ. Only containers have a key of their own here. */
  readonly onChange: (key: ObjectKey) => void;
  /** Something that is not a container changed: an image, a network, a pod, a volume. */
  readonly onResource: (event: PodmanEvent) => void;
  /** Podman answers again, or stopped answering. */
  readonly onReachable: (reachable: boolean, message: string) => void;
}

export interface Observer {
  /** What runs for one key: from memory while nothing hinted at a change, else asked anew. */
  observe(key: ObjectKey): Promise<ObservedAgent>;
  /** After an action of ours: what was seen before it is worth nothing. */
  invalidate(key: ObjectKey): void;
  /** Every key that had a container of ours in the newest list. */
  keys(): readonly ObjectKey[];
  start(signal: AbortSignal): Promise<void>;
}

interface Known {
  readonly key: ObjectKey;
  readonly observed: ObservedAgent;
}

/** One list at start, then Podman's events as hints with targeted inspects, and a slow list for what they lose. */
export function createObserver(options: ObserverOptions): Observer {
  const { podman, clock } = options;
  const known = new Map<KeyString, Known>();
  const stale = new Set<KeyString>();
  let listed: readonly ObjectKey[] = [];

  const mark = (key: ObjectKey): void => {
    stale.add(keyString(key));
    options.onChange(key);
  };
  const observe = async (key: ObjectKey): Promise<ObservedAgent> => {
    const id = keyString(key);
    const cached = known.get(id);
    if (cached && !stale.has(id)) return cached.observed;
    stale.delete(id);
    try {
      const observed = await look(options, key);
      known.set(id, { key, observed });
      return observed;
    } catch (error) {
      stale.add(id);
      throw error;
    }
  };
  const relist = async (): Promise<void> => {
    const summaries = await podman.listContainers(ownFilter(options.installation()));
    listed = keysOf(summaries, options.installation().id);
    for (const key of changedKeys(summaries, known)) mark(key);
  };
  const onEvent = (event: PodmanEvent): void => {
    if (QUIET_ACTIONS.test(event.action)) return;
    const key = event.type === 'container' ? keyOf(event.labels, options.installation().id) : undefined;
    if (key) mark(key);
    else options.onResource(event);
  };
  const reinspect = (): void => {
    for (const { key } of known.values()) mark(key);
  };
  return {
    observe,
    invalidate: (key) => void stale.add(keyString(key)),
    keys: () => listed,
    start: async (signal) => {
      await relist();
      void follow(options, {
        onEvent,
        relist,
        signal,
        onLost: () => [...known.keys()].forEach((id) => stale.add(id)),
      });
      every(clock, { periodMs: RELIST_MS, signal, task: () => void relist().catch(() => undefined) });
      every(clock, { periodMs: REINSPECT_MS, signal, task: reinspect });
    },
  };
}

async function look(
  { podman, clock, installation }: ObserverOptions,
  key: ObjectKey,
): Promise<ObservedAgent> {
  const observedAtMs = clock.now();
  const summaries = await podman.listContainers(ownFilter(installation(), key));
  const found = await Promise.all(summaries.map(({ id }) => podman.inspectContainer(id)));
  return { containers: found.filter((container) => container !== undefined), observedAtMs };
}

function keyOf(found: Readonly<Record<string, string>>, installation: string): ObjectKey | undefined {
  const { [labels.kind]: kind, [labels.namespace]: namespace, [labels.name]: name } = found;
  if (found[labels.installation] !== installation || !kind || !namespace || !name) return undefined;
  return { kind, namespace, name };
}

function keysOf(summaries: readonly ContainerSummary[], installation: string): ObjectKey[] {
  const keys = summaries
    .map((summary) => keyOf(summary.labels, installation))
    .filter((key) => key !== undefined);
  return [...new Map(keys.map((key) => [keyString(key), key])).values()];
}

/** Keys whose list differs from what is known: new, gone, or in another state or run. */
function changedKeys(
  summaries: readonly ContainerSummary[],
  known: ReadonlyMap<KeyString, Known>,
): ObjectKey[] {
  const changed = new Map<KeyString, ObjectKey>();
  const seen = new Set<string>();
  const byId = new Map<string, ObservedContainer>();
  for (const { observed } of known.values())
    for (const container of observed.containers) byId.set(container.id, container);
  for (const summary of summaries) {
    seen.add(summary.id);
    const key = keyOf(summary.labels, summary.labels[labels.installation] ?? '');
    const before = byId.get(summary.id);
    const same =
      before?.state === summary.state && before.pid === summary.pid && before.name === summary.name;
    if (key && !same) changed.set(keyString(key), key);
  }
  for (const { key, observed } of known.values()) {
    if (observed.containers.some(({ id }) => !seen.has(id))) changed.set(keyString(key), key);
  }
  return [...changed.values()];
}

interface Following {
  readonly onEvent: (event: PodmanEvent) => void;
  readonly relist: () => Promise<void>;
  /** What was seen before an outage is worth nothing after it. */
  readonly onLost: () => void;
  readonly signal: AbortSignal;
}

/** Holds the event stream open; what was missed while it was down is found by a list. */
async function follow(
  options: ObserverOptions,
  { onEvent, relist, onLost, signal }: Following,
): Promise<void> {
  const { podman, clock, onReachable } = options;
  let delayMs = FIRST_RECONNECT_MS;
  let sinceMs = clock.now();
  while (!signal.aborted) {
    try {
      await podman.ping(signal);
      onReachable(true, '');
      await relist();
      delayMs = FIRST_RECONNECT_MS;
      for await (const event of podman.events(sinceMs, signal)) onEvent(event);
      sinceMs = clock.now();
    } catch (error) {
      if (signal.aborted) return;
      onLost();
      onReachable(false, messageOf(error));
    }
    if (!signal.aborted) await pause(clock, delayMs, signal);
    delayMs = Math.min(MAX_RECONNECT_MS, delayMs * 2);
  }
}

function pause(clock: ObserverOptions['clock'], delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.setTimer(delayMs, resolve);
    signal.addEventListener('abort', () => (cancel(), resolve()), { once: true });
  });
}

interface Repetition {
  readonly periodMs: number;
  readonly signal: AbortSignal;
  readonly task: () => void;
}

function every(clock: ObserverOptions['clock'], { periodMs, signal, task }: Repetition): void {
  const arm = (): (() => void) =>
    clock.setTimer(periodMs, () => {
      if (signal.aborted) return;
      task();
      cancel = arm();
    });
  let cancel = arm();
  signal.addEventListener('abort', () => cancel(), { once: true });
}
