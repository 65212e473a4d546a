import { TerminalError } from '../src/api/errors.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import { createSharedReconciler } from './shared.ts';
import type { World } from './world.ts';

/** Validated and not enforced yet: says so, rather than let a person trust a ceiling that is not there. */
export const createResourceQuotaReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, {
    kind: 'ResourceQuota',
    ensure: () =>
      Promise.reject(new TerminalError('NotYetSupported', 'ResourceQuota is not enforced by this version')),
    remove: () => Promise.resolve(),
  });
