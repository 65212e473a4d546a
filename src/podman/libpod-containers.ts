import { refuseReplacedBinds } from './bind-guard.ts';
import type { Dial } from './dial.ts';
import { makeHostDirectories } from './host-directories.ts';
import { containerPath } from './inspect-container.ts';
import { hasLabels, labelFilter } from './labels.ts';
import { containerSummary } from './observe.ts';
import type { ContainerSummary, Podman } from './podman.ts';
import type { IsProcessAlive } from './process-check.ts';
import { containerSpec, resourcesSpec } from './spec.ts';
import { bindSubPaths } from './subpath.ts';
import type { WireContainerSummary } from './wire.ts';

type ContainerCalls = Pick<
  Podman,
  'listContainers' | 'createContainer' | 'renameContainer' | 'updateContainer'
>;

export function containerCalls(dial: Dial, isAlive: IsProcessAlive): ContainerCalls {
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

    async createContainer(request) {
      const what = `create container ${request.name}`;
      await makeHostDirectories(request.template, what);
      const template = await bindSubPaths(dial, request.template, what);
      const binds = template.mounts.flatMap((mount) => (mount.type === 'bind' ? [mount.source] : []));
      await refuseReplacedBinds(binds, what);
      const body = containerSpec({ ...request, template });
      const reply = await dial.call<CreateReply>({ method: 'POST', path: '/containers/create', body, what });
      return { id: reply.body?.Id ?? '', warnings: reply.body?.Warnings ?? [] };
    },

    async renameContainer(name, newName) {
      const path = `${containerPath(name)}/rename`;
      await dial.call({ method: 'POST', path, query: { name: newName }, what: `rename container ${name}` });
    },

    async updateContainer(name, limits) {
      const body = resourcesSpec(limits);
      const what = `update container ${name}`;
      await dial.call({ method: 'POST', path: `${containerPath(name)}/update`, body, what });
    },
  };
}

interface CreateReply {
  readonly Id?: string;
  readonly Warnings?: readonly string[] | null;
}

async function truthfulSummary(
  wire: WireContainerSummary,
  isAlive: IsProcessAlive,
): Promise<ContainerSummary> {
  const summary = containerSummary(wire);
  // A list does not tell conmon's pid.
  if (summary.pid === 0 || (await isAlive(summary.pid, 0))) return summary;
  return { ...summary, state: 'exited', pid: 0 };
}
