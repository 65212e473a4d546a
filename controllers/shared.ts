import { TerminalError, WaitingError, messageOf } from '../src/api/errors.ts';
import { keyString, type ObjectKey } from '../src/api/key.ts';
import type { Kind, ManifestOf } from '../src/api/kinds.ts';
import type { ReconcileContext, Reconciler, Result } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import type { PodmanErrorKind } from '../src/podman/errors.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import type { Provision, ProvisionFacts } from '../src/state/provision.ts';
import { freeze } from './agent/freeze.ts';
import { track } from './inventory.ts';
import { objectStatus } from './object-status.ts';
import { answered, unreachable } from './unreachable.ts';
import { desiredObject, type World } from './world.ts';

/** One shared kind: how to make it exist, and how to take it away. */
export interface SharedKind<K extends Exclude<Kind, 'Agent'>> {
  readonly kind: K;
  /** Level-triggered and idempotent; returns what others may build on. */
  readonly ensure: (subject: Subject<K>) => Promise<ProvisionFacts>;
  /** True when it is confirmed gone, or is to be kept. */
  readonly remove: (world: World, key: ObjectKey, context: ReconcileContext) => Promise<void>;
  /** A Secret is tracked by name only. */
  readonly track?: (world: World, object: DesiredObject<ManifestOf<K>>) => Promise<string>;
}

export interface Subject<K extends Kind> {
  readonly world: World;
  readonly object: DesiredObject<ManifestOf<K>>;
  readonly uid: string;
  readonly context: ReconcileContext;
}

/** The reconciler of a kind that only has to exist: ensure it, or take it away, and say which. */
export function createSharedReconciler<K extends Exclude<Kind, 'Agent'>>(
  world: World,
  shared: SharedKind<K>,
): Reconciler {
  return {
    kind: shared.kind,
    reconcile: async (key, context) => {
      const id = keyString(key);
      const object = desiredObject(world, shared.kind, id);
      if (object) return ensureObject(world, { shared, object, context });
      if (world.desired().pruned.has(id)) await removeObject(world, { shared, key, context });
      return {};
    },
  };
}

interface Ensuring<K extends Exclude<Kind, 'Agent'>> {
  readonly shared: SharedKind<K>;
  readonly object: DesiredObject<ManifestOf<K>>;
  readonly context: ReconcileContext;
}

async function ensureObject<K extends Exclude<Kind, 'Agent'>>(
  world: World,
  { shared, object, context }: Ensuring<K>,
): Promise<Result> {
  const follow =
    shared.track ?? ((_: World, item: DesiredObject) => track(world, item as Parameters<typeof track>[1]));
  const uid = await follow(world, object);
  try {
    const facts = await answered(shared.ensure({ world, object, uid, context }));
    conclude(world, { object, uid, provision: { ready: true, facts } }, context.now());
    return {};
  } catch (error) {
    conclude(world, { object, uid, provision: unready(error) }, context.now());
    throw error;
  }
}

interface Conclusion {
  readonly object: DesiredObject;
  readonly uid: string;
  readonly provision: Provision;
}

function conclude(world: World, { object, uid, provision }: Conclusion, nowMs: number): void {
  const stalled = world.desired().stalled.get(keyString(object.key));
  world.provisions.set(object.key, provision);
  world.publish.object(object, { uid, status: objectStatus(provision, stalled, nowMs) });
}

function unready(error: unknown): Provision {
  const known = error instanceof TerminalError || error instanceof WaitingError;
  return {
    ready: false,
    reason: known ? error.reason : 'Retrying',
    message: messageOf(error),
    terminal: error instanceof TerminalError,
  };
}

interface Removing<K extends Exclude<Kind, 'Agent'>> {
  readonly shared: SharedKind<K>;
  readonly key: ObjectKey;
  readonly context: ReconcileContext;
}

/** Shared objects go last: while a pruned agent is still being removed they wait. */
async function removeObject<K extends Exclude<Kind, 'Agent'>>(
  world: World,
  { shared, key, context }: Removing<K>,
): Promise<void> {
  if (!world.store.inventory.get(key)) return;
  const busy = world.store.inventory
    .list()
    .some(
      ({ key: other }) =>
        other.kind === 'Agent' &&
        other.namespace === key.namespace &&
        world.desired().pruned.has(keyString(other)),
    );
  if (busy) throw new WaitingError('AgentsFirst', 'waits until the agents deleted with it are gone', 1_000);
  await answered(shared.remove(world, key, context));
  await world.store.inventory.delete(key);
  world.provisions.remove(key);
  world.publish.removed(key);
}

/** A person must act: the same call with the same manifest fails again. */
const TERMINAL: ReadonlySet<PodmanErrorKind> = new Set([
  'BuildFailed',
  'ImageUnknown',
  'BadRequest',
  'CannotRun',
  'NameInUse',
]);

/** The manifests wake everyone once they can be read; this is for a word of theirs that was lost. */
const FROZEN_RETRY_MS = 20_000;

/** Carries out operations for a shared object, but makes and removes nothing while the manifests cannot be read; throws what the controller's mapper understands. */
export async function perform(
  world: World,
  key: ObjectKey,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<void> {
  const { frozen } = world.desired();
  if (frozen !== undefined && freeze({ operations }).operations.length < operations.length)
    throw new WaitingError(
      'SourceUnreadable',
      `waits until the manifests can be read: ${frozen}`,
      FROZEN_RETRY_MS,
    );
  const { failure } = await world.execute({ key, plan: { operations }, priority: 'Rollout', signal });
  if (!failure) return;
  if (TERMINAL.has(failure.kind)) throw new TerminalError(failure.kind, failure.message);
  if (failure.kind === 'Unreachable') throw unreachable(failure.message);
  throw new Error(failure.message);
}

export const conflict = (what: string): TerminalError =>
  new TerminalError(
    'Conflict',
    `${what} exists and is not ours; remove or rename it, or choose another name`,
  );
