import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import type { NewEvent } from '../../src/store/events.ts';
import type { Transition } from './decide.ts';

/** States that a person is told about when an agent enters them; the others pass within a moment. */
const TOLD: Partial<Record<AgentState, 'Normal' | 'Warning'>> = {
  Blocked: 'Normal',
  Building: 'Normal',
  Starting: 'Normal',
  AwaitingApproval: 'Normal',
  Monitoring: 'Normal',
  Healthy: 'Normal',
  Healing: 'Normal',
  Degraded: 'Warning',
  Failing: 'Warning',
  RollingBack: 'Warning',
  RolledBack: 'Warning',
  Failed: 'Warning',
  Paused: 'Warning',
  Completed: 'Normal',
  Terminating: 'Normal',
};

/** Told only where an agent stays in them: most of the time there is nothing to wait for. */
const PASSING: ReadonlySet<AgentState> = new Set(['Blocked', 'Building']);

export const narrate = (record: AgentRecord, transitions: readonly Transition[]): NewEvent[] => [
  ...warnOfNoWayBack(record, transitions),
  ...transitions.flatMap(({ from, to }) => {
    const type = TOLD[to];
    const passed = PASSING.has(to) && record.state !== to;
    return type && from !== to && !passed
      ? [{ key: record.key, type, reason: to, message: messageFor(record, to) }]
      : [];
  }),
];

/** Before the first call of the rollout, so that a person reads it first. */
const warnOfNoWayBack = (
  { key, noWayBack: message }: AgentRecord,
  transitions: readonly Transition[],
): NewEvent[] =>
  message !== undefined && transitions.some(({ event }) => event === 'IMAGE_READY')
    ? [{ key, type: 'Warning', reason: 'RollbackUnavailable', message }]
    : [];

function downText({ lastExit }: AgentRecord): string {
  if (!lastExit) return 'it runs, but its probes fail';
  return lastExit.rebootedInto ? 'it went down with its host' : `last exit code ${lastExit.code}`;
}

function messageFor(record: AgentRecord, state: AgentState): string {
  const target = record.revisions.find(({ id }) => id === record.targetRevision);
  switch (state) {
    case 'Starting':
      return target ? `starting revision ${target.id}: ${target.cause}` : 'starting';
    case 'Monitoring':
      return `revision ${record.currentRevision} serves; watching it`;
    case 'Healthy':
      return `revision ${record.currentRevision} is stable`;
    case 'Building':
      return 'its image is built or pulled';
    case 'Degraded':
      return downText(record);
    case 'Terminating':
      return 'its manifest was deleted';
    case 'RolledBack':
      return `back on revision ${record.currentRevision}: ${record.message}`;
    default:
      return record.message || state;
  }
}
