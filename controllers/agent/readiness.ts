import { isReady, servingRevision, type View } from './facts.ts';
import { containerOf, goesBeside, liveContainers, servingReplicas } from './replicas.ts';
import { holderAim, isRouted, routedNow } from './route.ts';

/** Somebody answers under the agent's name. */
export const isServed = (view: View): boolean =>
  unreached(view) === undefined &&
  liveContainers(view, servingReplicas(view)).some((container) => isReady(view, container));

/** Everybody who should answers. */
export const isAllReady = (view: View): boolean => areProbesReady(view) && unreached(view) === undefined;

export const areProbesReady = (view: View): boolean =>
  (goesBeside(view.record) || servingRevision(view.record) !== undefined) &&
  servingReplicas(view).every((ref) => isReady(view, containerOf(view, ref)));

/**
 * Why the name leads to nobody who is ready, or to others than it should; undefined when all is well. Its traffic is
 * routed a moment after a replica becomes ready: as long as somebody answers, only a route that failed is told.
 */
export function unreached(view: View): string | undefined {
  const aim = holderAim(view);
  if (!aim || servingReplicas(view).length === 0) return undefined;
  const { stepFailure } = view.record;
  const isAnswered = routedNow(view).some((container) => isReady(view, container));
  if (isAnswered && (stepFailure === undefined || isRouted(view, aim))) return undefined;
  return stepFailure?.message ?? 'its name, addresses and ports do not lead to it yet';
}

/** It was tried, and did not go: to wait for more is no use, the next try has its time. */
export const isCutOff = (view: View): boolean =>
  view.record.stepFailure !== undefined && unreached(view) !== undefined;
