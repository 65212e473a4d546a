import { createMachine, transition } from 'xstate';
import type { AgentState } from '../../src/state/record.ts';

export type AgentEvent =
  | 'NEW_TARGET'
  | 'DELETED'
  | 'ALREADY_CURRENT'
  | 'DEPENDENCIES_READY'
  | 'DEPENDENCIES_WAIT'
  | 'IMAGE_READY'
  | 'CREATED'
  | 'CREATED_BESIDE'
  | 'OLD_STOPPED'
  | 'STARTED'
  | 'PROVEN'
  | 'PROMOTED'
  | 'CANARIES_SERVE'
  | 'NEXT_REPLICA'
  | 'APPROVED'
  | 'STABLE'
  | 'COMPLETED'
  | 'DRIFTED'
  | 'SCALED'
  | 'HEALED'
  | 'HEALED_IN_VAIN'
  | 'UNHEALTHY'
  | 'RECOVERED'
  | 'CRASHED_TOO_OFTEN'
  | 'STEP_FAILED'
  | 'INPUT_MISSING'
  | 'DEADLINE'
  | 'ROLL_BACK'
  | 'PAUSE'
  | 'GIVE_UP'
  | 'RESTORED'
  | 'RETRY'
  | 'RESTART'
  | 'ABORTED'
  | 'FELLOW_FAILED';

type Edges = Partial<Record<AgentEvent, AgentState>>;

/** The states of one agent, and what leads from one to another: no I/O, no clock, no context. */
const STATES: Readonly<Record<AgentState, Edges>> = {
  Pending: {
    ALREADY_CURRENT: 'Healthy',
    DEPENDENCIES_READY: 'Building',
    DEPENDENCIES_WAIT: 'Blocked',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Blocked: {
    ALREADY_CURRENT: 'Healthy',
    DEPENDENCIES_READY: 'Pending',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Building: {
    ALREADY_CURRENT: 'Healthy',
    IMAGE_READY: 'Preparing',
    STEP_FAILED: 'Failing',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Preparing: {
    CREATED: 'StoppingOld',
    CREATED_BESIDE: 'Starting',
    INPUT_MISSING: 'Blocked',
    UNHEALTHY: 'Failing',
    STEP_FAILED: 'Failing',
    DEADLINE: 'Failing',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  StoppingOld: {
    OLD_STOPPED: 'Starting',
    STEP_FAILED: 'Failing',
    DEADLINE: 'Failing',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Starting: {
    STARTED: 'Verifying',
    COMPLETED: 'Completed',
    CRASHED_TOO_OFTEN: 'Failing',
    UNHEALTHY: 'Failing',
    STEP_FAILED: 'Failing',
    DEADLINE: 'Failing',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Verifying: {
    PROVEN: 'Promoting',
    COMPLETED: 'Completed',
    CRASHED_TOO_OFTEN: 'Failing',
    UNHEALTHY: 'Failing',
    DEADLINE: 'Failing',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Promoting: {
    PROMOTED: 'Monitoring',
    CANARIES_SERVE: 'AwaitingApproval',
    NEXT_REPLICA: 'Preparing',
    UNHEALTHY: 'Failing',
    STEP_FAILED: 'Failing',
    DEADLINE: 'Failing',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  AwaitingApproval: {
    APPROVED: 'Preparing',
    UNHEALTHY: 'Failing',
    ABORTED: 'Failing',
  },
  Monitoring: {
    STABLE: 'Healthy',
    UNHEALTHY: 'Failing',
    COMPLETED: 'Completed',
    ABORTED: 'Failing',
    FELLOW_FAILED: 'Failing',
  },
  Healthy: {
    DRIFTED: 'Healing',
    SCALED: 'Healing',
    UNHEALTHY: 'Degraded',
    COMPLETED: 'Completed',
    RESTART: 'Pending',
  },
  Healing: { HEALED: 'Healthy', HEALED_IN_VAIN: 'Degraded', UNHEALTHY: 'Degraded', RESTART: 'Pending' },
  Degraded: { RECOVERED: 'Healthy', COMPLETED: 'Completed', RESTART: 'Pending' },
  Failing: { ROLL_BACK: 'RollingBack', PAUSE: 'Paused', GIVE_UP: 'Failed' },
  RollingBack: { RESTORED: 'RolledBack', STEP_FAILED: 'Failed', DEADLINE: 'Failed' },
  RolledBack: { RETRY: 'Pending' },
  Failed: { RECOVERED: 'Healthy', RESTORED: 'RolledBack', COMPLETED: 'Completed', RETRY: 'Pending' },
  Paused: { ROLL_BACK: 'RollingBack', RETRY: 'Pending' },
  Completed: { RETRY: 'Pending', RESTART: 'Pending' },
  Terminating: {},
};

const anywhere = { NEW_TARGET: '.Pending', DELETED: '.Terminating' };

const machine = createMachine({
  id: 'agent',
  initial: 'Pending',
  states: Object.fromEntries(
    Object.entries(STATES).map(([state, on]) => [
      state,
      state === 'Terminating' ? { on: { NEW_TARGET: undefined } } : { on },
    ]),
  ),
  on: anywhere,
});

/** The state after an event; the same state when the event means nothing there. */
export function nextState(state: AgentState, event: AgentEvent): AgentState {
  const edge = `${state} ${event}`;
  const next = asked.get(edge) ?? ask(state, event);
  asked.set(edge, next);
  return next;
}

/** The table has no context, so an answer holds for good; each costs XState 0.2 ms. At most states × events. */
const asked = new Map<string, AgentState>();

function ask(state: AgentState, event: AgentEvent): AgentState {
  const [snapshot] = transition(machine, machine.resolveState({ value: state }), { type: event });
  return snapshot.value as AgentState;
}

export const agentStates = Object.keys(STATES) as AgentState[];

/** Every edge of the machine, for the tests and the documentation. */
export const agentEdges: readonly { from: AgentState; event: AgentEvent; to: AgentState }[] = Object.entries(
  STATES,
).flatMap(([from, edges]) =>
  Object.entries(edges).map(([event, to]) => ({ from: from as AgentState, event: event as AgentEvent, to })),
);

/** A candidate is being made, tried or watched: its failure is a failed rollout, not a crash. */
const ROLLOUT: ReadonlySet<AgentState> = new Set([
  'Building',
  'Preparing',
  'StoppingOld',
  'Starting',
  'Verifying',
  'Promoting',
  'AwaitingApproval',
]);

export const isRollingOut = (state: AgentState): boolean => ROLLOUT.has(state);

/** A rollout that failed, which a person may have tried again. */
export const GAVE_UP: ReadonlySet<AgentState> = new Set(['RolledBack', 'Failed', 'Paused']);

/** An update in one of these failed, until the manifest changes or a person has it tried again. */
export const HAS_FAILED: ReadonlySet<AgentState> = new Set([...GAVE_UP, 'Failing', 'RollingBack']);
