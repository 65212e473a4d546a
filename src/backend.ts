import { basename } from 'node:path';
import type { World } from '../controllers/world.ts';
import type { ActRequest } from './api/act-request.ts';
import { messageOf } from './api/errors.ts';
import { agentKey, keyString, type ObjectKey } from './api/key.ts';
import type { SourceStatus } from './api/source-status.ts';
import { APPLY_AT_ONCE, type SyncWindowStatus } from './api/sync-window.ts';
import type { AgentStatus, ConvergeView, DiffView, PlanView, VolumeExportView } from './api/status.ts';
import type { VolumeExport } from './podman/container-files.ts';
import type { LogEntry, LogRequest } from './server/backend.ts';
import type { Backend, ObjectReader, SyncOptions } from './server/backend.ts';
import { conflict } from './server/errors.ts';
import type { DesiredState } from './state/desired.ts';
import { runningThenNewest } from './state/observed.ts';

type ActAnswer = { readonly message: string } | { readonly refused: string };

export interface BackendOptions {
  readonly world: World;
  readonly objects: ObjectReader;
  readonly plan: () => Promise<PlanView>;
  readonly diff: () => Promise<DiffView>;
  readonly sync: (wish: SyncOptions) => Promise<void>;
  readonly act: (key: ObjectKey, request: ActRequest) => Promise<ActAnswer>;
  readonly restore: (key: ObjectKey, from: string | undefined) => Promise<string>;
  readonly metrics: Backend['metrics'];
  /** Something is being looked at, or waits to be: what is known may not be the newest. */
  readonly isBusy: () => boolean;
  readonly source: () => SourceStatus;
  readonly window: () => SyncWindowStatus;
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

const DONE: ReadonlySet<string> = new Set(['Monitoring', 'Healthy', 'Completed', 'Suspended']);

/** Converged: every agent follows its manifest and serves; an optional one that does not is told, and holds nothing up. */
function convergence({ world, objects, isBusy, source, ...options }: BackendOptions): ConvergeView {
  const window = options.window();
  const desired = world.desired();
  const agents = [...desired.objects.values()].filter(({ key }) => key.kind === 'Agent');
  const waitingFor = agents.flatMap(({ key, manifest, specHash }) => {
    const status = objects.get('Agent', key.namespace, key.name)?.status as AgentStatus | undefined;
    const record = world.store.records.get(key);
    const isDone =
      status !== undefined && DONE.has(status.phase) && (status.ready || status.phase !== 'Monitoring');
    if (isDone && record?.specHash === specHash) return [];
    const optional = manifest.kind === 'Agent' && !manifest.spec.required;
    const phase = status?.phase ?? 'Pending';
    return [{ object: keyString(key), phase, message: status?.message ?? '', optional }];
  });
  const pending = [...desired.pruned].filter((id) =>
    world.store.inventory.list().some(({ key }) => keyString(key) === id),
  );
  const problems = [...sourceProblems(source()), ...problemsOf(world)];
  const busy = isBusy();
  return {
    busy,
    converged:
      !busy &&
      waitingFor.every(({ optional }) => optional) &&
      pending.length === 0 &&
      problems.length === 0 &&
      desired.held === undefined &&
      desired.recheckAtMs === undefined,
    total: agents.length,
    healthy: agents.length - waitingFor.length,
    waitingFor: [
      ...waitingFor.map(({ object, phase, message }) => ({ object, phase, message })),
      ...pending.map((object) => ({ object, phase: 'Terminating', message: 'its manifest is gone' })),
      ...waitingForWindow(window),
    ],
    problems,
    ...pruneBlockedOf(desired),
    source: source(),
    window,
  };
}

const pruneBlockedOf = ({
  pruneBlocked,
  awaitsConsent = [],
}: DesiredState): Pick<ConvergeView, 'pruneBlocked'> =>
  pruneBlocked === undefined ? {} : { pruneBlocked: { message: pruneBlocked, objects: awaitsConsent } };

const waitingForWindow = ({ waiting, message }: SyncWindowStatus): ConvergeView['waitingFor'] =>
  waiting.map((object) => ({
    object,
    phase: 'Waiting',
    message: `its change waits: ${message}; at once: ${APPLY_AT_ONCE}`,
  }));

/** An outage passes by itself, and what was applied before it is what should be. */
const sourceProblems = (status: SourceStatus): string[] =>
  status.type === 'Git' && status.failure && status.failure.reason !== 'FetchFailed'
    ? [`${status.failure.reason}: ${status.failure.message}`]
    : [];

function problemsOf({ desired, provisions }: World): string[] {
  const unready = [...provisions.all()].flatMap(([id, provision]) =>
    provision.ready || !provision.terminal ? [] : [`${id}: ${provision.message}`],
  );
  return [...refusals(desired()), ...unready];
}

/** What of the manifests is not applied. */
const refusals = ({ problems, pruneBlocked, frozen }: DesiredState): string[] => [
  ...problems.map(
    ({ message, position }) => `${position.file}:${position.line}:${position.column}: ${message}`,
  ),
  ...(pruneBlocked === undefined ? [] : [`PruneBlocked: ${pruneBlocked}`]),
  ...(frozen === undefined ? [] : [`frozen: ${frozen}`]),
];

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
