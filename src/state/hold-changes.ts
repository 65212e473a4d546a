import { keyString, type KeyString, type ObjectKey } from '../api/key.ts';
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
  /** Whether something of it was there when the state was lost, and nothing of it was applied since. */
  readonly wasFound: (key: KeyString) => boolean;
}

/**
 * Outside of a sync window: what was desired stays so, whole, and what differs is told as waiting. A removal that began
 * goes on. What means the same is taken anew, so that it points at files that are there.
 */
export function holdChanges(holding: Holding): DesiredState {
  const { previous, next, window } = holding;
  if (next.frozen !== undefined) return next;
  const adopted = [...next.objects].filter(([, { key }]) => isAdopted(holding, key));
  const followed = new Map(
    [...next.objects].filter(([, object]) => isFollowed(holding, object, adopted.length > 0)),
  );
  const kept = new Map<KeyString, DesiredObject>([...previous.objects, ...followed, ...adopted]);
  const pruned = new Set([...next.pruned].filter((key) => previous.pruned.has(key)));
  const waiting = [
    ...[...next.objects.keys()].filter((key) => !followed.has(key)),
    ...[...next.pruned].filter((key) => !pruned.has(key)),
  ].sort();
  const { commit: _waits, ...rest } = next;
  const commit = waiting.length === 0 ? next.commit : previous.commit;
  const held = { ...window, waiting, adopted: adopted.map(([key]) => key) };
  return {
    ...rest,
    objects: new Map([...kept].sort(([left], [right]) => (left < right ? -1 : 1))),
    pruned,
    ...(commit !== undefined && { commit }),
    ...(waiting.length > 0 && { held }),
  };
}

/** To look after what runs is no change of it, whoever lost the manifest that it was made from. */
const isAdopted = ({ wasFound }: Holding, key: ObjectKey): boolean =>
  key.kind === 'Agent' && wasFound(keyString(key));

/** What an agent needs in order to be started again. Nothing of it reaches a container that runs. */
const SUPPORTS: ReadonlySet<string> = new Set(['Network', 'Volume', 'PodGroup', 'ConfigMap', 'Secret']);

function isFollowed(holding: Holding, object: DesiredObject, hasAdopted: boolean): boolean {
  const { previous, wasApplied } = holding;
  if (isAdopted(holding, object.key)) return false;
  const before = previous.objects.get(keyString(object.key));
  if (before) return meaningOf(before) === meaningOf(object);
  return wasApplied(object) || (hasAdopted && SUPPORTS.has(object.key.kind));
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
