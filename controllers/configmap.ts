import type { Reconciler } from '../src/manager/reconciler.ts';
import { hashOf } from '../src/state/canonical.ts';
import { podmanName } from '../src/state/names.ts';
import type { ProvisionFacts } from '../src/state/provision.ts';
import { createSharedReconciler, type Subject } from './shared.ts';
import type { World } from './world.ts';

/** Files that agents mount. Contents have directories of their own, so that a rollback finds the old ones. */
export const createConfigMapReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, {
    kind: 'ConfigMap',
    ensure: ensureConfigMap,
    remove: ({ files }, { namespace, name }) => files.removeConfigMap(podmanName(namespace, name)),
  });

async function ensureConfigMap({ world, object }: Subject<'ConfigMap'>): Promise<ProvisionFacts> {
  const { data, binaryData } = object.manifest;
  const digest = hashOf({ data, binaryData });
  const text = Object.entries(data).map(([key, value]) => [key, Buffer.from(value)] as const);
  const binary = Object.entries(binaryData).map(
    ([key, value]) => [key, Buffer.from(value, 'base64')] as const,
  );
  const name = podmanName(object.key.namespace, object.key.name);
  const directories = await world.files.writeConfigMap(
    name,
    digest,
    Object.fromEntries([...text, ...binary]),
  );
  return { kind: 'ConfigMap', ...directories, digest };
}
