import type { ServerResponse } from 'node:http';
import { badRequest } from './errors.ts';
import type { Change, Feed, Served } from './feed.ts';
import { flag, wholeNumber } from './query.ts';
import { type Selects, selectorOf } from './selectors.ts';

export interface WatchRequest {
  readonly namespace?: string;
  readonly query: URLSearchParams;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
}

/** What a client may leave unread of later changes before it is cut: it then lists anew, and costs us no more memory. */
const MOST_UNREAD_BYTES = 4 * 1024 * 1024;
const LONGEST_WATCH_SECONDS = 86_400;
/** Forgetting one costs its client an ADDED for a MODIFIED, which every cache takes alike. */
const MOST_SEEN = 10_000;

/** Changes as one JSON object a line, until the client goes or `timeoutSeconds` are over. */
export function streamChanges(feed: Feed, request: WatchRequest, response: ServerResponse): Promise<void> {
  const { namespace, query, signal } = request;
  const start = startOf(query);
  const ends = endSignal(query, signal);
  const selects = selectorOf(query);
  const present = feed.list(namespace);
  const selected = present.items.filter(selects);
  const { send, limit } = createSender(response);
  const filter = createFilter(selects, { seen: new Set(selected.map(idOf)), send });

  response.setHeader('content-type', 'application/json');
  const sinceVersion = start.sinceVersion ?? Number(present.resourceVersion);
  let isReplay = true;
  const selector = { ...(namespace !== undefined && { namespace }), sinceVersion };
  const unsubscribe = feed.watch(selector, (change) => filter(change, isReplay));
  isReplay = false;
  if (start.sinceVersion === undefined) for (const object of selected) send('ADDED', object);
  if (start.bookmark) send('BOOKMARK', bookmarkOf(present.items[0], present.resourceVersion));
  limit();
  response.flushHeaders();
  return ended(ends).then(() => {
    unsubscribe();
    response.end();
  });
}

const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

interface Start {
  /** Absent: the present state first, then its changes. */
  readonly sinceVersion?: number;
  /** Kubernetes' streaming list: a bookmark says where the present state ends. */
  readonly bookmark: boolean;
}

function startOf(query: URLSearchParams): Start {
  const text = query.get('resourceVersion') ?? '';
  const bookmark = flag(query, 'sendInitialEvents');
  if (bookmark || text === '' || text === '0') return { bookmark };
  if (!/^\d{1,15}$/.test(text)) throw badRequest(`resourceVersion "${text}" is none that was given out here`);
  return { sinceVersion: Number(text), bookmark };
}

function endSignal(query: URLSearchParams, signal: AbortSignal): AbortSignal {
  const seconds = wholeNumber(query, 'timeoutSeconds') ?? 0;
  if (seconds === 0) return signal;
  return AbortSignal.any([signal, AbortSignal.timeout(Math.min(seconds, LONGEST_WATCH_SECONDS) * 1000)]);
}

type Send = (type: Change['type'] | 'BOOKMARK', object: object) => void;

interface Sender {
  readonly send: Send;
  /** What was sent until now is what the client asked for, however much; from now on it has to keep up. */
  readonly limit: () => void;
}

/** Only what is unread already counts: a single large object reaches a client that reads. */
function createSender(response: ServerResponse): Sender {
  let mostUnreadBytes = Number.POSITIVE_INFINITY;
  return {
    send: (type, object) => {
      if (response.destroyed) return;
      if (response.writableLength > mostUnreadBytes) response.destroy();
      else response.write(`${JSON.stringify({ type, object })}\n`);
    },
    limit: () => {
      mostUnreadBytes = response.writableLength + MOST_UNREAD_BYTES;
    },
  };
}

interface Seen {
  /** What this client has, as far as we can tell. */
  readonly seen: Set<string>;
  readonly send: Send;
}

/**
 * An object that a change takes out of the selection is, for this client, deleted, and added when it comes back. A
 * replayed change may have done so before `seen` was filled.
 */
function createFilter(selects: Selects, { seen, send }: Seen): (change: Change, isReplay: boolean) => void {
  return ({ type, object }, isReplay) => {
    const id = idOf(object);
    const wasSeen = seen.delete(id) || isReplay;
    if (!selects(object)) {
      if (wasSeen && type === 'MODIFIED') send('DELETED', object);
      return;
    }
    if (type !== 'DELETED') seen.add(id);
    if (seen.size > MOST_SEEN) seen.clear();
    send(type === 'MODIFIED' && !wasSeen ? 'ADDED' : type, object);
  };
}

const idOf = ({ metadata }: Served): string => `${metadata.namespace}/${metadata.name}`;

const bookmarkOf = (sample: Served | undefined, resourceVersion: string): object => ({
  ...(sample && { kind: sample.kind, apiVersion: sample.apiVersion }),
  metadata: { resourceVersion, annotations: { 'k8s.io/initial-events-end': 'true' } },
});
