import { keyString, type KeyString } from '../api/key.ts';
import type { ClosedWindow } from '../api/sync-window.ts';
import { hashOf } from './canonical.ts';
import type { DesiredObject, DesiredState } from './desired.ts';

export interface Holding {
  readonly previous: DesiredState;
  /** What would be desired if nobody held it. */
  readonly next: DesiredState;
  readonly window: ClosedWindow;
  /** Whether an object that `previous` does not have was applied before this process began: a Secret, of which nothing is kept but names. */
  readonly wasApplied: (object: DesiredObject) => boolean;
}

/**
 * Outside of a sync window: what was desired stays so, whole, and what differs is told as waiting. A removal that began
 * goes on. What means the same is taken anew, so that it points at files that are there.
 */
export function holdChanges(holding: Holding): DesiredState {
  const { previous, next, window } = holding;
  if (next.frozen !== undefined) return next;
  const followed = new Map([...next.objects].filter(([, object]) => isFollowed(holding, object)));
  const kept = new Map<KeyString, DesiredObject>([...previous.objects, ...followed]);
  const pruned = new Set([...next.pruned].filter((key) => previous.pruned.has(key)));
  const waiting = [
    ...[...next.objects.keys()].filter((key) => !followed.has(key)),
    ...[...next.pruned].filter((key) => !pruned.has(key)),
  ].sort();
  const { commit: _waits, ...rest } = next;
  const commit = waiting.length === 0 ? next.commit : previous.commit;
  return {
    ...rest,
    objects: new Map([...kept].sort(([left], [right]) => (left < right ? -1 : 1))),
    pruned,
    ...(commit !== undefined && { commit }),
    ...(waiting.length > 0 && { held: { ...window, waiting } }),
  };
}

function isFollowed({ previous, wasApplied }: Holding, object: DesiredObject): boolean {
  const before = previous.objects.get(keyString(object.key));
  return before ? meaningOf(before) === meaningOf(object) : wasApplied(object);
}

/** What an object asks for, with the contents of what it points at, wherever on this host that lies. */
export function meaningOf(object: DesiredObject): string {
  const { specHash, inputs } = object;
  const meaning =
    meanings.get(object) ?? hashOf({ specHash, digests: inputs.digests, baseImages: inputs.baseImages });
  meanings.set(object, meaning);
  return meaning;
}

/** A desired object is never changed, only replaced; each reconcile of each agent asks for its meaning. */
const meanings = new WeakMap<DesiredObject, string>();
