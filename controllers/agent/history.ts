import type { AgentRecord, Rollout, Trigger } from '../../src/state/record.ts';
import type { AgentEvent } from './machine.ts';
import type { View } from './facts.ts';

const DEFAULT_LIMIT = 10;

export const historyLimit = ({ facts }: View): number =>
  facts.spec?.rollout.revisionHistoryLimit ?? DEFAULT_LIMIT;

/** What sends an agent to Pending, as people call it. */
export function triggerOf({ record, facts }: View, event: AgentEvent): Trigger {
  switch (event) {
    case 'RESTART':
      return 'Restart';
    case 'RETRY':
      return facts.acts.retryAtMs === undefined ? (record.trigger ?? 'Manifest') : 'Retry';
    default:
      return facts.acts.undoToRevision === undefined ? 'Manifest' : 'Undo';
  }
}

/** One line for events, plans and lists. */
export function causeOf(trigger: Trigger, changes: readonly string[]): string {
  const what = changes.join('; ');
  switch (trigger) {
    case 'Manifest':
      return what || 'deployed again';
    case 'Undo':
      return `undone by a person${what && `: ${what}`}`;
    case 'Retry':
      return `tried again by a person${what && `: ${what}`}`;
    case 'Restart':
      return 'restarted by a person';
  }
}

/** A rollout begins with the revision that it goes to. */
export function beginRollout(
  view: View,
  { revision, changes }: Pick<Rollout, 'revision' | 'changes'>,
): Pick<AgentRecord, 'rollouts'> {
  const { record, facts, nowMs } = view;
  const { currentRevision: from, trigger = 'Manifest' } = record;
  const rollout: Rollout = {
    ...(revision !== undefined && { revision }),
    ...(from !== undefined && { from }),
    trigger,
    changes,
    ...(facts.origin && { origin: facts.origin }),
    startedAtMs: nowMs,
    outcome: 'UnderWay',
  };
  return { rollouts: [...(record.rollouts ?? []), rollout].slice(-historyLimit(view)) };
}

type Ending = Pick<Rollout, 'outcome' | 'message'>;

/** How the newest rollout ended, if it has not ended before; `RolledBack` is the end of one that failed. */
export function endRollout({ record, nowMs }: View, ending: Ending): Pick<AgentRecord, 'rollouts'> {
  const { rollouts = [] } = record;
  const newest = rollouts.at(-1);
  const before: Rollout['outcome'] = ending.outcome === 'RolledBack' ? 'Failed' : 'UnderWay';
  if (newest?.outcome !== before) return record.rollouts ? { rollouts } : {};
  return { rollouts: [...rollouts.slice(0, -1), { ...newest, ...ending, endedAtMs: nowMs }] };
}
