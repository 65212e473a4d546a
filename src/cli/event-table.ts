import type { EventObject } from '../api/status.ts';
import { ageOf } from './duration.ts';

export interface EventList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly EventObject[];
}

export const EVENT_HEADERS: readonly string[] = ['LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];

export function eventRow(event: EventObject, nowMs: number): string[] {
  const { type, reason, involvedObject, message } = event;
  return [
    seen(event, nowMs),
    type,
    reason,
    `${involvedObject.kind.toLowerCase()}/${involvedObject.name}`,
    message,
  ];
}

/** `5s (x3 over 2m)`, as kubectl counts. */
function seen({ lastTimestamp, firstTimestamp, count }: EventObject, nowMs: number): string {
  const last = ageOf(lastTimestamp, nowMs);
  return count > 1 ? `${last} (x${count} over ${ageOf(firstTimestamp, nowMs)})` : last;
}
