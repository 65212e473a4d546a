import type { KeyString } from '../api/key.ts';
import type { SourceStatus } from '../api/source-status.ts';
import type { Snapshot } from '../state/desired.ts';

/** Where the desired state comes from. */
export interface Source {
  /** What it says now; `known` are objects read before: a reference to one holds while a broken file may hide it. */
  read(known: ReadonlySet<KeyString>): Promise<Snapshot>;
  watch(listener: SourceListener): { close(): Promise<void> };
  /** Looks for something newer, now; never throws, the status says what came of it. */
  fetch(options?: FetchOptions): Promise<void>;
  status(): SourceStatus;
  /** Removes copies of ours that nothing refers to; does nothing where there are none. */
  collect(inUse: (path: string) => boolean): Promise<void>;
  /** How long something must be absent before it is gone: a directory may be caught half-written, a commit not. */
  readonly absenceMs: number;
}

export interface SourceListener {
  /** Something may differ. */
  onChange(): void;
  onStatus(status: SourceStatus): void;
}

export interface FetchOptions {
  /** Somebody agrees to whatever the history has become, this once. */
  readonly allowNonFastForward?: boolean;
}
