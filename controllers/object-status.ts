import { mergeConditions } from '../src/api/conditions.ts';
import type { ObjectStatus } from '../src/api/status.ts';
import type { ManifestProblem } from '../src/state/desired.ts';
import type { GroupMove, Provision } from '../src/state/provision.ts';

/** The status of a kind that only has to exist. */
export function objectStatus(
  provision: Provision,
  problem: ManifestProblem | undefined,
  nowMs: number,
): ObjectStatus {
  const terminal = !provision.ready && provision.terminal;
  const move = moveOf(provision);
  const stalled = problem !== undefined || terminal || move.type === 'RolledBack';
  const { reason, message } = problem ?? saidOf(provision, move);
  const claim = (type: 'Ready' | 'Stalled' | 'Reconciling', value: boolean) => ({
    type,
    status: value ? ('True' as const) : ('False' as const),
    reason,
    message,
    observedGeneration: 1,
  });
  const isUnderWay = move.type === 'UnderWay' || (!provision.ready && !terminal);
  const claims = [
    claim('Ready', provision.ready && move.type === 'None'),
    claim('Stalled', stalled),
    claim('Reconciling', isUnderWay),
  ];
  return {
    phase: problem || terminal ? 'Stalled' : phaseOf(provision, move),
    message,
    observedGeneration: 1,
    conditions: mergeConditions([], claims, nowMs),
  };
}

/** Of all of them only a pod group goes from one thing to another, and may have to come back. */
const moveOf = (provision: Provision): GroupMove =>
  provision.ready && provision.facts.kind === 'PodGroup' ? provision.facts.move : { type: 'None' };

function saidOf(
  provision: Provision,
  move: GroupMove,
): { readonly reason: string; readonly message: string } {
  if (!provision.ready) return provision;
  return move.type === 'None'
    ? { reason: 'Ready', message: '' }
    : { reason: phaseOf(provision, move), message: move.message };
}

function phaseOf({ ready }: Provision, { type }: GroupMove): string {
  if (!ready) return 'Pending';
  switch (type) {
    case 'None':
      return 'Ready';
    case 'UnderWay':
      return 'Moving';
    case 'RolledBack':
      return 'RolledBack';
  }
}
