import { keyString, type ObjectKey, parseKey } from '../src/api/key.ts';
import type { PlanView } from '../src/api/status.ts';
import type { ReconcileContext } from '../src/manager/reconciler.ts';
import { type Operation, phraseOf } from '../src/plan/operation.ts';
import { startOrder } from '../src/plan/graph.ts';
import type { DesiredState } from '../src/state/desired.ts';
import { createSharedReconcilers } from './kinds.ts';
import { previewAgent } from './preview-agent.ts';
import { previewMoves } from './preview-pods.ts';
import { desiredObject, type World } from './world.ts';

type Change = PlanView['changes'][number];

/**
 * What a controller would do about this desired state, without doing any of it: the real reconcilers run in a world
 * whose calls are only written down.
 */
export async function previewPlan(
  real: World,
  desired: DesiredState,
  context: ReconcileContext,
): Promise<PlanView> {
  const changes: Change[] = [];
  const world = dryWorld(real, desired, (key, operation) => changes.push(changeOf(key, operation)));
  const problems = await previewShared(world, context);
  changes.push(...previewMoves(world));
  for (const id of startOrder(world.graph())) changes.push(...(await previewAgent(world, parseKey(id))));
  for (const id of desired.pruned) {
    const object = keyString(parseKey(id));
    changes.push({ object, operation: 'remove', cause: 'its manifest is gone' });
  }
  return { changes, problems: [...manifestProblems(desired), ...problems, ...givenUp(world)] };
}

/** A quarantined spec changes nothing by itself: without a word a person would take that for success. */
const givenUp = (world: World): string[] =>
  world.store.records.list().flatMap(({ key, specHash, state, message }) => {
    const object = desiredObject(world, 'Agent', keyString(key));
    if (!GAVE_UP.has(state) || object?.specHash !== specHash) return [];
    return [`${keyString(key)} is ${state}: ${message}; the same spec is not tried again, edit it`];
  });

const GAVE_UP: ReadonlySet<string> = new Set(['RolledBack', 'Failed', 'Paused']);

const changeOf = (key: ObjectKey, operation: Operation): Change => ({
  object: keyString(key),
  operation: phraseOf(operation),
  cause: operation.cause,
});

export const manifestProblems = ({ problems, pruneBlocked, frozen }: DesiredState): string[] => [
  ...problems.map(
    ({ message, position }) => `${position.file}:${position.line}:${position.column}: ${message}`,
  ),
  ...(pruneBlocked === undefined ? [] : [`PruneBlocked: ${pruneBlocked}`]),
  ...(frozen === undefined ? [] : [frozen]),
];

/** Nothing leaves it: calls are noted and fail, writes go nowhere. */
export function dryWorld(
  real: World,
  desired: DesiredState,
  note: (key: ObjectKey, operation: Operation) => void,
): World {
  let provisions = real.provisions.all();
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    ...real,
    desired: () => desired,
    graph: () => real.graphOf(desired),
    provisions: {
      all: () => provisions,
      set: (key, provision) => {
        provisions = new Map([...provisions, [keyString(key), provision]]);
      },
      remove: (key) => {
        provisions = new Map([...provisions].filter(([id]) => id !== keyString(key)));
      },
    },
    execute: ({ key, plan }) => {
      for (const operation of plan.operations) note(key, operation);
      const [first] = plan.operations;
      const failure = first && { operation: first, kind: 'Other' as const, message: 'only planned' };
      return Promise.resolve({ logTails: {}, done: [], ...(failure && { failure }) });
    },
    files: {
      ...real.files,
      writeConfigMap: (name, digest) => Promise.resolve(real.files.configMapPaths(name, digest)),
      writeHosts: (network) => Promise.resolve(real.files.hostsPath(network)),
      removeConfigMap: nothing,
      removeHosts: nothing,
    },
    store: {
      ...real.store,
      records: real.store.records,
      inventory: { ...real.store.inventory, put: nothing, delete: nothing },
      addresses: {
        ...real.store.addresses,
        ensure: (network, object, choose) => {
          const taken = new Set(Object.values(real.store.addresses.all()[network] ?? {}));
          return Promise.resolve(real.store.addresses.get(network, object) ?? choose(taken));
        },
        release: nothing,
      },
    },
    publish: { object: () => undefined, agent: () => undefined, removed: () => undefined },
    enqueue: () => undefined,
  };
}

/** A kind that cannot be made ready for lack of a call is no problem: the call is in the plan. */
export async function previewShared(world: World, context: ReconcileContext): Promise<string[]> {
  const problems: string[] = [];
  for (const reconciler of createSharedReconcilers(world)) {
    const keys = [...world.desired().objects.values()].filter(({ key }) => key.kind === reconciler.kind);
    for (const { key } of keys) {
      await reconciler.reconcile(key, context).catch(() => undefined);
      const provision = world.provisions.all().get(keyString(key));
      if (provision && !provision.ready && provision.terminal)
        problems.push(`${keyString(key)}: ${provision.message}`);
    }
  }
  return problems;
}
