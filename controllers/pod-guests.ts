import { WaitingError } from '../src/api/errors.ts';
import type { Operation } from '../src/plan/operation.ts';
import type { LivePod } from '../src/plan/plan-pods.ts';
import { isOurs } from '../src/state/names.ts';
import type { ObservedPod } from '../src/state/observed.ts';
import type { World } from './world.ts';

/** After a lost state they are heard of later than their pod; a person's own container in it is never heard of. */
const UNKNOWN_RETRY_MS = 1_000;

/** With a pod goes all that is in it: so nothing is done to one that has a container of nobody known. */
export function refuseUnknownMembers(
  pods: readonly LivePod[],
  wanted: string,
  operations: readonly Operation[],
): void {
  const left = pods.filter(({ name }) => name !== wanted);
  for (const { id, infraId, name, containerIds, members } of left) {
    const known = new Set(members.map((member) => member.id));
    const unknown = containerIds.find((container) => !known.has(container));
    const isTouched = operations.some(
      (operation) => 'id' in operation && [id, infraId].includes(operation.id),
    );
    if (unknown === undefined || !isTouched) continue;
    const what = `pod ${name} holds container ${unknown.slice(0, 12)}, which belongs to no agent that is known`;
    throw new WaitingError('UnknownMember', `${what}; remove it, if it is yours`, UNKNOWN_RETRY_MS);
  }
}

/** What a person put into a pod of a group that is deleted goes first, by that person's hand. */
export async function refuseForeigner(world: World, { name, containerIds }: ObservedPod): Promise<void> {
  const containers = await Promise.all(containerIds.map((id) => world.podman.inspectContainer(id)));
  const foreign = containers.find((one) => one && !isOurs(world.installation(), undefined, one.labels));
  if (!foreign) return;
  throw new Error(
    `pod ${name} goes once container ${foreign.name}, which is not ours, is out of it: podman rm -f ${foreign.name}, if it is yours`,
  );
}
