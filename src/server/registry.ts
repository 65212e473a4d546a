import type { ApiObject } from '../api/status.ts';
import { isSameJson } from '../state/same-json.ts';
import type { ObjectReader, WatchEvent, WatchSelector } from './backend.ts';
import { GoneError } from './errors.ts';
import { withoutSecretValues } from './secret-values.ts';

export type PublishedObject = Omit<ApiObject, 'metadata'> & {
  readonly metadata: Omit<ApiObject['metadata'], 'resourceVersion'>;
};

export interface Registry extends ObjectReader {
  /** An object equal to the one already held makes no new version and tells nobody. */
  publish(object: PublishedObject): void;
  remove(kind: string, namespace: string, name: string): void;
}

export interface RegistryOptions {
  /** Epoch milliseconds: the first version, so that a restart never gives out a version for the second time. */
  readonly nowMs: () => number;
  readonly mostChanges?: number;
}

/** About a minute of eight agents rolling out; a change keeps its whole object. */
const MOST_CHANGES = 512;

/** What the API serves, with the newest changes for watchers to catch up on. One version counts for all kinds. */
export function createRegistry({ nowMs, mostChanges = MOST_CHANGES }: RegistryOptions): Registry {
  const objects = new Map<string, ApiObject>();
  const changes: WatchEvent[] = [];
  const watchers = new Set<(event: WatchEvent) => void>();
  let version = nowMs();
  /** Changes up to this one are forgotten. */
  let forgotten = version;

  const tell = (type: WatchEvent['type'], object: ApiObject): void => {
    const event = { type, object };
    changes.push(event);
    const oldest = changes.length > mostChanges ? changes.shift() : undefined;
    if (oldest) forgotten = versionOf(oldest);
    for (const watcher of watchers) watcher(event);
  };
  const stamp = (object: PublishedObject): ApiObject => {
    version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
  };

  return {
    publish: (published) => {
      const object = withoutSecretValues(published);
      const id = idOf(object.kind, object.metadata);
      const before = objects.get(id);
      if (before && isSameJson(object, unstamped(before))) return;
      const stamped = stamp(object);
      objects.set(id, stamped);
      tell(before ? 'MODIFIED' : 'ADDED', stamped);
    },
    remove: (kind, namespace, name) => {
      const id = idOf(kind, { namespace, name });
      const before = objects.get(id);
      if (!before) return;
      objects.delete(id);
      tell('DELETED', stamp(before));
    },
    list: (kind, namespace) => {
      const items = [...objects.values()].filter((object) => isIn(object, { kind, namespace }));
      return { resourceVersion: String(version), items: items.sort(byName) };
    },
    get: (kind, namespace, name) => objects.get(idOf(kind, { namespace, name })),
    watch: (selector, onChange) => {
      const { sinceVersion } = selector;
      if (sinceVersion < forgotten || sinceVersion > version) throw new GoneError(sinceVersion, forgotten);
      const watcher = (event: WatchEvent): void => {
        if (isIn(event.object, selector)) onChange(event);
      };
      for (const event of changes) if (versionOf(event) > sinceVersion) watcher(event);
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
  };
}

const idOf = (kind: string, { namespace, name }: { namespace: string; name: string }): string =>
  `${kind}/${namespace}/${name}`;

const versionOf = ({ object }: WatchEvent): number => Number(object.metadata.resourceVersion);

function unstamped(object: ApiObject): PublishedObject {
  const { resourceVersion: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

type Wanted = Pick<WatchSelector, 'kind' | 'name'> & { readonly namespace?: string | undefined };

const isIn = ({ kind, metadata }: ApiObject, wanted: Wanted): boolean =>
  kind === wanted.kind &&
  (wanted.namespace === undefined || metadata.namespace === wanted.namespace) &&
  (wanted.name === undefined || metadata.name === wanted.name);

const byName = ({ metadata: left }: ApiObject, { metadata: right }: ApiObject): number =>
  compare(left.namespace, right.namespace) || compare(left.name, right.name);

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);
