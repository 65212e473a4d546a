import { TerminalError } from '../src/api/errors.ts';
import type { ObjectKey } from '../src/api/key.ts';
import type { Volume } from '../src/api/resources.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { isOurs, ownerLabels, podmanName } from '../src/state/names.ts';
import type { ObservedVolume } from '../src/state/observed.ts';
import type { ProvisionFacts } from '../src/state/provision.ts';
import { changedOptions } from './options.ts';
import { conflict, createSharedReconciler, perform, type Subject } from './shared.ts';
import type { World } from './world.ts';

/** Data outlives everything: a volume goes only when its manifest said `Delete`, and is exported first. */
export const createVolumeReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, { kind: 'Volume', ensure: ensureVolume, remove: removeVolume });

async function ensureVolume({ world, object, uid, context }: Subject<'Volume'>): Promise<ProvisionFacts> {
  const { key, manifest } = object;
  const name = podmanName(key.namespace, key.name);
  const found = await world.podman.inspectVolume(name);
  if (found && !isOurs(world.installation(), key, found.labels)) throw conflict(`volume ${name}`);
  const { driver } = manifest.spec;
  const options = optionsOf(manifest.spec);
  if (found) requireSame(name, found, { driver, options });
  const labels = ownerLabels(world.installation(), key, uid);
  const create: Operation = {
    type: 'CreateVolume',
    name,
    driver,
    options,
    labels,
    cause: 'is not there',
  };
  if (!found) await perform(world, key, [create], context.signal);
  return { kind: 'Volume', podmanName: name };
}

/** Podman takes the owner among the mount options. */
function optionsOf({ options, owner }: Volume['spec']): Record<string, string> {
  if (!owner) return options;
  const ownerOption = `uid=${owner.uid},gid=${owner.gid}`;
  return { ...options, o: [options['o'], ownerOption].filter(Boolean).join(',') };
}

/** It holds data: another driver, owner or option would mean another volume, and that is for a person to decide. */
function requireSame(
  name: string,
  found: ObservedVolume,
  { driver, options }: Pick<ObservedVolume, 'driver' | 'options'>,
): void {
  const changed = [
    ...(found.driver === driver ? [] : [`driver ${found.driver} → ${driver}`]),
    ...changedOptions(found.options, options),
  ];
  if (changed.length === 0) return;
  throw new TerminalError(
    'ImmutableField',
    `volume ${name} cannot change in place (${changed.join('; ')}); give it a new name, or take it back`,
  );
}

async function removeVolume(
  world: World,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const entry = world.store.inventory.get(key);
  const manifest = entry && 'lastGood' in entry ? entry.lastGood.manifest : undefined;
  if (manifest?.kind !== 'Volume' || manifest.spec.retention === 'Retain') return;
  const name = podmanName(key.namespace, key.name);
  const found = await world.podman.inspectVolume(name);
  if (!found || !isOurs(world.installation(), key, found.labels)) return;
  const cause = 'its manifest was deleted and says retention: Delete';
  const toFile = await world.files.volumeExport(name);
  await perform(
    world,
    key,
    [
      { type: 'ExportVolume', name, toFile, cause },
      { type: 'RemoveVolume', name, cause },
    ],
    signal,
  );
}
