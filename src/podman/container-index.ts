import type { KeyString } from '../api/key.ts';
import type { ObservedContainer } from '../state/observed.ts';

/** Which containers each object may have, by id or by name: a claim to be looked at, never a fact. */
export interface ContainerIndex {
  add(key: KeyString, reference: string): void;
  /** Looks at every claim; one that leads nowhere is forgotten. */
  inspect(
    key: KeyString,
    look: (reference: string) => Promise<ObservedContainer | undefined>,
  ): Promise<Inspection>;
}

export interface Inspection {
  readonly containers: readonly ObservedContainer[];
  /** A container of a name that we gave is not there: never made, or renamed before its id was known. */
  readonly missedName: boolean;
}

const ID = /^[0-9a-f]{64}$/;

export function createContainerIndex(): ContainerIndex {
  const references = new Map<KeyString, Set<string>>();
  const add = (key: KeyString, reference: string): void => {
    const own = references.get(key) ?? new Set();
    references.set(key, own.add(reference));
  };
  return {
    add,
    inspect: async (key, look) => {
      const found = new Map<string, ObservedContainer>();
      const own = [...(references.get(key) ?? [])];
      let missedName = false;
      const follow = async (reference: string): Promise<void> => {
        const container = await look(reference);
        // A name led to an id, and only that stays the same for ever: noted at once, for the next look may fail.
        if (container) {
          found.set(container.id, container);
          add(key, container.id);
        } else missedName ||= !ID.test(reference);
        if (container?.id !== reference) references.get(key)?.delete(reference);
      };
      await Promise.all(own.filter((reference) => !ID.test(reference)).map(follow));
      // An event may have told the id of what a name just led to: one look is enough.
      await Promise.all(own.filter((reference) => ID.test(reference) && !found.has(reference)).map(follow));
      return { containers: [...found.values()], missedName };
    },
  };
}
