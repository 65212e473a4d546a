import type { ObservedContainer } from '../state/observed.ts';

/** The rules in a holder's network namespace: they are the kernel's, Podman does not know them. */
export interface Traffic {
  /** Addresses that traffic goes to now. Fails when that cannot be found out. */
  read(holder: ObservedContainer): Promise<readonly string[]>;
  /** All at once: no connection meets half of a change. */
  route(holder: ObservedContainer, to: readonly string[]): Promise<void>;
}
