/** The manager's clock, as far as it is needed here. */
export interface WatchClock {
  now(): number;
  setTimer(delayMs: number, callback: () => void): () => void;
}

const DEBOUNCE_MS = 250;
/** A directory that never comes to rest is read all the same. */
const MAX_DEBOUNCE_MS = 2_000;

/** Calls back once things have been quiet for 250 ms. */
export function debounce(clock: WatchClock, callback: () => void): { trigger(): void; cancel(): void } {
  let cancel = (): void => {};
  let firstAtMs: number | undefined;
  const fire = (): void => {
    firstAtMs = undefined;
    callback();
  };
  return {
    trigger() {
      const nowMs = clock.now();
      firstAtMs ??= nowMs;
      cancel();
      cancel = clock.setTimer(Math.min(DEBOUNCE_MS, firstAtMs + MAX_DEBOUNCE_MS - nowMs), fire);
    },
    cancel: () => cancel(),
  };
}
