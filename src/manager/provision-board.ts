import { keyString, type ObjectKey } from '../api/key.ts';
import type { Provision, Provisions } from '../state/provision.ts';

export interface ProvisionBoard {
  /** As it is now: another one after every change, and never changed itself. */
  readonly all: () => Provisions;
  readonly set: (key: ObjectKey, provision: Provision) => void;
  readonly remove: (key: ObjectKey) => void;
}

/** Where the shared kinds say what is ready; whoever may build on one is told when that changes. */
export function createProvisionBoard(onChange: (key: ObjectKey) => void): ProvisionBoard {
  let provisions: Provisions = new Map();
  return {
    all: () => provisions,
    set: (key, provision) => {
      const id = keyString(key);
      if (JSON.stringify(provisions.get(id)) === JSON.stringify(provision)) return;
      provisions = new Map([...provisions, [id, provision]]);
      onChange(key);
    },
    remove: (key) => {
      const id = keyString(key);
      if (!provisions.has(id)) return;
      provisions = new Map([...provisions].filter(([other]) => other !== id));
      onChange(key);
    },
  };
}
