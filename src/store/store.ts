import type { Secret } from '../api/resources.ts';
import type { Manifest } from '../api/kinds.ts';
import type { ObjectKey } from '../api/key.ts';
import type { DesiredObject } from '../state/desired.ts';
import type { AgentRecord } from '../state/record.ts';
import type { Addresses } from './addresses.ts';
import type { Collection, Keyed } from './collection.ts';
import type { Events } from './events.ts';
import type { Installation } from './installation.ts';
import type { Journal } from './journal.ts';

/**
 * What must survive a restart. Reads are from memory; a write is on disk when it resolves, and after one that throws
 * (`StoreError`) both still hold what they held before. No value of a Secret is ever in it.
 */
export interface Store {
  readonly installation: Installation;
  /** `New`: nothing was here. `Damaged`: something was lost. After either the first prune needs approval. */
  readonly origin: 'New' | 'Loaded' | 'Damaged';
  readonly records: Collection<AgentRecord>;
  readonly inventory: Collection<InventoryEntry>;
  readonly addresses: Addresses;
  readonly journal: Journal;
  readonly events: Events;
  readonly annotations: Collection<Annotations>;
  readonly approvals: Collection<PruneApproval>;
  /** Keeps the id of a new directory; one that was lost takes over what labels carry. Throws unless `origin` is `New`. */
  adoptInstallation(id: string): Promise<void>;
  /** Why the newest write failed, such as a full disk; `undefined` while all goes well. */
  trouble(): string | undefined;
  /** Writes what was lazy and lets go of the directory. */
  close(): Promise<void>;
}

/** One object that we made something for: kept until it is confirmed gone. */
export type InventoryEntry = InventoryOfManifest | InventoryOfSecret | InventoryOfLabels;

interface Tracked extends Keyed {
  readonly uid: string;
  /** Since when it is being removed; what was begun is ended, also by another life of the controller. */
  readonly deletionAtMs?: number;
}

interface InventoryOfManifest extends Tracked {
  /** What to go on with when its file stops parsing. */
  readonly lastGood: DesiredObject<Exclude<Manifest, Secret>>;
}

interface InventoryOfSecret extends Tracked {
  /** Key in the Secret's data → name of the Podman secret that holds its value. */
  readonly podmanSecrets: Readonly<Record<string, string>>;
}

/** Found by its labels after its state was lost. What its manifest said is known to nobody: it goes only by consent. */
interface InventoryOfLabels extends Tracked {
  readonly foundAtMs: number;
}

/** What a person asked for outside the files: suspend, retry. */
export interface Annotations extends Keyed {
  readonly values: Readonly<Record<string, string>>;
}

/** A person's consent to remove this one object. */
export interface PruneApproval extends Keyed {
  readonly key: ObjectKey;
  readonly approvedAtMs: number;
}
