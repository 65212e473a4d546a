import type { ObservedContainer } from '../state/observed.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial, Query } from './dial.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { containerSummary, observedContainer } from './observe.ts';
import type { Podman } from './podman.ts';
import type { IsProcessAlive } from './process-check.ts';
import { containerSpec, resourcesSpec } from './spec.ts';
import { bindSubPaths } from './subpath.ts';
import type { WireContainer, WireContainerSummary } from './wire.ts';

/** On top of the grace: SIGKILL, unmounting, network teardown. */
const STOP_MARGIN_MS = 30_000;

type ContainerCalls = Pick<
  Podman,
  | 'listContainers'
  | 'inspectContainer'
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'killContainer'
  | 'removeContainer'
  | 'renameContainer'
  | 'updateContainer'
>;

export function containerCalls(dial: Dial, isAlive: IsProcessAlive): ContainerCalls {
  const post = (name: string, action: string, query: Query): Promise<unknown> =>
    dial.call({
      method: 'POST',
      path: `${pathOf(name)}/${action}`,
      query,
      what: `${action} container ${name}`,
    });

  return {
    async listContainers(labels) {
      const query = { all: true, ...labelFilter(labels) };
      const reply = await dial.call<WireContainerSummary[]>({
        method: 'GET',
        path: '/containers/json',
        query,
        what: 'list containers',
      });
      // The infra container of a pod carries the pod's labels: it is the pod's, not an agent's.
      const ours = (reply.body ?? []).filter((wire) => !wire.IsInfra && hasLabels(wire.Labels, labels));
      return Promise.all(ours.map((wire) => truthfulSummary(wire, isAlive)));
    },

    inspectContainer: (name) => inspectContainer(dial, isAlive, name),

    async createContainer(request) {
      const what = `create container ${request.name}`;
      const template = await bindSubPaths(dial, request.template, what);
      const body = containerSpec({ ...request, template });
      const reply = await dial.call<CreateReply>({ method: 'POST', path: '/containers/create', body, what });
      return { id: reply.body?.Id ?? '', warnings: reply.body?.Warnings ?? [] };
    },

    async startContainer(name) {
      await post(name, 'start', {});
    },

    async stopContainer(name, graceSeconds) {
      const stopping = dial.call({
        method: 'POST',
        path: `${pathOf(name)}/stop`,
        query: { timeout: graceSeconds },
        what: `stop container ${name}`,
        timeoutMs: graceSeconds * 1_000 + STOP_MARGIN_MS,
      });
      await absentIsDone(stopping);
    },

    async killContainer(name, signal) {
      await post(name, 'kill', { signal });
    },

    async removeContainer(name) {
      // v: the anonymous volumes of an image's VOLUME lines go with it; named ones stay.
      const query = { force: true, timeout: 0, v: true };
      await absentIsDone(
        dial.call({ method: 'DELETE', path: pathOf(name), query, what: `remove container ${name}` }),
      );
    },

    async renameContainer(name, newName) {
      await post(name, 'rename', { name: newName });
    },

    async updateContainer(name, limits) {
      const body = resourcesSpec(limits);
      const what = `update container ${name}`;
      await dial.call({ method: 'POST', path: `${pathOf(name)}/update`, body, what });
    },
  };
}

interface CreateReply {
  readonly Id?: string;
  readonly Warnings?: readonly string[] | null;
}

const pathOf = (nameOrId: string): string => `/containers/${encodeURIComponent(nameOrId)}`;

export async function inspectContainer(
  dial: Dial,
  isAlive: IsProcessAlive,
  nameOrId: string,
): Promise<ObservedContainer | undefined> {
  const what = `inspect container ${nameOrId}`;
  const wire = await foundOrUndefined(
    dial.call<WireContainer>({ method: 'GET', path: `${pathOf(nameOrId)}/json`, what }),
  );
  if (!wire) return undefined;
  const observed = observedContainer(wire);
  if (observed.state !== 'running') return observed;
  const alive = await isAlive(observed.pid, wire.State?.ConmonPid ?? 0);
  return alive ? observed : lostContainer(observed);
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

async function truthfulSummary(wire: WireContainerSummary, isAlive: IsProcessAlive) {
  const summary = containerSummary(wire);
  if (summary.state !== 'running' || (await isAlive(summary.pid, 0))) return summary;
  return { ...summary, state: 'exited', pid: 0 };
}
