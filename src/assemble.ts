import { performAct } from '../controllers/agent/perform-act.ts';
import { createAgentReconciler } from '../controllers/agent/reconciler.ts';
import { createCollector, HALF_WRITTEN } from '../controllers/collect.ts';
import { createSharedReconcilers } from '../controllers/kinds.ts';
import { previewDiff } from '../controllers/diff.ts';
import { previewPlan } from '../controllers/preview.ts';
import { restoreVolume } from '../controllers/restore-volume.ts';
import type { World } from '../controllers/world.ts';
import { messageOf } from './api/errors.ts';
import { type KeyString, keyString, type ObjectKey, parseKey } from './api/key.ts';
import { announce, createSourceAnnouncer } from './announce.ts';
import { type BackendOptions, createBackend } from './backend.ts';
import type { SyncWindowStatus } from './api/sync-window.ts';
import { createController } from './manager/controller.ts';
import { type DesiredKeeper, keysToVisit } from './manager/desired-keeper.ts';
import { createLanes } from './manager/lanes.ts';
import { createKeeper, type KeeperParts, windowOf } from './keeper.ts';
import { insightOf, type Reading } from './insight.ts';
import { createManager, type Manager, type Trigger } from './manager/manager.ts';
import { createProvisionBoard } from './manager/provision-board.ts';
import type { Log, ReconcileContext } from './manager/reconciler.ts';
import { createWorkQueue } from './manager/workqueue.ts';
import { type DependencyGraph, dependencyGraph, startOrder } from './plan/graph.ts';
import { type Operation, phraseOf } from './plan/operation.ts';
import { createExecutor } from './podman/execute.ts';
import { createImageCache } from './podman/image-cache.ts';
import { createObserver, type Observer } from './podman/observer.ts';
import type { Podman } from './podman/podman.ts';
import { timed } from './podman/timed.ts';
import { createProber, type Prober } from './probe/prober.ts';
import { createPublisher } from './publish.ts';
import type { Backend } from './server/backend.ts';
import { createMetrics, type Metrics } from './server/metrics.ts';
import { createRegistry } from './server/registry.ts';
import { EMPTY_DESIRED } from './state/desired.ts';
import { isKeptImage } from './state/names.ts';
import { secretValue } from './state/secret-values.ts';
import type { Store } from './store/store.ts';

const STOP_DEADLINE_MS = 5_000;

export interface Parts extends KeeperParts {
  readonly podman: Podman;
  readonly rootless: boolean;
  readonly maxConcurrentRollouts: number;
  readonly bootId: string;
  readonly home: string;
}

export interface Engine {
  readonly backend: Backend;
  /** What does not get on, for a person. */
  hangs(): string | undefined;
  /** Every value that a Secret holds now: what no message may. */
  secretValues(): string[];
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Wires everything to everything: the only place where an implementation is chosen. No logic. */
export function assemble(parts: Parts): Engine {
  const { store, clock, log } = parts;
  const ending = new AbortController();
  const reachability = { ok: true, message: '' };
  const wiring = unwired();
  const registry = createRegistry({ nowMs: () => clock.now() });
  const metrics = createMetricsOf(registry, wiring, parts);
  const podman = timed(parts.podman, { clock, onCall: metrics.podmanCall });
  const images = createImageCache({
    podman,
    now: () => clock.uptimeMs(),
    onRefusal: () => wiring.enqueue(HALF_WRITTEN),
  });
  const reading: Reading = {};
  const keeper = createKeeper(parts, reading, (desired) => {
    wiring.graph = dependencyGraph(desired);
    wiring.order = new Map(startOrder(wiring.graph).map((id, rank) => [id, rank]));
    announce(parts, desired);
    visitAll();
  });
  const visitAll = (): void => {
    for (const id of inOrder(wiring, keysToVisit(keeper.current(), inventoryOf(store, observer))))
      wiring.enqueue(parseKey(id));
  };
  const observer: Observer = createObserver({
    podman,
    traffic: parts.adapters.traffic,
    clock,
    installation: () => installationOf(parts),
    onChange: (key) => wiring.enqueue(key),
    onResource: ({ type, name }) => {
      if (type === 'image' && isKeptImage(name)) return;
      if (type === 'image') images.forget();
      if (type !== 'secret') visitAll();
    },
    onRelist: () => visitPodGroups(keeper, wiring),
    onReachable: (ok, message) => {
      if (ok === reachability.ok) return;
      tellReachable(log, Object.assign(reachability, { ok, message }));
      visitAll();
    },
  });
  const world = createWorld({ ...parts, podman }, { keeper, observer, images, wiring, registry, metrics });
  const prober = createProberFor(parts, (key) => wiring.enqueue(key));
  const { signal } = ending;
  const manager = createManagerFor(parts, { world, prober, keeper, observer, metrics, signal });
  Object.assign(wiring, { enqueue: manager.enqueue, queues: manager.queues });
  const window = windowOf(parts, keeper);
  const backend = createBackend({
    world,
    objects: registry,
    ...previews(
      { world, keeper, window },
      { signal, log, now: () => clock.now(), uptimeMs: () => clock.uptimeMs() },
    ),
    sync: syncWith(parts, keeper),
    source: parts.adapters.source.status,
    window,
    act: (key, request) => performAct(world, { key, request }, clock.now()),
    restore: (key, from) => restoreVolume(world, { key, from, signal }),
    metrics: metrics.render,
    reachable: () => reachability,
    isBusy: () => Object.values(manager.queues()).some(({ queued, running }) => queued + running > 0),
  });
  const stop = async (): Promise<void> => {
    ending.abort();
    await end(parts, { keeper, manager, prober });
  };
  return { backend, stop, start: manager.start, ...insightOf(parts, { keeper, manager, reading }) };
}

function visitPodGroups(keeper: DesiredKeeper, wiring: Wiring): void {
  for (const { key } of keeper.current().objects.values()) if (key.kind === 'PodGroup') wiring.enqueue(key);
}

interface Reachability {
  readonly ok: boolean;
  readonly message: string;
}

function tellReachable(log: Log, { ok, message }: Reachability): void {
  if (ok) log.info({ reason: message }, 'Podman answers again');
  else log.warn({ reason: message }, 'Podman does not answer');
}

interface Started {
  readonly keeper: DesiredKeeper;
  readonly manager: Manager;
  readonly prober: Prober;
}

async function end({ adapters }: Parts, { keeper, manager, prober }: Started): Promise<void> {
  keeper.close();
  await manager.stop(STOP_DEADLINE_MS);
  await prober.close();
  await adapters.close();
}

interface Previewed {
  readonly world: World;
  readonly keeper: DesiredKeeper;
  readonly window: () => SyncWindowStatus;
}

const previews = ({ world, keeper, window }: Previewed, context: ReconcileContext) => ({
  plan: async () => ({
    ...(await previewPlan(world, await keeper.preview(), context)),
    window: window(),
  }),
  diff: async () => previewDiff(world, await keeper.preview(), context),
});

/** What is known only once everything is wired. */
interface Wiring {
  enqueue: (key: ObjectKey) => void;
  graph: DependencyGraph;
  queues: Manager['queues'];
  /** Agents that others need come first: of one change the lower ones are then the first to follow. */
  order: ReadonlyMap<KeyString, number>;
}

const unwired = (): Wiring => ({
  enqueue: () => undefined,
  graph: dependencyGraph(EMPTY_DESIRED),
  order: new Map(),
  queues: () => ({}),
});

function createMetricsOf(
  registry: ReturnType<typeof createRegistry>,
  wiring: Wiring,
  { store: { events }, adapters }: Parts,
): Metrics {
  const metrics = createMetrics({
    agents: () => registry.list('Agent').items,
    source: adapters.source.status,
    queueDepths: () =>
      Object.fromEntries(Object.entries(wiring.queues()).map(([kind, { queued }]) => [kind, queued])),
  });
  events.subscribe(({ reason, involvedObject }) => {
    if (reason === 'RolledBack') metrics.rollback(involvedObject.namespace, involvedObject.name);
  });
  return metrics;
}

const syncWith =
  ({ adapters }: Parts, keeper: DesiredKeeper): BackendOptions['sync'] =>
  async ({ allowNonFastForward = false, approvePrune, approve = [], now = false }) => {
    await adapters.source.fetch({ allowNonFastForward });
    await keeper.refresh({ approvePrune, approve, now });
  };

const installationOf = ({ store, home }: Parts) => ({ ...store.installation, home });

const inventoryOf = (store: Store, observer: Observer) => [
  ...new Set([...store.inventory.list().map(({ key }) => key), ...observer.keys()].map(keyString)),
];

interface WorldParts {
  readonly keeper: DesiredKeeper;
  readonly observer: Observer;
  readonly images: ReturnType<typeof createImageCache>;
  readonly wiring: Wiring;
  readonly registry: ReturnType<typeof createRegistry>;
  readonly metrics: Metrics;
}

function createWorld(
  parts: Parts,
  { keeper, observer, images, wiring, registry, metrics }: WorldParts,
): World {
  const { podman, store, clock, log, adapters, rootless, maxConcurrentRollouts, bootId } = parts;
  const installation = installationOf(parts);
  const visitUsers = (key: ObjectKey): void => {
    const users = [...keeper.current().objects.values()].filter(
      ({ key: user }) =>
        (key.kind === 'Image' || user.namespace === key.namespace) &&
        BUILDERS.has(user.kind) &&
        keyString(user) !== keyString(key),
    );
    for (const id of inOrder(
      wiring,
      users.map(({ key: user }) => keyString(user)),
    ))
      wiring.enqueue(parseKey(id));
  };
  const onOperation = (key: ObjectKey, operation: Operation, outcome: string, durationMs: number): void => {
    metrics.operation(operation.type, outcome, durationMs);
    if (operation.type === 'CreateContainer' || operation.type === 'CreateHolder')
      observer.expect(key, operation.name);
    const fields = { object: keyString(key), cause: operation.cause, durationMs };
    if (outcome === 'Success') return log.info(fields, phraseOf(operation));
    log.warn({ ...fields, outcome }, phraseOf(operation));
    // One that was cut off may have left what bars everybody from images.
    if (MAKES_IMAGES.has(operation.type)) wiring.enqueue(HALF_WRITTEN);
  };
  return {
    desired: keeper.current,
    graph: () => wiring.graph,
    graphOf: dependencyGraph,
    provisions: createProvisionBoard(visitUsers),
    installation: () => installation,
    podman,
    observer,
    images,
    store,
    execute: createExecutor({
      podman,
      lanes: createLanes(),
      journal: store.journal,
      secretValue: (name) => secretValue(keeper.current(), installation, name),
      isPortFree: adapters.isPortFree,
      traffic: adapters.traffic,
      architecture: adapters.architecture,
      onProgress: (key, line) => log.debug({ object: keyString(key) }, line),
      onOperation,
      clock,
    }),
    files: adapters.files,
    enqueue: (key) => wiring.enqueue(key),
    publish: createPublisher(registry, () => clock.now()),
    rootless,
    maxConcurrentRollouts,
    bootId,
    newUid: adapters.newUid,
  };
}

const MAKES_IMAGES: ReadonlySet<Operation['type']> = new Set<Operation['type']>([
  'PullImage',
  'BuildImage',
  'ImportImage',
]);

const inOrder = ({ order }: Wiring, keys: readonly KeyString[]): KeyString[] =>
  [...keys].sort((left, right) => (order.get(left) ?? -1) - (order.get(right) ?? -1));

/** Kinds that stand on others. */
const BUILDERS: ReadonlySet<string> = new Set(['Agent', 'PodGroup', 'Image']);

function createProberFor({ store, clock, adapters }: Parts, onChange: (key: ObjectKey) => void): Prober {
  const saved = store.records
    .list()
    .flatMap(({ replicas }) => Object.values(replicas))
    .flatMap(({ verdict }) => (verdict ? [verdict] : []));
  const { random, runProbe: run } = adapters;
  return createProber({ clock, random, run, onChange, saved });
}

/** Its status could not be written: here is where a person who looks at the object finds out. */
const reconcileFailed = (key: ObjectKey, error: unknown) =>
  ({ key, type: 'Warning', reason: 'ReconcileFailed', message: messageOf(error) }) as const;

interface ManagerParts {
  readonly world: World;
  readonly prober: Prober;
  readonly keeper: DesiredKeeper;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

function createManagerFor(
  parts: Parts,
  { world, prober, keeper, observer, metrics, signal }: ManagerParts,
): Manager {
  const { clock, log, adapters, store } = parts;
  const reconcilers = [
    ...createSharedReconcilers(world),
    createCollector(world),
    createAgentReconciler({ world, prober }),
  ];
  const controllers = reconcilers.map((reconciler) =>
    createController({
      reconciler,
      queue: createWorkQueue({ clock, random: adapters.random }),
      clock,
      log,
      onOutcome: (key, outcome, durationMs) => {
        metrics.reconcile(key.kind, outcome.kind, durationMs);
        if (outcome.kind === 'Failed') store.events.record(reconcileFailed(key, outcome.error));
      },
    }),
  );
  const onRefreshError = (error: unknown): void => log.error({ err: error }, 'could not read the manifests');
  const refresh = (): void => void keeper.refresh().catch(onRefreshError);
  const podmanTrigger: Trigger = {
    name: 'podman',
    start: () => observer.start(signal).then(() => () => Promise.resolve()),
  };
  const directoryTrigger: Trigger = {
    name: 'manifests',
    start: async () => {
      const watcher = adapters.source.watch({
        onChange: refresh,
        onStatus: createSourceAnnouncer({ ...parts, mayApply: () => parts.syncWindow(clock.now()).open }),
      });
      await keeper.refresh();
      return watcher.close;
    },
  };
  return createManager({ controllers, triggers: [podmanTrigger, directoryTrigger], clock, log });
}
