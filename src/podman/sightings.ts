import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { ObservedAgent } from '../state/observed.ts';

export interface Known {
  readonly key: ObjectKey;
  readonly observed: ObservedAgent;
  /** How often its object had been doubted when that look began: once more, and it tells of before. */
  readonly doubts: number;
}

interface Look {
  readonly doubts: number;
  readonly end: Promise<ObservedAgent>;
}

/** What was seen of each object last, for as long as nobody doubts it. */
export interface Sightings {
  /** Who comes while another looks waits for that look, unless it began before the newest doubt. */
  observe(key: ObjectKey): Promise<ObservedAgent>;
  doubt(id: KeyString): void;
  isBelieved(id: KeyString): boolean;
  readonly known: ReadonlyMap<KeyString, Known>;
}

export function createSightings(look: (key: ObjectKey) => Promise<ObservedAgent>): Sightings {
  const known = new Map<KeyString, Known>();
  const doubts = new Map<KeyString, number>();
  const looks = new Map<KeyString, Look>();
  const doubtsOf = (id: KeyString): number => doubts.get(id) ?? 0;

  const keep = (seen: Known): void => {
    const id = keyString(seen.key);
    if ((known.get(id)?.doubts ?? 0) <= seen.doubts) known.set(id, seen);
  };
  const begin = (key: ObjectKey): Look => {
    const id = keyString(key);
    const begun: Look = {
      doubts: doubtsOf(id),
      end: look(key)
        .then((observed) => {
          keep({ key, observed, doubts: begun.doubts });
          return observed;
        })
        .finally(() => looks.get(id) === begun && looks.delete(id)),
    };
    looks.set(id, begun);
    return begun;
  };
  const isBelieved = (id: KeyString): boolean => known.get(id)?.doubts === doubtsOf(id);
  return {
    known,
    isBelieved,
    doubt: (id) => void doubts.set(id, doubtsOf(id) + 1),
    observe: async (key) => {
      const id = keyString(key);
      const last = known.get(id);
      if (last && isBelieved(id)) return last.observed;
      const going = looks.get(id);
      return (going?.doubts === doubtsOf(id) ? going : begin(key)).end;
    },
  };
}
