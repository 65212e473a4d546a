import type { ActRequest } from '../api/act-request.ts';
import type { KeyString } from '../api/key.ts';
import type {
  ApiObject,
  ConvergeView,
  DiffView,
  EventObject,
  PlanView,
  VolumeExportView,
} from '../api/status.ts';

/** What the API server needs of the controller; the composition root supplies it. */
export interface Backend {
  readonly objects: ObjectReader;
  readonly events: EventReader;
  /** Lines of an agent's current container, or of the one before it. */
  logs(
    namespace: string,
    name: string,
    options: LogRequest,
    signal: AbortSignal,
  ): Promise<AsyncIterable<LogEntry>>;
  /** Reads the manifests anew and says what would be done; changes nothing. */
  plan(): Promise<PlanView>;
  /** Reads the manifests anew and puts what they ask for beside what runs. */
  diff(): Promise<DiffView>;
  /** Asks the source for something newer and reads it anew; does not wait for what follows from it. Returns what of it is not applied, and why. */
  sync(options: SyncOptions): Promise<readonly string[]>;
  /** Takes down what a person asks of one agent; returns what will be done. Throws `ApiError` where it makes no sense. */
  act(namespace: string, name: string, request: ActRequest): Promise<string>;
  /** What was saved of volumes before they were deleted, newest first. */
  exports(): Promise<readonly VolumeExportView[]>;
  /** Puts an export, the newest of its name unless `from` names another file, into an empty volume; returns what was done. Throws `ApiError`. */
  restore(namespace: string, name: string, from?: string): Promise<string>;
  /** How far the world is from the manifests right now. */
  convergence(): ConvergeView;
  readiness(): readonly { readonly check: string; readonly ok: boolean; readonly message: string }[];
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface SyncOptions {
  /** Agrees to the deletions that the prune guard holds back. */
  readonly approvePrune: boolean;
  /** Agrees to the deletion of these alone. */
  readonly approve?: readonly KeyString[];
  /** Agrees to a rewritten history, this once. */
  readonly allowNonFastForward?: boolean;
  /** Has what waits for a sync window applied at once. */
  readonly now?: boolean;
}

export interface ObjectReader {
  list(
    kind: string,
    namespace?: string,
  ): { readonly resourceVersion: string; readonly items: readonly ApiObject[] };
  get(kind: string, namespace: string, name: string): ApiObject | undefined;
  /** Calls back for every change after `sinceVersion`; throws GoneError when that history is no longer kept. */
  watch(selector: WatchSelector, onChange: (event: WatchEvent) => void): () => void;
}

export interface WatchSelector {
  readonly kind: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly sinceVersion: number;
}

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: ApiObject;
}

export interface EventReader {
  list(namespace?: string): readonly EventObject[];
  subscribe(onEvent: (event: EventObject) => void): () => void;
}

export interface LogRequest {
  readonly follow: boolean;
  readonly tailLines?: number;
  readonly sinceMs?: number;
  readonly timestamps: boolean;
  readonly previous: boolean;
}

export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
  readonly atMs?: number;
}
