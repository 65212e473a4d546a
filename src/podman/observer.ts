import { messageOf } from '../api/errors.ts';
import type { ObjectKey } from '../api/key.ts';
import type { Installation } from '../state/names.ts';
import type { ObservedAgent } from '../state/observed.ts';
import { createObservation, type Observation, ownerOf } from './observation.ts';
import type { Podman, PodmanEvent } from './podman.ts';
import type { Traffic } from './traffic.ts';

const RELIST_MS = 30_000;
const REINSPECT_MS = 300_000;
const FIRST_RECONNECT_MS = 100;
const MAX_RECONNECT_MS = 5_000;

/** Events of looking, not of changing: each exec probe would make us look again. */
const QUIET_ACTIONS = /^(exec|attach|health_status|sync|init|commit|checkpoint|export|mount|unmount|cleanup)/;

export interface ObserverOptions {
  readonly podman: Podman;
  readonly traffic: Traffic;
  readonly installation: () => Installation;
  readonly clock: { now(): number; setTimer(delayMs: number, callback: () => void): () => void };
  /** Something about this object may differ. Only containers have a key of their own here. */
  readonly onChange: (key: ObjectKey) => void;
  /** Something that is not a container changed: an image, a network, a pod, a volume. */
  readonly onResource: (event: PodmanEvent) => void;
  /** The slow list was made. It has containers alone: of the rest a lost event must be made up for too. */
  readonly onRelist: () => void;
  /** Podman answers again, or stopped answering. */
  readonly onReachable: (reachable: boolean, message: string) => void;
}

export interface Observer {
  /** What runs for one key: from memory while nothing hinted at a change, else asked anew. */
  observe(key: ObjectKey): Promise<ObservedAgent>;
  /** After an action of ours: what was seen before it is worth nothing. */
  invalidate(key: ObjectKey): void;
  /** A create was asked for; whether it answered or not, there may be a container of this name now. */
  expect(key: ObjectKey, name: string): void;
  /** Every key that had a container of ours in the newest list. */
  keys(): readonly ObjectKey[];
  start(signal: AbortSignal): Promise<void>;
}

/** One list at start, then Podman's events as hints with targeted inspects, and a slow list for what they lose. */
export function createObserver(options: ObserverOptions): Observer {
  const { clock, installation } = options;
  const observation = createObservation(options);
  const onEvent = (event: PodmanEvent): void => {
    if (QUIET_ACTIONS.test(event.action)) return;
    const key = event.type === 'container' ? ownerOf(event.labels, installation().id) : undefined;
    if (key) observation.hint(key, event);
    // Of a network's connect and disconnect the id is the container's.
    if (event.type === 'network') observation.hintId(event);
    if (event.type !== 'container') options.onResource(event);
  };
  /** Also the pulse: a Podman that hangs keeps its event stream open and says nothing. */
  const relist = (): void =>
    void observation.list().then(
      () => {
        options.onReachable(true, '');
        options.onRelist();
      },
      (error: unknown) => {
        observation.lose();
        options.onReachable(false, messageOf(error));
      },
    );
  return {
    observe: observation.observe,
    invalidate: observation.invalidate,
    expect: observation.expect,
    keys: observation.keys,
    start: async (signal) => {
      const sinceMs = clock.now();
      await observation.list();
      void follow(options, { onEvent, observation, signal, sinceMs });
      every(clock, { periodMs: RELIST_MS, signal, task: relist });
      every(clock, { periodMs: REINSPECT_MS, signal, task: observation.doubt });
    },
  };
}

interface Following {
  readonly onEvent: (event: PodmanEvent) => void;
  readonly observation: Observation;
  readonly signal: AbortSignal;
  /** A list began then: what happens from then on is told by events. */
  readonly sinceMs: number;
}

/** Holds the event stream open; what was missed while it was down is found by a list. */
async function follow(
  options: ObserverOptions,
  { onEvent, observation, signal, sinceMs: startedAtMs }: Following,
): Promise<void> {
  const { podman, clock, onReachable } = options;
  let delayMs = FIRST_RECONNECT_MS;
  let sinceMs = startedAtMs;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    let openedAtMs = Number.POSITIVE_INFINITY;
    try {
      if (!isFirst) {
        await podman.ping(signal);
        sinceMs = clock.now();
        await observation.list();
      }
      onReachable(true, '');
      openedAtMs = clock.now();
      for await (const event of podman.events(sinceMs, signal)) onEvent(event);
    } catch (error) {
      if (signal.aborted) return;
      onReachable(false, messageOf(error));
    }
    observation.lose();
    // A stream that ends at once, as with the events logger "none", leaves a list every 5 s.
    if (clock.now() - openedAtMs >= MAX_RECONNECT_MS) delayMs = FIRST_RECONNECT_MS;
    if (!signal.aborted) await pause(clock, delayMs, signal);
    delayMs = Math.min(MAX_RECONNECT_MS, delayMs * 2);
  }
}

function pause(clock: ObserverOptions['clock'], delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.setTimer(delayMs, end);
    signal.addEventListener('abort', end);
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
