import { isRunning, type ObservedContainer } from '../state/observed.ts';
import { foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { observedContainer } from './observe.ts';
import type { IsProcessAlive } from './process-check.ts';
import type { WireContainer } from './wire.ts';

export const containerPath = (nameOrId: string): string => `/containers/${encodeURIComponent(nameOrId)}`;

export type InspectContainer = (nameOrId: string) => Promise<ObservedContainer | undefined>;

/** Inspect that does not take Podman's word for a process that is gone. */
export function createInspect(dial: Dial, isAlive: IsProcessAlive): InspectContainer {
  return async (nameOrId) => {
    const path = `${containerPath(nameOrId)}/json`;
    const what = `inspect container ${nameOrId}`;
    const wire = await foundOrUndefined(dial.call<WireContainer>({ method: 'GET', path, what }));
    if (!wire) return undefined;
    const observed = observedContainer(wire);
    if (!isRunning(observed)) return observed;
    return (await isAlive(observed.pid, wire.State?.ConmonPid ?? 0)) ? observed : lostContainer(observed);
  };
}

/**
 * Podman never learnt of the end, so nobody knows when or how: 137 is Kubernetes' code for that too. `finishedAtMs`
 * must be the same at every look; the start is the only time that is.
 */
const lostContainer = (container: ObservedContainer): ObservedContainer => ({
  ...container,
  state: 'exited',
  pid: 0,
  exitCode: 137,
  finishedAtMs: container.startedAtMs,
  networks: {},
  error: "the process is gone, and so is Podman's monitor (conmon) that would have told",
});
