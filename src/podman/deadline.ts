import { PodmanError } from './errors.ts';

/** A call's end, whichever comes first: its own timeout or the caller's signal. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Why the call was ended by us, as what to throw; `undefined` when it was not. */
  reason(what: string): unknown;
  /** To be called when the call is over, or timer and listener outlive it. */
  release(): void;
}

/**
 * A controller of its own for each call: listeners never gather on the caller's long-lived signal.
 * @param timeoutMs `undefined`: only the caller's signal ends it
 */
export function startDeadline(timeoutMs: number | undefined, outer: AbortSignal | undefined): Deadline {
  const controller = new AbortController();
  let timedOut = false;
  const abort = (): void => controller.abort();
  const expire = (): void => {
    timedOut = true;
    controller.abort();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs);
  outer?.addEventListener('abort', abort, { once: true });
  if (outer?.aborted) abort();
  return {
    signal: controller.signal,
    reason: (what) => {
      if (timedOut) return timeoutError(what, timeoutMs ?? 0);
      return outer?.aborted ? (outer.reason ?? new Error('aborted')) : undefined;
    },
    release: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', abort);
    },
  };
}

const timeoutError = (what: string, timeoutMs: number): PodmanError =>
  new PodmanError(
    'Timeout',
    `Podman did not ${what} within ${timeoutMs} ms; it may still happen. Is the Podman service overloaded or hung?`,
  );
