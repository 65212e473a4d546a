import type { AgentRecord } from '../state/record.ts';
import { upgradeRecord } from '../state/upgrade-record.ts';
import { loadAddresses } from './addresses.ts';
import { type Collection, type Keyed, loadCollection } from './collection.ts';
import { isObject, type Warn } from './envelope.ts';
import { loadEvents, type Timers } from './events.ts';
import type { StateFiles } from './files.ts';
import { loadInstallation, saveInstallation } from './installation.ts';
import { loadJournal } from './journal.ts';
import { watchWrites } from './watch-writes.ts';
import type { Annotations, InventoryEntry, PruneApproval, Store } from './store.ts';

export interface OpenStoreOptions {
  readonly files: StateFiles;
  readonly clock: Timers;
  /** Hears of damage that was survived, a sentence each. */
  readonly warn: Warn;
  /** As `randomBytes` of node:crypto. */
  readonly random: (bytes: number) => Uint8Array;
  /** Called once the store is closed. */
  readonly release: () => void;
}

/** Loads everything; the caller sees to it that nobody else has the files. Throws `StoreError`. */
export async function openStore({ files: disk, ...others }: OpenStoreOptions): Promise<Store> {
  const { files, trouble, retryWith } = watchWrites(disk, others.clock);
  const options = { ...others, files };
  const { random } = options;
  const loaded = await loadInstallation(files, random);
  let damage = 0;
  const warn: Warn = (message) => {
    damage += 1;
    options.warn(message);
  };
  const parts = await loadParts({ ...options, warn });
  const events = await loadEvents({ ...options, nowMs: options.clock.now() });
  const origin = loaded.isNew ? 'New' : damage > 0 ? 'Damaged' : 'Loaded';
  let { installation } = loaded;
  const endRetries = retryWith(parts.journal.rewrite);

  return {
    ...parts,
    events,
    origin,
    get installation() {
      return installation;
    },
    adoptInstallation: async (id) => {
      if (origin !== 'New') throw new Error(`this installation is ${installation.id} already`);
      await saveInstallation(files, { ...installation, id });
      installation = { ...installation, id };
    },
    trouble,
    close: async () => {
      endRetries();
      await events.flush().finally(options.release);
    },
  };
}

async function loadParts({ files, clock, warn }: OpenStoreOptions) {
  const reading = { files, warn, nowMs: clock.now() };
  const collection = <T extends Keyed>(
    directory: string,
    fits: (value: Record<string, unknown>) => boolean,
    upgrade?: (value: T) => T,
  ) =>
    loadCollection<T>(directory, {
      ...reading,
      ...(upgrade && { upgrade }),
      isValid: (value): value is T => isObject(value) && fits(value),
    });
  return {
    records: await collection<AgentRecord>('records', isRecord, upgradeRecord),
    inventory: withoutSecretValues(await collection<InventoryEntry>('inventory', isInventoryEntry)),
    annotations: await collection<Annotations>('annotations', ({ values }) => isObject(values)),
    approvals: await collection<PruneApproval>(
      'approvals',
      ({ approvedAtMs }) => typeof approvedAtMs === 'number',
    ),
    addresses: await loadAddresses(reading),
    journal: await loadJournal(reading),
  };
}

/** Enough to tell a record from rubbish; what a newer schema adds is told by `schemaVersion`. */
const isRecord = ({ uid, generation, state, revisions }: Record<string, unknown>): boolean =>
  typeof uid === 'string' &&
  typeof generation === 'number' &&
  typeof state === 'string' &&
  Array.isArray(revisions);

const isInventoryEntry = (value: Record<string, unknown>): boolean =>
  typeof value['uid'] === 'string' &&
  (isObject(value['lastGood']) || isObject(value['podmanSecrets']) || typeof value['foundAtMs'] === 'number');

/** The types forbid it too; but this is the last door before the disk. */
function withoutSecretValues(inventory: Collection<InventoryEntry>): Collection<InventoryEntry> {
  return {
    ...inventory,
    put: (entry) => {
      if (entry.key.kind === 'Secret' && 'lastGood' in entry)
        throw new Error('a Secret is never written to disk');
      return inventory.put(entry);
    },
  };
}
