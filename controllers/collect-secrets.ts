import type { ObjectKey } from '../src/api/key.ts';
import type { Operation } from '../src/plan/operation.ts';
import { secretPrefix } from '../src/state/names.ts';
import { neededRevisions } from './agent/rollout.ts';
import { secretsOf } from './agent/way-back.ts';
import { perform } from './shared.ts';
import type { World } from './world.ts';

const UNUSED = 'no manifest and no kept revision needs it';

/** Removes secrets that no manifest has and no kept revision refers to; one that stays keeps no other. */
export async function collectSecrets(world: World, key: ObjectKey, signal: AbortSignal): Promise<void> {
  if (!knowsEveryRevision(world)) return;
  const present = await world.podman.listSecrets(secretPrefix(world.installation()));
  const needed = new Set([...neededByRevisions(world), ...neededByManifests(world)]);
  const unused = present.filter((name) => !needed.has(name));
  const failures: unknown[] = [];
  for (const name of unused) {
    const remove: Operation = { type: 'RemoveSecret', name, cause: UNUSED };
    await perform(world, key, [remove], signal).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
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
