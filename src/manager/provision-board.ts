import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Provision, Provisions } from '../state/provision.ts';

export interface ProvisionBoard {
  readonly all: () => Provisions;
  readonly set: (key: ObjectKey, provision: Provision) => void;
  readonly remove: (key: ObjectKey) => void;
}

/** Where the shared kinds say what is ready; whoever may build on one is told when that changes. */
export function createProvisionBoard(onChange: (key: ObjectKey) => void): ProvisionBoard {
  const provisions = new Map<KeyString, Provision>();
  return {
    all: () => provisions,
    set: (key, provision) => {
      const id = keyString(key);
      if (JSON.stringify(provisions.get(id)) === JSON.stringify(provision)) return;
      provisions.set(id, provision);
      onChange(key);
    },
    remove: (key) => {
      if (provisions.delete(keyString(key))) onChange(key);
    },
  };
}
