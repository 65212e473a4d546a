import { keyString } from './api/key.ts';
import type { Clock } from './manager/clock.ts';
import type { DesiredKeeper } from './manager/desired-keeper.ts';
import type { Manager } from './manager/manager.ts';
import { hangs } from './manager/progress.ts';
import { secretTexts } from './state/secret-values.ts';
import type { Store } from './store/store.ts';

interface Parts {
  readonly store: Store;
  readonly clock: Clock;
}

/** Of the manifests; absent between two. */
export interface Reading {
  readingSinceMs?: number;
}

interface Watched {
  readonly keeper: DesiredKeeper;
  readonly manager: Manager;
  readonly reading: Reading;
}

/** What those beside the reconcilers are told: the service manager, and whoever sends notices. */
export const insightOf = (parts: Parts, { keeper, manager, reading }: Watched) => ({
  hangs: () => hangsNow(parts, manager, reading),
  secretValues: () => secretTexts(keeper.current()),
});

function hangsNow({ store, clock }: Parts, { running }: Manager, reading: Reading): string | undefined {
  const calling = new Set(store.journal.open().map(({ key }) => keyString(key)));
  return hangs({ running: running(), calling, ...reading }, clock.uptimeMs());
}
