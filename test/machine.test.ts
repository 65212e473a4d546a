import { describe, expect, test } from 'vitest';
import {
  type AgentEvent,
  agentEdges,
  agentStates,
  GAVE_UP,
  HAS_FAILED,
  isRollingOut,
  nextState,
} from '../controllers/agent/machine.ts';
import type { AgentState } from '../src/state/record.ts';

/** Written out by hand, so that a slip in the machine is not a slip here too. */
const EDGES: readonly (readonly [AgentState, AgentEvent, AgentState])[] = [
  ['Pending', 'ALREADY_CURRENT', 'Healthy'],
  ['Pending', 'DEPENDENCIES_READY', 'Building'],
  ['Pending', 'DEPENDENCIES_WAIT', 'Blocked'],
  ['Blocked', 'ALREADY_CURRENT', 'Healthy'],
  ['Blocked', 'DEPENDENCIES_READY', 'Pending'],
  ['Building', 'ALREADY_CURRENT', 'Healthy'],
  ['Building', 'IMAGE_READY', 'Preparing'],
  ['Building', 'STEP_FAILED', 'Failing'],
  ['Preparing', 'CREATED', 'StoppingOld'],
  ['Preparing', 'CREATED_BESIDE', 'Starting'],
  ['Preparing', 'INPUT_MISSING', 'Blocked'],
  ['Preparing', 'UNHEALTHY', 'Failing'],
  ['Starting', 'UNHEALTHY', 'Failing'],
  ['Verifying', 'UNHEALTHY', 'Failing'],
  ['Promoting', 'CANARIES_SERVE', 'AwaitingApproval'],
  ['Promoting', 'NEXT_REPLICA', 'Preparing'],
  ['Promoting', 'UNHEALTHY', 'Failing'],
  ['AwaitingApproval', 'APPROVED', 'Preparing'],
  ['AwaitingApproval', 'UNHEALTHY', 'Failing'],
  ['AwaitingApproval', 'ABORTED', 'Failing'],
  ['Preparing', 'STEP_FAILED', 'Failing'],
  ['Preparing', 'DEADLINE', 'Failing'],
  ['StoppingOld', 'OLD_STOPPED', 'Starting'],
  ['StoppingOld', 'STEP_FAILED', 'Failing'],
  ['StoppingOld', 'DEADLINE', 'Failing'],
  ['Starting', 'STARTED', 'Verifying'],
  ['Starting', 'COMPLETED', 'Completed'],
  ['Starting', 'CRASHED_TOO_OFTEN', 'Failing'],
  ['Starting', 'STEP_FAILED', 'Failing'],
  ['Starting', 'DEADLINE', 'Failing'],
  ['Verifying', 'PROVEN', 'Promoting'],
  ['Verifying', 'COMPLETED', 'Completed'],
  ['Verifying', 'CRASHED_TOO_OFTEN', 'Failing'],
  ['Verifying', 'DEADLINE', 'Failing'],
  ['Promoting', 'PROMOTED', 'Monitoring'],
  ['Promoting', 'STEP_FAILED', 'Failing'],
  ['Promoting', 'DEADLINE', 'Failing'],
  ['Monitoring', 'STABLE', 'Healthy'],
  ['Monitoring', 'UNHEALTHY', 'Failing'],
  ['Monitoring', 'COMPLETED', 'Completed'],
  ['Healthy', 'DRIFTED', 'Healing'],
  ['Healthy', 'SCALED', 'Healing'],
  ['Healthy', 'UNHEALTHY', 'Degraded'],
  ['Healthy', 'COMPLETED', 'Completed'],
  ['Healing', 'HEALED', 'Healthy'],
  ['Healing', 'HEALED_IN_VAIN', 'Degraded'],
  ['Healing', 'UNHEALTHY', 'Degraded'],
  ['Degraded', 'RECOVERED', 'Healthy'],
  ['Degraded', 'COMPLETED', 'Completed'],
  ['Failing', 'ROLL_BACK', 'RollingBack'],
  ['Failing', 'PAUSE', 'Paused'],
  ['Failing', 'GIVE_UP', 'Failed'],
  ['RollingBack', 'RESTORED', 'RolledBack'],
  ['RollingBack', 'STEP_FAILED', 'Failed'],
  ['RollingBack', 'DEADLINE', 'Failed'],
  ['RolledBack', 'RETRY', 'Pending'],
  ['Failed', 'RECOVERED', 'Healthy'],
  ['Failed', 'RESTORED', 'RolledBack'],
  ['Failed', 'COMPLETED', 'Completed'],
  ['Failed', 'RETRY', 'Pending'],
  ['Paused', 'ROLL_BACK', 'RollingBack'],
  ['Paused', 'RETRY', 'Pending'],
  ['Completed', 'RETRY', 'Pending'],
  ['Healthy', 'RESTART', 'Pending'],
  ['Healing', 'RESTART', 'Pending'],
  ['Degraded', 'RESTART', 'Pending'],
  ['Completed', 'RESTART', 'Pending'],
  ['Pending', 'ABORTED', 'Failing'],
  ['Blocked', 'ABORTED', 'Failing'],
  ['Building', 'ABORTED', 'Failing'],
  ['Preparing', 'ABORTED', 'Failing'],
  ['StoppingOld', 'ABORTED', 'Failing'],
  ['Starting', 'ABORTED', 'Failing'],
  ['Verifying', 'ABORTED', 'Failing'],
  ['Promoting', 'ABORTED', 'Failing'],
  ['Monitoring', 'ABORTED', 'Failing'],
  ['Pending', 'FELLOW_FAILED', 'Failing'],
  ['Blocked', 'FELLOW_FAILED', 'Failing'],
  ['Building', 'FELLOW_FAILED', 'Failing'],
  ['Preparing', 'FELLOW_FAILED', 'Failing'],
  ['StoppingOld', 'FELLOW_FAILED', 'Failing'],
  ['Starting', 'FELLOW_FAILED', 'Failing'],
  ['Verifying', 'FELLOW_FAILED', 'Failing'],
  ['Promoting', 'FELLOW_FAILED', 'Failing'],
  ['Monitoring', 'FELLOW_FAILED', 'Failing'],
];

const ANYWHERE: readonly AgentEvent[] = ['NEW_TARGET', 'DELETED'];
const events = [...new Set([...EDGES.map(([, event]) => event), ...ANYWHERE])];
const known = new Set(EDGES.map(([from, event]) => `${from} ${event}`));
const elsewhere = agentStates.flatMap((state) =>
  events
    .filter((event) => !ANYWHERE.includes(event) && !known.has(`${state} ${event}`))
    .map((event) => [state, event] as const),
);
const living = agentStates.filter((state) => state !== 'Terminating');

describe('an agent', () => {
  test.each(EDGES)('in %s goes by %s to %s', (from, event, to) => {
    expect(nextState(from, event)).toBe(to);
  });

  test('has no other edges than these', () => {
    const told = agentEdges.map(({ from, event, to }) => `${from} ${event} ${to}`).sort();
    expect(told).toEqual(EDGES.map((edge) => edge.join(' ')).sort());
  });

  test.each(elsewhere)('in %s takes no notice of %s', (state, event) => {
    expect(nextState(state, event)).toBe(state);
  });

  test.each(living)('in %s begins anew with a new target, and ends when it is deleted', (state) => {
    expect(nextState(state, 'NEW_TARGET')).toBe('Pending');
    expect(nextState(state, 'DELETED')).toBe('Terminating');
  });

  test('that terminates is not called back: it comes back as a new one', () => {
    expect(nextState('Terminating', 'NEW_TARGET')).toBe('Terminating');
  });

  test('rolls out from the search for its image until its traffic has moved', () => {
    expect(agentStates.filter(isRollingOut)).toEqual([
      'Building',
      'Preparing',
      'StoppingOld',
      'Starting',
      'Verifying',
      'Promoting',
      'AwaitingApproval',
    ]);
  });

  test('has failed from the moment that it turns back', () => {
    const failed: readonly AgentState[] = ['Failing', 'RollingBack', 'RolledBack', 'Failed', 'Paused'];
    expect(agentStates.filter((state) => HAS_FAILED.has(state))).toEqual(failed);
    expect(agentStates.filter((state) => GAVE_UP.has(state))).toEqual(['RolledBack', 'Failed', 'Paused']);
  });

  test('can get into every state from Pending', () => {
    const reached = new Set<AgentState>(['Pending']);
    for (const state of reached) for (const event of events) reached.add(nextState(state, event));
    expect([...reached].sort()).toEqual([...agentStates].sort());
  });

  test('can get from every state but Terminating back to Pending, so that nothing is stuck for good', () => {
    for (const state of living) expect(nextState(state, 'NEW_TARGET')).toBe('Pending');
  });
});
