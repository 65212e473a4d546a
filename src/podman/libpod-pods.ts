import type { ObservedPod } from '../state/observed.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { containerPath, type InspectContainer } from './inspect-container.ts';
import { observedPod } from './observe.ts';
import type { EndOrphans } from './orphans.ts';
import type { Labels, Podman } from './podman.ts';
import { podSpec } from './spec.ts';
import type { WireLabels, WirePod } from './wire.ts';

const REMOVE_TIMEOUT_MS = 120_000;
const PODMANS_SHORT_ID = 12;

type PodCalls = Pick<Podman, 'listPods' | 'inspectPod' | 'createPod' | 'removePod'>;

export interface PodTools {
  readonly inspect: InspectContainer;
  readonly endOrphans: EndOrphans;
}

export function podCalls(dial: Dial, { inspect, endOrphans }: PodTools): PodCalls {
  const inspectPod = async (nameOrId: string): Promise<ObservedPod | undefined> => {
    const wire = await readPod(dial, nameOrId);
    if (!wire) return undefined;
    const infraId = wire.InfraContainerID;
    return observedPod(wire, infraId ? await inspect(infraId) : undefined);
  };

  return {
    inspectPod,

    async listPods(labels) {
      const query = labelFilter(labels);
      const reply = await dial.call<ListedPod[]>({
        method: 'GET',
        path: '/pods/json',
        query,
        what: 'list pods',
      });
      const ours = (reply.body ?? []).filter((pod) => hasLabels(pod.Labels, labels));
      const pods = await Promise.all(ours.map((pod) => inspectPod(pod.Id)));
      return pods.filter((pod) => pod !== undefined);
    },

    async createPod(name, template, labels) {
      const what = `create pod ${name}`;
      const body = podSpec(name, template, labels);
      const creating = dial.call<{ Id?: string }>({ method: 'POST', path: '/pods/create', body, what });
      const reply = await creating.catch(async (error: unknown) => {
        await removeHalfMade(dial, name, labels);
        throw error;
      });
      return { id: reply.body?.Id ?? '' };
    },

    removePod: async (nameOrId) => {
      const pod = await readPod(dial, nameOrId);
      if (!pod) return;
      await removePod(dial, pod);
      endOrphans((pod.Containers ?? []).map(({ Id }) => Id));
    },
  };
}

interface ListedPod {
  readonly Id: string;
  readonly Labels?: WireLabels;
}

const pathOf = (nameOrId: string): string => `/pods/${encodeURIComponent(nameOrId)}`;

const readPod = (dial: Dial, nameOrId: string): Promise<WirePod | undefined> =>
  foundOrUndefined(
    dial.call<WirePod>({ method: 'GET', path: `${pathOf(nameOrId)}/json`, what: `inspect pod ${nameOrId}` }),
  );

/** 4.3 would give each member its whole grace, one after the other: so they are killed first, as `rm` of a container does. */
async function removePod(dial: Dial, pod: WirePod): Promise<void> {
  const common = { what: `remove pod ${pod.Name}`, timeoutMs: REMOVE_TIMEOUT_MS };
  const kill = { method: 'POST', path: `${pathOf(pod.Id)}/kill`, query: { signal: 'KILL' } } as const;
  // It fails where a member does not run; the removal below is what counts.
  await dial.call({ ...kill, ...common }).catch(() => undefined);
  if (!pod.InfraContainerID) await removeGhost(dial, pod);
  const query = { force: true, timeout: 0 };
  await absentIsDone(dial.call({ method: 'DELETE', path: pathOf(pod.Id), query, ...common }));
}

/**
 * A service that is killed while it makes the infra container may leave that one's storage, of which no call tells any
 * more. Its name, which Podman made of the pod's id, still does: so it goes before the pod.
 */
async function removeGhost(dial: Dial, { Id, Name }: WirePod): Promise<void> {
  const path = containerPath(`${Id.slice(0, PODMANS_SHORT_ID)}-infra`);
  const query = { force: true, timeout: 0, v: true };
  await absentIsDone(
    dial.call({ method: 'DELETE', path, query, what: `remove the infra container of ${Name}` }),
  );
}

/** When the infra container cannot be made, 4.3 leaves the pod without one; nothing can run in it. Only ours goes. */
async function removeHalfMade(dial: Dial, name: string, labels: Labels): Promise<void> {
  const pod = await readPod(dial, name).catch(() => undefined);
  if (!pod || pod.InfraContainerID || !hasLabels(pod.Labels, labels)) return;
  await removePod(dial, pod).catch(() => undefined);
}
