import type { Dial } from './dial.ts';
import { readJsonLines } from './lines.ts';
import type { Podman, PodmanEvent } from './podman.ts';
import type { WireEvent } from './wire.ts';

/** An event carries all labels of its container, and those may be megabytes. */
const EVENT_LIMIT_BYTES = 16 * 1024 * 1024;
const TYPES: ReadonlySet<string> = new Set<PodmanEvent['type']>([
  'container',
  'pod',
  'network',
  'volume',
  'image',
  'secret',
  'system',
]);

export function eventCalls(dial: Dial): Pick<Podman, 'events'> {
  return { events: (sinceMs, signal) => readEvents(dial, sinceMs, signal) };
}

async function* readEvents(
  dial: Dial,
  sinceMs: number,
  signal: AbortSignal,
): AsyncGenerator<PodmanEvent, void, undefined> {
  const query = { stream: true, since: (sinceMs / 1_000).toFixed(3) };
  const chunks = dial.stream({ method: 'GET', path: '/events', query, what: 'watch events', signal });
  try {
    for await (const wire of readJsonLines<WireEvent>(chunks, EVENT_LIMIT_BYTES)) {
      const event = podmanEvent(wire);
      if (event) yield event;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The container's own labels lie among Podman's attributes of the event. `undefined` for a type we do not know. */
export function podmanEvent(wire: WireEvent): PodmanEvent | undefined {
  if (!TYPES.has(wire.Type ?? '')) return undefined;
  const { name = '', ...labels } = wire.Actor?.Attributes ?? {};
  return {
    type: wire.Type as PodmanEvent['type'],
    action: wire.Action ?? '',
    id: wire.Actor?.ID ?? '',
    name,
    labels,
    atMs: wire.timeNano === undefined ? (wire.time ?? 0) * 1_000 : Math.floor(wire.timeNano / 1e6),
  };
}
