import { isNameless } from '../../src/state/holder.ts';
import type { AgentRecord, Revision, RolloutProgress } from '../../src/state/record.ts';
import { findRevision, type View } from './facts.ts';
import { replicaCount } from './replicas.ts';

/**
 * How the new revision takes over. Beside the old one only where there is an old one, and where both have a holder for
 * their name: a container that has the name itself must go before another can have it.
 */
export function startRollout(view: View, target: Revision): RolloutProgress {
  const { record, facts } = view;
  const current = findRevision(record, record.currentRevision);
  const strategy = facts.spec?.rollout.strategy ?? 'Recreate';
  const canMove =
    current !== undefined &&
    current.id !== target.id &&
    isNameless(current.template) &&
    isNameless(target.template);
  if (strategy === 'Recreate' || !canMove) return { strategy: 'Recreate' };
  if (strategy === 'BlueGreen') return { strategy };
  const canaries = facts.spec?.rollout.canary?.replicas ?? 1;
  return { strategy, tried: Math.min(canaries, replicaCount(view)), promoted: 0, stage: 'Canaries' };
}

/** Once the canaries are agreed to, the others follow one by one. */
export function nextStep(view: View): AgentRecord {
  const { rollout, ...record } = view.record;
  if (rollout?.strategy !== 'Canary') return view.record;
  const tried = Math.min(rollout.promoted + 1, replicaCount(view));
  return { ...record, rollout: { ...rollout, tried, stage: 'Others' } };
}

/** What was tried serves from now on; when no old replica is left to replace, the new revision is the current one. */
export function promote(view: View): AgentRecord {
  const { record } = view;
  const { rollout, targetRevision } = record;
  if (targetRevision === undefined) return record;
  if (rollout?.strategy !== 'Canary' || rollout.tried >= replicaCount(view))
    return { ...record, currentRevision: targetRevision };
  return { ...record, rollout: { ...rollout, promoted: rollout.tried } };
}

/** Says how to go on: nobody should have to look that up. */
export function approvalMessage(view: View): string {
  const { record, facts } = view;
  const promoted = record.rollout?.strategy === 'Canary' ? record.rollout.promoted : 0;
  const serves = `revision ${record.targetRevision} serves with ${promoted} of ${replicaCount(view)} replicas`;
  const canary = facts.spec?.rollout.canary;
  if (canary?.promotion !== 'Manual')
    return `${serves}; the others follow when it stays healthy for ${facts.spec?.rollout.minHealthySeconds ?? 0} s`;
  const { namespace, name } = record.key;
  return `${serves}; approve it with: rookery rollout approve ${name} -n ${namespace}`;
}
