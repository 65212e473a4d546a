import { keyString } from './api/key.ts';
import type { Clock } from './manager/clock.ts';
import type { Remembered } from './manager/desired-keeper.ts';
import type { Log } from './manager/reconciler.ts';
import type { DesiredState } from './state/desired.ts';
import type { InventoryEntry, Store } from './store/store.ts';

export interface RemovalParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
}

/** What the inventory says that a former life wanted, and was about to remove. */
export function remembered({ inventory }: Store): Remembered {
  const entries = inventory.list();
  return {
    lastGood: new Map(
      entries.flatMap((entry) =>
        'lastGood' in entry ? [[keyString(entry.key), entry.lastGood] as const] : [],
      ),
    ),
    pruned: new Set(
      entries.flatMap(({ key, deletionAtMs }) => (deletionAtMs === undefined ? [] : [keyString(key)])),
    ),
  };
}

/** A controller that ends in the midst of it knows in its next life what it was about. */
export async function rememberRemovals(
  { store, clock, log }: RemovalParts,
  { objects, pruned }: Pick<DesiredState, 'objects' | 'pruned'>,
): Promise<void> {
  for (const { key, deletionAtMs } of store.inventory.list().toSorted(agentsFirst)) {
    const begins = deletionAtMs === undefined && pruned.has(keyString(key));
    const isBack = deletionAtMs !== undefined && objects.has(keyString(key));
    if (!begins && !isBack) continue;
    const removal = begins ? { deletionAtMs: clock.now() } : {};
    await store.inventory
      .update(key, (entry) => entry && { ...withoutRemoval(entry), ...removal })
      .catch((err: unknown) => log.warn({ err }, `could not note the removal of ${keyString(key)}`));
  }
}

/** Whoever is not known to go keeps what it needs: so that comes last. */
const agentsFirst = (one: InventoryEntry, other: InventoryEntry): number =>
  Number(other.key.kind === 'Agent') - Number(one.key.kind === 'Agent');

function withoutRemoval(entry: InventoryEntry): InventoryEntry {
  const { deletionAtMs: _ended, ...rest } = entry;
  return rest;
}
