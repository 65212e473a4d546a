import { messageOf } from '../api/errors.ts';
import type { ObjectKey } from '../api/key.ts';
import { type CallType, type Operation, type Plan, phraseOf, subjectOf } from '../plan/operation.ts';
import { carryOut, type CarryOut } from './carry-out.ts';
import { PodmanError, type PodmanErrorKind } from './errors.ts';
import type { ExecutorOptions, Lane } from './executor-options.ts';

export interface ExecuteRequest {
  readonly key: ObjectKey;
  readonly plan: Plan;
  readonly priority: 'Rollout' | 'CrashRestart';
  readonly signal: AbortSignal;
}

/** Shaped as the agent's policy reads it. */
export interface ExecuteOutcome {
  readonly failure?: {
    readonly operation: Operation;
    readonly kind: PodmanErrorKind;
    readonly message: string;
  };
  readonly logTails: Readonly<Record<string, readonly string[]>>;
  readonly done: readonly Operation[];
}

export type Execute = (request: ExecuteRequest) => Promise<ExecuteOutcome>;

/** Reading calls: nothing to journal, no lane to wait in. */
const READS: ReadonlySet<CallType> = new Set(['CheckPort', 'CaptureLogs']);

/**
 * Carries a plan out, one call after the other: intent on disk → lane → call → settled. Stops at the first call that
 * fails and says which. It decides nothing: what a failure means is policy.
 */
export function createExecutor(options: ExecutorOptions): Execute {
  const run = carryOut(options);
  return async ({ key, plan, priority, signal }) => {
    const done: Operation[] = [];
    const logTails: Record<string, readonly string[]> = {};
    for (const operation of plan.operations) {
      const startedAtMs = options.clock.now();
      try {
        const lines = await perform(options, run, { key, operation, priority, signal });
        if (operation.type === 'CaptureLogs') logTails[operation.id] = lines ?? [];
        done.push(operation);
        options.onOperation(key, operation, 'Success', options.clock.now() - startedAtMs);
      } catch (error) {
        const kind = error instanceof PodmanError ? error.kind : 'Other';
        options.onOperation(key, operation, kind, options.clock.now() - startedAtMs);
        return { failure: { operation, kind, message: messageOf(error) }, logTails, done };
      }
    }
    return { logTails, done };
  };
}

type OneOperation = Omit<ExecuteRequest, 'plan'> & { readonly operation: Operation };

async function perform(
  options: ExecutorOptions,
  run: CarryOut,
  request: OneOperation,
): Promise<readonly string[] | undefined> {
  const { key, operation, priority, signal } = request;
  if (READS.has(operation.type)) return run(operation, key, signal);
  const intent = await options.journal.intent({
    key,
    operation: phraseOf(operation),
    name: subjectOf(operation),
  });
  try {
    return await options.lanes.run(laneOf(operation.type), () => run(operation, key, signal), {
      priority,
      signal,
    });
  } finally {
    await options.journal.settle(intent);
  }
}

function laneOf(type: CallType): Lane {
  switch (type) {
    case 'PullImage':
      return 'pull';
    case 'BuildImage':
    case 'ImportImage':
      return 'build';
    case 'StopContainer':
    case 'RemoveContainer':
    case 'SignalContainer':
    case 'RemovePod':
      return 'stop';
    default:
      return 'start';
  }
}
