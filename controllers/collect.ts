import { messageOf, WaitingError } from '../src/api/errors.ts';
import { keyString, type ObjectKey } from '../src/api/key.ts';
import type { Reconciler, ReconcileContext, Result } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { desiredOf } from '../src/state/desired.ts';
import { isRollingOut } from './agent/machine.ts';
import { BROKEN_FOR_MS, mending, type Sighting, sighted } from './broken-image.ts';
import { keeping, removals } from './collection-plan.ts';
import { collectSecrets, knowsEveryRevision } from './collect-secrets.ts';
import type { World } from './world.ts';

/** Enqueued whenever a revision proved itself, or an agent is gone. */
export const COLLECTION: ObjectKey = { kind: 'Collection', namespace: 'default', name: 'images' };

/** Enqueued where something may have left an image half written: see ADR 20. */
export const HALF_WRITTEN: ObjectKey = { ...COLLECTION, name: 'half-written' };

/** A run holds up nothing for long; what is left over is for the next. */
const MAX_REMOVALS = 10;
const BUSY_RETRY_MS = 10_000;
const RETRY_MS = 60_000;
const MORE_AFTER_MS = 1_000;

/**
 * Gives the images of needed revisions a name of ours, and takes away what we made or pulled and no revision needs:
 * after things have settled, never while anything is being rolled out. A failure harms nobody: it is logged, and
 * tried again with the next occasion.
 */
export function createCollector(world: World): Reconciler {
  const memory: Memory = { hasLooked: false };
  return {
    kind: COLLECTION.kind,
    reconcile: ({ name }, context) =>
      name === HALF_WRITTEN.name ? mendImages(world, memory, context) : collect(world, memory, context),
  };
}

interface Memory {
  /** For what was left half written. A life before this one may have died together with Podman. */
  hasLooked: boolean;
  broken?: Sighting;
}

async function collect(world: World, memory: Memory, context: ReconcileContext): Promise<Result> {
  if (world.desired().frozen !== undefined) return {};
  if (!memory.hasLooked) world.enqueue(HALF_WRITTEN);
  const images = await world.podman.listImages({}).catch((error: unknown) => {
    world.enqueue(HALF_WRITTEN);
    throw new WaitingError('CollectionFailed', messageOf(error), RETRY_MS);
  });
  if (!knowsEveryRevision(world)) return {};
  const inputs = { images, records: world.store.records.list(), installation: world.installation() };
  await perform(world, keeping(inputs), context);
  if (isBusy(world)) return { requeueAfterMs: BUSY_RETRY_MS };
  const surplus = removals({ ...inputs, provisions: world.provisions.all() });
  await perform(world, surplus.slice(0, MAX_REMOVALS), context);
  await collectSecrets(world, COLLECTION, context.signal);
  return surplus.length > MAX_REMOVALS ? { requeueAfterMs: MORE_AFTER_MS } : {};
}

/** Takes such an image away once it is sure that nobody is about to finish it. */
async function mendImages(world: World, memory: Memory, context: ReconcileContext): Promise<Result> {
  const id = await world.podman.findBrokenImage();
  memory.hasLooked = true;
  if (id === undefined) {
    if (memory.broken) world.enqueue(COLLECTION);
    delete memory.broken;
    return {};
  }
  const nowMs = context.uptimeMs();
  memory.broken = sighted(id, memory.broken, nowMs);
  await perform(world, mending(memory.broken, nowMs), context);
  return { requeueAfterMs: BROKEN_FOR_MS };
}

/** One by one: an image that something else uses stays, and the others go all the same. */
async function perform(
  world: World,
  operations: readonly Operation[],
  { signal }: ReconcileContext,
): Promise<void> {
  for (const operation of operations) {
    const plan = { operations: [operation] };
    await world.execute({ key: COLLECTION, plan, priority: 'CrashRestart', signal });
  }
}

/** What is being built or pulled is nobody's revision yet. */
const isBusy = (world: World): boolean =>
  world.store.records.list().some(({ state }) => isRollingOut(state)) ||
  desiredOf(world.desired(), 'Image').some(({ key }) => {
    const provision = world.provisions.all().get(keyString(key));
    return provision === undefined || (!provision.ready && !provision.terminal);
  });
