import type { Acts } from '../../src/state/acts.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { NO_BACKOFF } from './backoff.ts';
import type { View } from './facts.ts';
import { type AgentEvent, agentEdges, GAVE_UP } from './machine.ts';
import { isDrawnAlong } from './unit.ts';

const statesWith = (event: AgentEvent): ReadonlySet<AgentState> =>
  new Set(agentEdges.filter((edge) => edge.event === event).map(({ from }) => from));

/** A rollout that is not over: it may be aborted. */
export const UNDER_WAY = statesWith('ABORTED');
export const RESTARTABLE = statesWith('RESTART');

/** Between the old container and the new one nothing serves: no place to stand still. */
const PASSED_THROUGH: ReadonlySet<AgentState> = new Set(['StoppingOld', 'Promoting']);

/** A person holds the rollout here. */
export const isHeld = (view: View): boolean => {
  const { record, facts } = view;
  if (facts.acts.pausedAtMs === undefined || !UNDER_WAY.has(record.state)) return false;
  return !PASSED_THROUGH.has(record.state) && !(record.state === 'Preparing' && isDrawnAlong(view));
};

/** What a person asked for and what was not done yet. */
export function askedEvent({ record, facts }: View): AgentEvent | undefined {
  const { abortedAtMs, restartedAtMs, retryAtMs } = facts.acts;
  const { state } = record;
  const isNews = (askedAtMs: number | undefined, doneAtMs: number | undefined): boolean =>
    askedAtMs !== undefined && askedAtMs !== doneAtMs;
  if (isNews(abortedAtMs, record.abortedAtMs)) {
    if (UNDER_WAY.has(state)) return 'ABORTED';
    if (state === 'Paused') return 'ROLL_BACK';
  }
  if (RESTARTABLE.has(state) && isNews(restartedAtMs, record.restartedAtMs)) return 'RESTART';
  return GAVE_UP.has(state) && isNews(retryAtMs, record.retriedAtMs) ? 'RETRY' : undefined;
}

/** A person who asks for a retry waits for no back-off. */
export function hasten(record: AgentRecord, { retryAtMs }: Acts): AgentRecord {
  if (retryAtMs === undefined || retryAtMs === record.retriedAtMs || GAVE_UP.has(record.state)) return record;
  const replicas = Object.fromEntries(
    Object.entries(record.replicas).map(([id, replica]) => [id, { ...replica, crash: NO_BACKOFF }]),
  );
  return { ...record, step: NO_BACKOFF, replicas, retriedAtMs: retryAtMs };
}

/** What is still to be done, or still to be held, after this record; the rest was carried out, or has lost its meaning. */
export function remainingActs(acts: Acts, record: AgentRecord): Acts {
  const { pausedAtMs, approvedRevision, abortedAtMs, retryAtMs, restartedAtMs, ...lasting } = acts;
  const isUnderWay = UNDER_WAY.has(record.state);
  const isApproved = isUnderWay && (record.targetRevision ?? approvedRevision) === approvedRevision;
  const isRestart = RESTARTABLE.has(record.state) && restartedAtMs !== record.restartedAtMs;
  return {
    ...lasting,
    ...(pausedAtMs !== undefined && isUnderWay && { pausedAtMs }),
    ...(approvedRevision !== undefined && isApproved && { approvedRevision }),
    ...(abortedAtMs !== undefined && isUnderWay && { abortedAtMs }),
    ...(retryAtMs !== undefined && retryAtMs !== record.retriedAtMs && { retryAtMs }),
    ...(restartedAtMs !== undefined && isRestart && { restartedAtMs }),
  };
}
