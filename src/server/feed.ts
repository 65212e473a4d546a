import type { EventObject } from '../api/status.ts';
import type { Backend, EventReader, ObjectReader, WatchEvent } from './backend.ts';
import { EVENTS, type Resource } from './route.ts';
import type { Selectable } from './selectors.ts';

export interface Served extends Selectable {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Selectable['metadata'] & { readonly resourceVersion: string };
}

export interface Change {
  readonly type: WatchEvent['type'];
  readonly object: Served;
}

export interface FeedSelector {
  readonly namespace?: string;
  readonly sinceVersion: number;
}

/** What the API needs of any collection, objects and events alike. */
export interface Feed {
  list(namespace?: string): { readonly resourceVersion: string; readonly items: readonly Served[] };
  /** Throws GoneError when the history since that version is no longer kept. */
  watch(selector: FeedSelector, onChange: (change: Change) => void): () => void;
}

export const feedOf = (backend: Backend, resource: Resource): Feed =>
  resource === EVENTS.kind ? eventFeed(backend.events) : objectFeed(backend.objects, resource);

const objectFeed = (objects: ObjectReader, kind: string): Feed => ({
  list: (namespace) => objects.list(kind, namespace),
  watch: (selector, onChange) => objects.watch({ kind, ...selector }, onChange),
});

/** An event is never gone: what is no longer kept is simply not told again. */
function eventFeed(events: EventReader): Feed {
  const list = (namespace?: string): readonly EventObject[] => events.list(namespace);
  return {
    list: (namespace) => ({
      resourceVersion: String(Math.max(0, ...list().map(versionOf))),
      items: list(namespace).map(servedEvent),
    }),
    watch: ({ namespace, sinceVersion }, onChange) => {
      const tell = (event: EventObject): void =>
        onChange({ type: event.count > 1 ? 'MODIFIED' : 'ADDED', object: servedEvent(event) });
      for (const event of list(namespace)) if (versionOf(event) > sinceVersion) tell(event);
      return events.subscribe((event) => {
        if (namespace === undefined || event.metadata.namespace === namespace) tell(event);
      });
    },
  };
}

const versionOf = ({ metadata }: EventObject): number => Number(metadata.resourceVersion);

const servedEvent = (event: EventObject): Served & EventObject => ({
  apiVersion: 'v1',
  kind: EVENTS.kind,
  ...event,
});
