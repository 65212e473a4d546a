/** Time as an argument: everything that waits or stamps takes one of these, so that tests own the hours. */
export interface Clock {
  /** Epoch milliseconds, for what is kept or shown. A person or NTP may set it, also back. */
  now(): number;
  /** Milliseconds since some moment, for what is waited for: never set, never backwards. */
  uptimeMs(): number;
  /** Calls back once after `delayMs` (at once when it is not positive); returns the cancel, safe to call twice. */
  setTimer(delayMs: number, callback: () => void): () => void;
}

/** Node fires a longer timer after 1 ms instead: a month-long back-off would become a busy loop. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  uptimeMs: () => performance.now(),
  setTimer: setLongTimer,
};

function setLongTimer(delayMs: number, callback: () => void): () => void {
  let handle: NodeJS.Timeout;
  const arm = (remainingMs: number): void => {
    const stepMs = Math.min(remainingMs, LONGEST_TIMER_MS);
    handle = setTimeout(() => (remainingMs > stepMs ? arm(remainingMs - stepMs) : callback()), stepMs);
  };
  arm(Math.max(0, delayMs));
  return () => clearTimeout(handle);
}
