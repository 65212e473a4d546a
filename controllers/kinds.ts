import type { Reconciler } from '../src/manager/reconciler.ts';
import { createConfigMapReconciler } from './configmap.ts';
import { createImageReconciler } from './image.ts';
import { createNetworkReconciler } from './network.ts';
import { createPodGroupReconciler } from './podgroup.ts';
import { createResourceQuotaReconciler } from './resourcequota.ts';
import { createSecretReconciler } from './secret.ts';
import { createVolumeReconciler } from './volume.ts';
import type { World } from './world.ts';

/** Every kind that agents build on, in the order in which one can need another. */
export const createSharedReconcilers = (world: World): readonly Reconciler[] =>
  [
    createNetworkReconciler,
    createVolumeReconciler,
    createSecretReconciler,
    createConfigMapReconciler,
    createImageReconciler,
    createPodGroupReconciler,
    createResourceQuotaReconciler,
  ].map((create) => create(world));
