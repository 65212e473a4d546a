import type { SimulatedClock } from '../fakes/simulated-clock.ts';

/** Of 60 stories the busiest moment, a start with all that five agents stand on, had 199. */
const MOST_AT_ONCE = 3_000;

/**
 * From calm on. Back-offs double: of 360 stories the most were 9 starts of one container, and 102 writes of one record.
 * A program that ends every 9 s and is started again without a back-off comes to 19 in the shortest calm.
 */
const MOST = { call: 12, write: 400 } as const;

export interface Deed {
  /** Looking counts only as something that is done in no time. */
  readonly type: keyof typeof MOST | 'look';
  readonly what: string;
}

/** What is done again and again, told as it is done. */
export interface RestKeeper {
  /** Nothing changes any more: what is done from here on is counted anew. */
  calm(): void;
  /** Returns what is wrong with it, if anything. */
  note(deed: Deed): string | undefined;
}

/** Back-offs and deadlines let what goes on for ever do so ever more seldom: a controller that is busy for ever shows. */
export function createRestKeeper(clock: Pick<SimulatedClock, 'uptimeMs'>): RestKeeper {
  const deeds = new Map<string, number>();
  let isCalm = false;
  let instant = { atMs: -1, count: 0 };
  return {
    calm: () => {
      isCalm = true;
      deeds.clear();
    },
    note: ({ type, what }) => {
      const atMs = clock.uptimeMs();
      instant = { atMs, count: atMs === instant.atMs ? instant.count + 1 : 1 };
      if (instant.count > MOST_AT_ONCE) return `${instant.count} deeds in no time, the last: ${what}`;
      const count = (deeds.get(what) ?? 0) + 1;
      deeds.set(what, count);
      return isCalm && type !== 'look' && count > MOST[type] ? `${count} times ${what}` : undefined;
    },
  };
}
