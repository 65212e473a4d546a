import type { RevisionStatus, RolloutStatus } from '../../src/api/status.ts';
import type { Revision, RevisionFailure, Rollout } from '../../src/state/record.ts';

const timeOf = (atMs: number): string => new Date(atMs).toISOString();

export function revisionStatus({
  id,
  outcome,
  cause,
  createdAtMs,
  origin,
  failure,
}: Revision): RevisionStatus {
  return {
    id,
    outcome,
    cause,
    createdAt: timeOf(createdAtMs),
    ...(origin && { origin }),
    ...(failure && { failure: failureStatus(failure) }),
  };
}

const failureStatus = ({ atMs, ...rest }: RevisionFailure): NonNullable<RevisionStatus['failure']> => ({
  ...rest,
  at: timeOf(atMs),
});

export const rolloutStatus = ({ startedAtMs, endedAtMs, ...rest }: Rollout): RolloutStatus => ({
  ...rest,
  startedAt: timeOf(startedAtMs),
  ...(endedAtMs !== undefined && { endedAt: timeOf(endedAtMs) }),
});
