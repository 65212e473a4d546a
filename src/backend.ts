import { basename } from 'node:path';
import type { World } from '../controllers/world.ts';
import type { ActRequest } from './api/act-request.ts';
import { messageOf } from './api/errors.ts';
import { agentKey, type ObjectKey } from './api/key.ts';
import type { SourceStatus } from './api/source-status.ts';
import type { DiffView, PlanView, VolumeExportView } from './api/status.ts';
import { convergence, type ConvergenceParts, refusals, sourceProblems } from './convergence.ts';
import type { VolumeExport } from './podman/container-files.ts';
import type { LogEntry, LogRequest } from './server/backend.ts';
import type { Backend, SyncOptions } from './server/backend.ts';
import { conflict } from './server/errors.ts';
import { runningThenNewest } from './state/observed.ts';

type ActAnswer = { readonly message: string } | { readonly refused: string };

export interface BackendOptions extends ConvergenceParts {
  readonly plan: () => Promise<PlanView>;
  readonly diff: () => Promise<DiffView>;
  readonly sync: (wish: SyncOptions) => Promise<void>;
  readonly act: (key: ObjectKey, request: ActRequest) => Promise<ActAnswer>;
  readonly restore: (key: ObjectKey, from: string | undefined) => Promise<string>;
  readonly metrics: Backend['metrics'];
  readonly reachable: () => { readonly ok: boolean; readonly message: string };
}

/** What the API server asks of the controller, answered from what the controller already knows. */
export function createBackend(options: BackendOptions): Backend {
  const { world, objects } = options;
  return {
    objects,
    events: world.store.events,
    logs: (namespace, name, request, signal) => agentLogs(world, { namespace, name, request, signal }),
    plan: options.plan,
    diff: options.diff,
    sync: async (wish) => {
      await options.sync(wish);
      return refusals(world.desired());
    },
    act: async (namespace, name, request) => {
      const answer = await options.act(agentKey(namespace, name), request);
      if ('refused' in answer) throw conflict(answer.refused);
      return answer.message;
    },
    exports: async () => (await world.files.volumeExports()).map(exportView),
    restore: (namespace, name, from) =>
      options.restore({ kind: 'Volume', namespace, name }, from).catch((error: unknown) => {
        throw conflict(messageOf(error));
      }),
    convergence: () => convergence(options),
    readiness: () => readiness(options),
    metrics: options.metrics,
  };
}

const exportView = ({ volume, path, exportedAtMs, sizeBytes }: VolumeExport): VolumeExportView => ({
  volume: volume.replace('.', '/'),
  file: basename(path),
  exportedAt: new Date(exportedAtMs).toISOString(),
  sizeBytes,
});

interface LogQuery {
  readonly namespace: string;
  readonly name: string;
  readonly request: LogRequest;
  readonly signal: AbortSignal;
}

/** The running container's, else the newest one's; `previous` is the newest but one. */
async function agentLogs(
  world: World,
  { namespace, name, request, signal }: LogQuery,
): Promise<AsyncIterable<LogEntry>> {
  const { containers } = await world.observer.observe({ kind: 'Agent', namespace, name });
  const newest = containers.toSorted(runningThenNewest);
  const chosen = newest[request.previous ? 1 : 0];
  if (!chosen)
    throw new Error(
      `agent ${namespace}/${name} has no ${request.previous ? 'earlier ' : ''}container to read logs from`,
    );
  const { follow, tailLines, sinceMs, timestamps } = request;
  return world.podman.logs(
    chosen.id,
    {
      follow,
      timestamps,
      ...(tailLines !== undefined && { tailLines }),
      ...(sinceMs !== undefined && { sinceMs }),
    },
    signal,
  );
}

function readiness({ world, reachable, source }: BackendOptions): ReturnType<Backend['readiness']> {
  const podman = reachable();
  const { frozen } = world.desired();
  const trouble = world.store.trouble();
  return [
    { check: 'podman', ok: podman.ok, message: podman.message },
    { check: 'manifests', ok: frozen === undefined, message: frozen ?? '' },
    sourceCheck(source()),
    { check: 'state', ok: trouble === undefined, message: trouble ?? '' },
  ];
}

/** With the remote away it is ready all the same, and says so. */
const sourceCheck = (status: SourceStatus): ReturnType<Backend['readiness']>[number] => {
  const failure = status.type === 'Git' ? status.failure : undefined;
  const message = failure ? `${failure.reason} since ${failure.since}: ${failure.message}` : '';
  return { check: 'source', ok: sourceProblems(status).length === 0, message };
};
