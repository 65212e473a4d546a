import { isOutdated } from '../../src/plan/plan-holder.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { MissingInput } from '../../src/state/resolver.ts';
import type { View } from './facts.ts';

/** In these something serves, or has done its work, and nothing else would say that a newer manifest waits. */
const AT_REST: ReadonlySet<AgentState> = new Set<AgentState>([
  'Monitoring',
  'Healthy',
  'Healing',
  'Degraded',
  'Completed',
]);

/**
 * What the newest manifest asks for and cannot have, such as an image whose build failed: the revision before it goes
 * on serving, untouched, and the agent is not what its manifest says. What every start waits for a moment, until the
 * shared kinds are ready again, is no news about a manifest that was followed already.
 */
export function unmet({ record, facts }: View): MissingInput | undefined {
  if (!AT_REST.has(record.state) || facts.spec === undefined) return undefined;
  const forGood = facts.missing.find(({ terminal }) => terminal);
  return forGood ?? (isFollowed(record) ? undefined : facts.missing[0]) ?? unmetPorts({ record, facts });
}

/** They are no part of a revision: only the holder changes, when it can. */
function unmetPorts({ record, facts }: Pick<View, 'record' | 'facts'>): MissingInput | undefined {
  const holder = facts.observed.holder?.container;
  const { stepFailure } = record;
  if (!holder || !facts.wish?.holder || !stepFailure || !isOutdated(holder, facts.wish.holder))
    return undefined;
  return { reason: stepFailure.reason, message: stepFailure.message, terminal: false };
}

const isFollowed = ({ triedGeneration, generation }: AgentRecord): boolean => triedGeneration === generation;
