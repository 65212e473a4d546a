import type { ObjectKey } from '../api/key.ts';

/** What every room may say to the log; pino's logger is one. Fields first, then one short human sentence. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Absent `requeueAfterMs` means: wait for the next event. */
export interface Result {
  readonly requeueAfterMs?: number;
}

export interface ReconcileContext {
  /** Aborted when the controller stops: pass it to every call that may take long. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Epoch milliseconds, of the controller's clock. */
  now(): number;
  /** Of the controller's clock too: what `now` differs from it by changes when somebody sets the clock. */
  uptimeMs(): number;
}

export interface Reconciler {
  readonly kind: string;
  /**
   * Level-triggered: `key` says which object, never what happened to it. Return is progress, throw is failure:
   * `TerminalError`, `WaitingError` or anything else, as `api/errors.ts` tells.
   */
  reconcile(key: ObjectKey, context: ReconcileContext): Promise<Result>;
}
