import type { Manifest } from '../src/api/kinds.ts';
import type { Secret } from '../src/api/resources.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import { meaningOf } from '../src/state/hold-changes.ts';
import type { World } from './world.ts';

/** Notes that this object is ours before anything is made for it, and returns its uid. Secrets are tracked by name only. */
export async function track(
  world: Pick<World, 'store' | 'newUid'>,
  object: DesiredObject<Exclude<Manifest, Secret>>,
  knownUid?: string,
): Promise<string> {
  const entry = world.store.inventory.get(object.key);
  const uid = entry?.uid ?? knownUid ?? world.newUid();
  const isCurrent =
    entry &&
    'lastGood' in entry &&
    meaningOf(entry.lastGood) === meaningOf(object) &&
    entry.lastGood.position.file === object.position.file;
  if (!isCurrent) await world.store.inventory.put({ key: object.key, uid, lastGood: object });
  return uid;
}
