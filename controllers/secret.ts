import type { ObjectKey } from '../src/api/key.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { secretPrefix } from '../src/state/names.ts';
import type { ProvisionFacts } from '../src/state/provision.ts';
import { secretNames } from '../src/state/secret-values.ts';
import { collectSecrets } from './collect-secrets.ts';
import { COLLECTION } from './collect.ts';
import { createSharedReconciler, perform, type Subject } from './shared.ts';
import type { World } from './world.ts';

/** One immutable Podman secret for each value, named by content; old ones stay while a revision may go back to them. */
export const createSecretReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, {
    kind: 'Secret',
    ensure: ensureSecret,
    remove: removeSecrets,
    track: trackSecret,
  });

async function trackSecret(world: World, object: Subject<'Secret'>['object']): Promise<string> {
  const uid = world.store.inventory.get(object.key)?.uid ?? world.newUid();
  await world.store.inventory.put({
    key: object.key,
    uid,
    podmanSecrets: secretNames(world.installation(), object),
  });
  return uid;
}

async function ensureSecret({ world, object, context }: Subject<'Secret'>): Promise<ProvisionFacts> {
  const wanted = new Set(Object.values(secretNames(world.installation(), object)));
  const present = new Set(await world.podman.listSecrets(secretPrefix(world.installation())));
  const missing = [...wanted].filter((name) => !present.has(name));
  const create = missing.map(
    (name): Operation => ({ type: 'CreateSecret', name, cause: 'holds a new value' }),
  );
  await perform(world, object.key, create, context.signal);
  await collectOrLater(world, object.key, context.signal);
  return { kind: 'Secret' };
}

/** Retained with the manifest gone, unless nothing refers to them any more. */
const removeSecrets = (
  world: World,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> => collectOrLater(world, key, signal);

/** One that Podman will not remove is nobody's concern who waits for another. */
const collectOrLater = (world: World, key: ObjectKey, signal: AbortSignal): Promise<void> =>
  collectSecrets(world, key, signal).catch(() => world.enqueue(COLLECTION));
