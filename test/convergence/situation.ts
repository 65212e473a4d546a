import { labels } from '../../src/api/labels.ts';
import type { ObservedContainer } from '../../src/state/observed.ts';
import type { AgentRecord } from '../../src/state/record.ts';

/**
 * How an agent stands, names and times left out: two stories that reach the same situations show the same. How many
 * there were tells whether thousands of seeds were worth more than hundreds.
 */
export function situationOf(record: AgentRecord, containers: readonly ObservedContainer[]): string {
  const { key, state, reason, rollout, unit, currentRevision, targetRevision, stableRevision } = record;
  const own = containers.filter(({ labels: found }) => found[labels.name] === key.name);
  const standing = own
    .map(({ labels: found, state: is }) => `${placeOf(record, found[labels.revision])} ${is}`)
    .sort();
  return [
    state,
    reason,
    rollout?.strategy ?? '-',
    unit === undefined ? 'alone' : 'grouped',
    same(currentRevision, targetRevision),
    same(stableRevision, targetRevision),
    [...new Set(standing)].join('+'),
  ].join('|');
}

const same = (left: string | undefined, right: string | undefined): string =>
  left === undefined ? 'none' : left === right ? 'target' : 'other';

const placeOf = ({ currentRevision, targetRevision }: AgentRecord, revision: string | undefined): string =>
  revision === targetRevision ? 'target' : revision === currentRevision ? 'current' : 'old';
