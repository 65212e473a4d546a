import { isRunning, type ObservedContainer } from '../state/observed.ts';
import { foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { observedContainer } from './observe.ts';
import type { IsProcessAlive } from './process-check.ts';
import { isRefusal } from './refusal.ts';
import type { WireContainer, WireContainerSummary } from './wire.ts';

export const containerPath = (nameOrId: string): string => `/containers/${encodeURIComponent(nameOrId)}`;

/** Said of a container whose removal was cut off: there is nothing left of it, and it is still on the list. */
const HALF_REMOVED = /container not known/;

/** What Podman says of it, word for word; of one that is half removed only what the list tells. */
export async function inspectWire(dial: Dial, nameOrId: string): Promise<WireContainer | undefined> {
  const path = `${containerPath(nameOrId)}/json`;
  const call = dial.call<WireContainer>({ method: 'GET', path, what: `inspect container ${nameOrId}` });
  return foundOrUndefined(call).catch((error: unknown) => {
    if (!isRefusal(error) || !HALF_REMOVED.test(error.message)) throw error;
    return listedWire(dial, nameOrId);
  });
}

async function listedWire(dial: Dial, nameOrId: string): Promise<WireContainer | undefined> {
  const request = { method: 'GET', path: '/containers/json', query: { all: true } } as const;
  const { body = [] } = await dial.call<WireContainerSummary[]>({ ...request, what: 'list containers' });
  const listed = body.find(({ Id, Names }) => Id === nameOrId || Names?.includes(nameOrId));
  if (!listed) return undefined;
  const { Id, Names, State: Status = 'removing', Labels = {} } = listed;
  return { Id, Name: Names?.[0] ?? '', State: { Status }, Config: { Labels } };
}

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
    if (!first || (await isTrue(first))) return first && withItsEnd(first);
    const second = await inspectWire(dial, nameOrId);
    if (!second || (await isTrue(second))) return second && withItsEnd(second);
    return lostContainer(observedContainer(second));
  };
}

/** Each start sets the exit code to 0 and leaves the time of the end before. */
function withItsEnd(wire: WireContainer): ObservedContainer {
  const container = observedContainer(wire);
  const { state, startedAtMs, finishedAtMs, exitCode } = container;
  const isUnseen = state === 'exited' && finishedAtMs < startedAtMs && exitCode === 0;
  return isUnseen ? lostContainer(container) : container;
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
  error:
    "it is gone, and so is Podman's monitor (conmon) that would have told: killed, or the host went down",
});
