import type { AgentRecord } from '../../src/state/record.ts';
import { NO_BACKOFF } from './backoff.ts';
import type { View } from './facts.ts';

/**
 * What went down while something below it was away need not sit out its back-off once that is back, such as by a
 * rollback: it starts at once, and so those above it do when it is ready, in the order of the graph.
 */
export function regain({ record, facts }: View): AgentRecord {
  const { lostDependency, ...rest } = record;
  const { dependencyDown } = facts;
  if (dependencyDown !== undefined)
    return lostDependency === dependencyDown ? record : { ...rest, lostDependency: dependencyDown };
  if (lostDependency === undefined) return record;
  const replicas = Object.entries(rest.replicas).map(([id, replica]) => [
    id,
    { ...replica, crash: NO_BACKOFF },
  ]);
  return { ...rest, replicas: Object.fromEntries(replicas) as AgentRecord['replicas'] };
}
