import { isRunning, type ObservedContainer } from '../state/observed.ts';
import { foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { observedContainer } from './observe.ts';
import type { IsProcessAlive } from './process-check.ts';
import type { WireContainer } from './wire.ts';

export const containerPath = (nameOrId: string): string => `/containers/${encodeURIComponent(nameOrId)}`;

/** What Podman says of it, word for word. */
export const inspectWire = (dial: Dial, nameOrId: string): Promise<WireContainer | undefined> =>
  foundOrUndefined(
    dial.call<WireContainer>({
      method: 'GET',
      path: `${containerPath(nameOrId)}/json`,
      what: `inspect container ${nameOrId}`,
    }),
  );

export type InspectContainer = (nameOrId: string) => Promise<ObservedContainer | undefined>;

/**
 * Inspect that does not take Podman's word for a process that is gone. The second look is for one that ended, and was
 * told of, between the first and the look at `/proc`: its exit code must not be lost.
 */
export function createInspect(dial: Dial, isAlive: IsProcessAlive): InspectContainer {
  const isTrue = async (wire: WireContainer): Promise<boolean> => {
    const observed = observedContainer(wire);
    return !isRunning(observed) || isAlive(observed.pid, wire.State?.ConmonPid ?? 0);
  };
  return async (nameOrId) => {
    const first = await inspectWire(dial, nameOrId);
    if (!first || (await isTrue(first))) return first && observedContainer(first);
    const second = await inspectWire(dial, nameOrId);
    if (!second || (await isTrue(second))) return second && observedContainer(second);
    return lostContainer(observedContainer(second));
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
