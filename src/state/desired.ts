import type { KeyString, ObjectKey } from '../api/key.ts';
import type { Kind, Manifest, ManifestOf } from '../api/kinds.ts';
import type { ClosedWindow } from '../api/sync-window.ts';

/** Where a document or a field starts; line and column count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * What a manifest points at on this host, read when the snapshot was taken. `digests` maps the path as the
 * manifest writes it to a SHA-256 of the contents; `paths` to the absolute path, checked against the allowed roots.
 */
export interface ResolvedInputs {
  readonly paths: Readonly<Record<string, string>>;
  readonly digests: Readonly<Record<string, string>>;
  /** `FROM` references of the build's Containerfile, without its own stages. */
  readonly baseImages: readonly string[];
}

export interface DesiredObject<M extends Manifest = Manifest> {
  readonly key: ObjectKey;
  readonly manifest: M;
  readonly position: Position;
  /** SHA-256 of the canonical spec (or data), defaults applied; metadata is not part of it. */
  readonly specHash: string;
  readonly inputs: ResolvedInputs;
}

export type ProblemReason =
  | 'InvalidManifest'
  | 'DuplicateName'
  | 'DependencyCycle'
  | 'UnknownReference'
  | 'PathNotAllowed'
  | 'FileTooLarge'
  | 'Unreadable';

/** One thing wrong with the manifests, addressed to the person who writes them. */
export interface ManifestProblem {
  readonly reason: ProblemReason;
  readonly message: string;
  readonly position: Position;
  /** The object it belongs to, where it could still be told. */
  readonly key?: ObjectKey;
  /** The offending line and a caret under it. */
  readonly snippet?: string;
  readonly suggestion?: string;
}

/** One atomic reading of a source. Incomplete (a file did not parse): nothing may be pruned from it. */
export interface Snapshot {
  readonly objects: ReadonlyMap<KeyString, DesiredObject>;
  readonly problems: readonly ManifestProblem[];
  readonly complete: boolean;
  /** Why the root could not be read; the world is frozen then: no creates, no prunes. */
  readonly rootError?: string;
  /** A human word for what was read: a directory, or a commit. */
  readonly origin: string;
  /** The git commit whose files these are, when the source knows. */
  readonly commit?: string;
  /** Removals that the source itself agrees to. */
  readonly approvedPrunes?: ReadonlySet<KeyString>;
  readonly takenAtMs: number;
}

/** What should be: the newest snapshot, with the last known good of what it could not read. */
export interface DesiredState {
  readonly objects: ReadonlyMap<KeyString, DesiredObject>;
  readonly problems: readonly ManifestProblem[];
  /** Objects that run from their last known good spec, and why. */
  readonly stalled: ReadonlyMap<KeyString, ManifestProblem>;
  /** Confirmed gone from the source and cleared by the prune guards. */
  readonly pruned: ReadonlySet<KeyString>;
  readonly pruneBlocked?: string;
  /** What would be removed if somebody agreed. */
  readonly awaitsConsent?: readonly KeyString[];
  readonly frozen?: string;
  /** What is new and waits for a sync window; it is in none of the others. */
  readonly held?: HeldChanges;
  readonly origin: string;
  readonly commit?: string;
  /** Gone from the source, and not yet for certain: looked after as before. */
  readonly leaving?: readonly KeyString[];
  /** When the guards must look again although no file changed (the second scan of an absence). */
  readonly recheckAtMs?: number;
}

export interface HeldChanges extends ClosedWindow {
  readonly waiting: readonly KeyString[];
  /** Of these, agents that run, and nobody knows from which manifest: looked after by the newest, and not changed to it. */
  readonly adopted: readonly KeyString[];
}

export const EMPTY_DESIRED: DesiredState = {
  objects: new Map(),
  problems: [],
  stalled: new Map(),
  pruned: new Set(),
  origin: 'nothing read yet',
};

export function desiredOf<K extends Kind>(
  desired: Pick<DesiredState, 'objects'>,
  kind: K,
): DesiredObject<ManifestOf<K>>[] {
  return [...desired.objects.values()].filter((object) => object.key.kind === kind) as DesiredObject<
    ManifestOf<K>
  >[];
}

/** The agents that a pod group is to hold. */
export const membersOf = (
  desired: Pick<DesiredState, 'objects'>,
  namespace: string,
  group: string,
): DesiredObject<ManifestOf<'Agent'>>[] =>
  desiredOf(desired, 'Agent').filter(
    ({ key, manifest }) => key.namespace === namespace && manifest.spec.podGroup === group,
  );
