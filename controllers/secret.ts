import type { ObjectKey } from '../src/api/key.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { secretPrefix } from '../src/state/names.ts';
import type { ProvisionFacts } from '../src/state/provision.ts';
import { secretNames } from '../src/state/secret-values.ts';
import { neededRevisions } from './agent/rollout.ts';
import { secretsOf } from './agent/way-back.ts';
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
  await collectSecrets(world, object.key, context.signal);
  return { kind: 'Secret' };
}

/** Retained with the manifest gone, unless nothing refers to them any more. */
const removeSecrets = (
  world: World,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> => collectSecrets(world, key, signal);

/** Removes secrets that no manifest has and no kept revision refers to. */
export async function collectSecrets(world: World, key: ObjectKey, signal: AbortSignal): Promise<void> {
  if (!knowsEveryRevision(world)) return;
  const present = await world.podman.listSecrets(secretPrefix(world.installation()));
  const needed = new Set([...neededByRevisions(world), ...neededByManifests(world)]);
  const unused = present.filter((name) => !needed.has(name));
  const remove = unused.map(
    (name): Operation => ({ type: 'RemoveSecret', name, cause: 'no manifest and no kept revision needs it' }),
  );
  await perform(world, key, remove, signal);
}

/** After a lost state the records come back one by one: until then nobody can say what is needed. */
export const knowsEveryRevision = ({ desired, store }: World): boolean =>
  [...desired().objects.values()].every(
    ({ key }) => key.kind !== 'Agent' || store.records.get(key) !== undefined,
  );

const neededByRevisions = ({ store }: World): string[] =>
  store.records
    .list()
    .flatMap((record) => neededRevisions(record).flatMap(({ template }) => secretsOf(template)));

/** By inventory: a Secret whose file does not parse right now keeps its values. */
const neededByManifests = ({ store }: World): string[] =>
  store.inventory
    .list()
    .flatMap((entry) => ('podmanSecrets' in entry ? Object.values(entry.podmanSecrets) : []));
