import { type KeyString, keyString, parseKey } from './api/key.ts';
import type { SyncWindow, SyncWindowStatus } from './api/sync-window.ts';
import type { Adapters } from './adapters.ts';
import type { Reading } from './insight.ts';
import { createDesiredKeeper, type DesiredKeeper } from './manager/desired-keeper.ts';
import type { Clock } from './manager/clock.ts';
import type { Log } from './manager/reconciler.ts';
import { copiesInUse } from './source-copies.ts';
import { canonicalJson } from './state/canonical.ts';
import type { DesiredObject, DesiredState } from './state/desired.ts';
import { withDefaultNetworks } from './state/implicit.ts';
import { secretNames } from './state/secret-values.ts';
import { remembered, rememberRemovals } from './removals.ts';
import type { Store } from './store/store.ts';

export interface KeeperParts {
  readonly adapters: Adapters;
  readonly store: Store;
  /** It was rebuilt from labels, or part of it was damaged. */
  readonly stateWasLost: boolean;
  readonly syncWindow: (nowMs: number) => SyncWindow;
  readonly clock: Clock;
  readonly log: Log;
}

/** Wires what should be: read from the source, held to the sync windows, kept in the store. */
export function createKeeper(
  parts: KeeperParts,
  reading: Reading,
  onChange: (desired: DesiredState) => void,
): DesiredKeeper {
  const { adapters, store, clock } = parts;
  return createDesiredKeeper(
    {
      read: async (known) => {
        reading.readingSinceMs = clock.uptimeMs();
        try {
          return withDefaultNetworks(await adapters.source.read(known));
        } finally {
          delete reading.readingSinceMs;
        }
      },
      inventory: () => store.inventory.list().map(({ key }) => keyString(key)),
      approved: () => new Set(store.approvals.list().map(({ key }) => keyString(key))),
      onApprove: async (keys) => {
        for (const id of keys) await store.approvals.put({ key: parseKey(id), approvedAtMs: clock.now() });
      },
      onApprovalEnd: async (keys) => {
        for (const id of keys) await store.approvals.delete(parseKey(id));
      },
      onDecision: (decided) => rememberRemovals(parts, decided),
      clock,
      absenceMs: adapters.source.absenceMs,
      mustAskBeforePruning: (key) => parts.stateWasLost || wasFound(store, key),
      window: () => parts.syncWindow(clock.now()),
      wasApplied: (object) => isAppliedSecret(parts, object),
      wasFound: (key) => wasFound(store, key),
      onChange: (desired) => {
        onChange(desired);
        collectCopies(parts, desired);
      },
    },
    remembered(store),
  );
}

/** Also after another restart: nobody knows what its manifest said. */
function wasFound({ inventory }: Store, key: KeyString): boolean {
  const entry = inventory.get(parseKey(key));
  return entry !== undefined && 'foundAtMs' in entry;
}

function collectCopies({ adapters, store, log }: KeeperParts, desired: DesiredState): void {
  const inUse = copiesInUse(desired, store);
  const onError = (err: unknown): void => log.warn({ err }, 'could not remove old copies of the source');
  if (inUse) adapters.source.collect(inUse).catch(onError);
}

/** What people are told of the windows, and of what waits for one. */
export const windowOf =
  ({ syncWindow, clock }: KeeperParts, keeper: DesiredKeeper) =>
  (): SyncWindowStatus => {
    const window = syncWindow(clock.now());
    const { held, commit } = keeper.current();
    return {
      open: window.open,
      ...(window.untilMs !== undefined && { until: new Date(window.untilMs).toISOString() }),
      message: window.open ? '' : window.message,
      waiting: held?.waiting ?? [],
      ...(held && commit !== undefined && { commit }),
    };
  };

/** Of a Secret nothing is on disk but the names, which its content gives. */
function isAppliedSecret({ store }: KeeperParts, { key, manifest }: DesiredObject): boolean {
  const entry = store.inventory.get(key);
  if (manifest.kind !== 'Secret' || !entry || !('podmanSecrets' in entry)) return false;
  return (
    canonicalJson(entry.podmanSecrets) === canonicalJson(secretNames(store.installation, { key, manifest }))
  );
}
