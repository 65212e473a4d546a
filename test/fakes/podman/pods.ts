import type { Podman } from '../../../src/podman/podman.ts';
import type { ObservedPod } from '../../../src/state/observed.ts';
import { addressesOf, attachmentsOf } from './addresses.ts';
import { removeContainer } from './containers.ts';
import { endInfra } from './process.ts';
import { type FakePod, findPod, isUp, matches, requireFreeName, type World } from './world.ts';

type PodCalls = Pick<Podman, 'listPods' | 'inspectPod' | 'createPod' | 'removePod'>;

export function fakePods(world: World): PodCalls {
  return {
    listPods: async (labels) =>
      [...world.pods.values()]
        .filter((pod) => matches(pod.labels, labels))
        .map((pod) => observedPod(world, pod)),

    inspectPod: async (nameOrId) => {
      const pod = findPod(world, nameOrId);
      return pod && observedPod(world, pod);
    },

    createPod: async (name, template, labels) => {
      requireFreeName(world, name);
      const attachments = attachmentsOf(world, template.network);
      const pod: FakePod = {
        id: world.newId(),
        name,
        labels: structuredClone(labels),
        template: structuredClone(template),
        infraId: world.newId(),
        infraState: 'created',
        infraPid: 0,
        infraStartedAtMs: 0,
        attachments,
      };
      world.pods.set(pod.id, pod);
      world.emit({ type: 'pod', action: 'create', id: pod.id, name, labels });
      return { id: pod.id };
    },

    removePod: async (nameOrId) => {
      const pod = findPod(world, nameOrId);
      if (!pod) return;
      for (const member of membersOf(world, pod)) removeContainer(world, member);
      endInfra(world, pod);
      world.pods.delete(pod.id);
      world.emit({ type: 'pod', action: 'remove', id: pod.id, name: pod.name, labels: pod.labels });
    },
  };
}

const membersOf = (world: World, pod: FakePod) =>
  [...world.containers.values()].filter((container) => container.podId === pod.id);

const observedPod = (world: World, pod: FakePod): ObservedPod => ({
  id: pod.id,
  name: pod.name,
  labels: pod.labels,
  state: stateOf(world, pod),
  infraId: pod.infraId,
  infraState: pod.infraState,
  infraPid: pod.infraPid,
  infraStartedAtMs: pod.infraStartedAtMs,
  containerIds: membersOf(world, pod).map((member) => member.id),
  networks: addressesOf(pod),
});

/** The infra container counts like a member. */
function stateOf(world: World, pod: FakePod): string {
  const states = [pod.infraState, ...membersOf(world, pod).map((member) => member.state)];
  const running = states.filter(isUp).length;
  if (running === states.length) return 'Running';
  if (running > 0) return 'Degraded';
  return states.every((state) => state === 'created') ? 'Created' : 'Exited';
}
