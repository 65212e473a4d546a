import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_EVERY_MS = 50;
/** Several times what anything takes: only what never happens is to reach it, however slow the machine is. */
const LIMIT_MS = 60_000;

/** Waits for a condition, not for a time: the first answer that is neither undefined nor false. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = LIMIT_MS,
): Promise<T> {
  const endMs = Date.now() + limitMs;
  let last = '';
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      last = ` (${(error as Error).message})`;
    }
    if (Date.now() > endMs) throw new Error(`within ${limitMs} ms it did not happen: ${what}${last}`);
    await sleep(LOOK_EVERY_MS);
  }
}
