/**
 * What a reconciler may throw. The class says what happens next, the controller alone maps it:
 * `TerminalError` → `Stalled`, no retry until something changes; `WaitingError` → again after its delay;
 * anything else → logged once, retried with back-off.
 */
export class TerminalError extends Error {
  override readonly name = 'TerminalError';
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

export class WaitingError extends Error {
  override readonly name = 'WaitingError';
  readonly reason: string;
  readonly retryAfterMs: number;

  constructor(reason: string, message: string, retryAfterMs: number) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
