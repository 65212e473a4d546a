import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import { labels, ownerIn } from '../api/labels.ts';
import { type Installation, isOurs, ownFilter } from '../state/names.ts';
import { holdersOf, type ObservedAgent, type ObservedContainer } from '../state/observed.ts';
import { createContainerIndex } from './container-index.ts';
import { observedAgent } from './observed-agent.ts';
import type { ContainerSummary, Podman, PodmanEvent } from './podman.ts';
import { createSightings, type Known } from './sightings.ts';
import type { Traffic } from './traffic.ts';

export interface ObservationOptions {
  readonly podman: Podman;
  readonly traffic: Traffic;
  readonly installation: () => Installation;
  readonly clock: { now(): number };
  /** Something about this object may differ. */
  readonly onChange: (key: ObjectKey) => void;
}

/** What was last seen of each object, and whether that can still be believed. */
export interface Observation {
  observe(key: ObjectKey): Promise<ObservedAgent>;
  invalidate(key: ObjectKey): void;
  expect(key: ObjectKey, name: string): void;
  /** An event about one of its containers: any may be lost, doubled or late. */
  hint(key: ObjectKey, event: PodmanEvent): void;
  /** An event that names one of our containers by its id alone, such as one of a network. */
  hintId(event: PodmanEvent): void;
  /** Finds what no event told; tells of every object that differs. */
  list(): Promise<void>;
  /** Events may have been missed: nothing known counts until the next list. */
  lose(): void;
  /** Everything is to be looked at again. */
  doubt(): void;
  keys(): readonly ObjectKey[];
}

/**
 * A list costs Podman 0.2 to 0.8 ms for every container there is, filtered or not, and an inspect 2 ms: so nothing is
 * listed for one object. Which containers it has is known from the list of all, from events and from our own creates.
 */
export function createObservation(options: ObservationOptions): Observation {
  const { podman, traffic, clock, installation } = options;
  const index = createContainerIndex();
  let listed: readonly ObjectKey[] = [];
  let isIndexed = false;
  let indexing: Promise<void> | undefined;

  const mark = (key: ObjectKey): void => {
    doubt(keyString(key));
    options.onChange(key);
  };
  const list = async (): Promise<void> => {
    const summaries = await podman.listContainers(ownFilter(installation()));
    listed = keysOf(summaries, installation().id);
    for (const { id, labels: found } of summaries) {
      const key = ownerOf(found, installation().id);
      if (key) index.add(keyString(key), id);
    }
    isIndexed = true;
    for (const key of changedKeys(summaries, known)) mark(key);
  };
  const whenIndexed = (): Promise<void> => (indexing ??= list().finally(() => (indexing = undefined)));
  const look = async (key: ObjectKey): Promise<ObservedAgent> => {
    if (!isIndexed) await whenIndexed();
    const observedAtMs = clock.now();
    const inspect = () => index.inspect(keyString(key), podman.inspectContainer);
    const first = await inspect();
    const { containers } = first.missedName ? await whenIndexed().then(inspect) : first;
    const own = containers.filter((container) => isOurs(installation(), key, container.labels));
    return observedAgent(own, traffic, observedAtMs);
  };
  const { observe, doubt, isBelieved, known } = createSightings(look);
  const suspect = (key: ObjectKey, atMs: number): void => {
    const id = keyString(key);
    if (!isBelieved(id) || !saw(known.get(id)?.observed.observedAtMs ?? 0, atMs, clock.now())) mark(key);
  };
  return {
    observe,
    invalidate: (key) => doubt(keyString(key)),
    expect: (key, name) => index.add(keyString(key), name),
    hint: (key, { id, atMs }) => {
      index.add(keyString(key), id);
      suspect(key, atMs);
    },
    hintId: ({ id, atMs }) => keysWith(known, id).forEach((key) => suspect(key, atMs)),
    list,
    lose: () => {
      isIndexed = false;
      for (const id of known.keys()) doubt(id);
    },
    doubt: () => {
      for (const { key } of known.values()) mark(key);
    },
    keys: () => listed,
  };
}

/**
 * What happened before the last look began was seen by it: most events tell of our own calls, late. A clock that was
 * set back since the look tells nothing.
 */
const saw = (lookedAtMs: number, atMs: number, nowMs: number): boolean =>
  atMs < lookedAtMs && lookedAtMs <= nowMs;

/** The object that a container of ours belongs to. */
export const ownerOf = (
  found: Readonly<Record<string, string>>,
  installation: string,
): ObjectKey | undefined => (found[labels.installation] === installation ? ownerIn(found) : undefined);

function keysOf(summaries: readonly ContainerSummary[], installation: string): ObjectKey[] {
  const keys = summaries
    .map((summary) => ownerOf(summary.labels, installation))
    .filter((key) => key !== undefined);
  return [...new Map(keys.map((key) => [keyString(key), key])).values()];
}

const allOf = (observed: ObservedAgent): readonly ObservedContainer[] => [
  ...observed.containers,
  ...holdersOf(observed),
];

const keysWith = (known: ReadonlyMap<KeyString, Known>, containerId: string): ObjectKey[] =>
  [...known.values()]
    .filter(({ observed }) => allOf(observed).some(({ id }) => id === containerId))
    .map(({ key }) => key);

/** Keys whose list differs from what is known: new, gone, or in another state or run. */
function changedKeys(
  summaries: readonly ContainerSummary[],
  known: ReadonlyMap<KeyString, Known>,
): ObjectKey[] {
  const changed = new Map<KeyString, ObjectKey>();
  const seen = new Set<string>();
  const byId = new Map<string, ObservedContainer>();
  for (const { observed } of known.values())
    for (const container of allOf(observed)) byId.set(container.id, container);
  for (const summary of summaries) {
    seen.add(summary.id);
    const key = ownerIn(summary.labels);
    const before = byId.get(summary.id);
    const same =
      before?.state === summary.state && before.pid === summary.pid && before.name === summary.name;
    if (key && !same) changed.set(keyString(key), key);
  }
  for (const { key, observed } of known.values()) {
    if (allOf(observed).some(({ id }) => !seen.has(id))) changed.set(keyString(key), key);
  }
  return [...changed.values()];
}
