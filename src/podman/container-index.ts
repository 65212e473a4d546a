import type { KeyString } from '../api/key.ts';
import type { ObservedContainer } from '../state/observed.ts';

/** Which containers each object may have, by id or by name: a claim to be looked at, never a fact. */
export interface ContainerIndex {
  add(key: KeyString, reference: string): void;
  /** Looks at every claim; one that leads nowhere is forgotten. */
  inspect(
    key: KeyString,
    look: (reference: string) => Promise<ObservedContainer | undefined>,
  ): Promise<ObservedContainer[]>;
}

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
      await Promise.all(
        own.map(async (reference) => {
          const container = await look(reference);
          if (container) found.set(container.id, container);
          // A name led to an id, and only that stays the same for ever.
          if (container?.id !== reference) references.get(key)?.delete(reference);
        }),
      );
      for (const id of found.keys()) add(key, id);
      return [...found.values()];
    },
  };
}
