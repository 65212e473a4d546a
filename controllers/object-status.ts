import { mergeConditions } from '../src/api/conditions.ts';
import type { ObjectStatus } from '../src/api/status.ts';
import type { ManifestProblem } from '../src/state/desired.ts';
import type { Provision } from '../src/state/provision.ts';

/** The status of a kind that only has to exist. */
export function objectStatus(
  provision: Provision,
  problem: ManifestProblem | undefined,
  nowMs: number,
): ObjectStatus {
  const terminal = !provision.ready && provision.terminal;
  const stalled = problem !== undefined || terminal;
  const reason = problem?.reason ?? (provision.ready ? 'Ready' : provision.reason);
  const message = problem?.message ?? (provision.ready ? '' : provision.message);
  const claim = (type: 'Ready' | 'Stalled' | 'Reconciling', value: boolean) => ({
    type,
    status: value ? ('True' as const) : ('False' as const),
    reason,
    message,
    observedGeneration: 1,
  });
  const claims = [
    claim('Ready', provision.ready),
    claim('Stalled', stalled),
    claim('Reconciling', !provision.ready && !terminal),
  ];
  return {
    phase: phaseOf(provision, stalled),
    message,
    observedGeneration: 1,
    conditions: mergeConditions([], claims, nowMs),
  };
}

const phaseOf = (provision: Provision, stalled: boolean): string => {
  if (stalled) return 'Stalled';
  return provision.ready ? 'Ready' : 'Pending';
};
