import { messageOf } from '../api/errors.ts';
import type { ObjectKey } from '../api/key.ts';
import { type CallType, type Operation, type Plan, phraseOf, subjectOf } from '../plan/operation.ts';
import { carryOut, type CarryOut } from './carry-out.ts';
import { type CutOffCreates, rememberCutOffs } from './cut-off.ts';
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
 * Stops that follow each other in a plan wait for nothing but their own grace: replicas that ignore SIGTERM would cost
 * 30 s each. Half of their lane, so that others still get through.
 */
const MAX_STOPS_AT_ONCE = 4;

/**
 * Carries a plan out in its order: intent on disk → lane → call → settled. Stops at the first call that fails and says
 * which. It decides nothing: what a failure means is policy.
 */
export function createExecutor(options: ExecutorOptions): Execute {
  const run = carryOut(options);
  const cutOffs = rememberCutOffs(options.podman);
  return async ({ plan, ...request }) => {
    const call: Attempting = (operation) => attempt(options, run, { ...request, operation });
    await clear(cutOffs, request.key, call);
    const done: Operation[] = [];
    const logTails: Record<string, readonly string[]> = {};
    for (const batch of batchesOf(plan)) {
      const attempts = await Promise.all(batch.map(call));
      for (const { operation, lines, failure } of attempts) {
        if (failure) continue;
        if (operation.type === 'CaptureLogs') logTails[operation.id] = lines ?? [];
        done.push(operation);
      }
      const failure = attempts.find((one) => one.failure !== undefined)?.failure;
      if (failure) {
        cutOffs.note(request.key, failure.operation, failure.kind);
        return { failure, logTails, done };
      }
    }
    return { logTails, done };
  };
}

type Attempting = (operation: Operation) => Promise<Attempt>;

/** What will not go is in nobody's way: it is not what the plan is for. */
async function clear(cutOffs: CutOffCreates, key: ObjectKey, call: Attempting): Promise<void> {
  for (const removal of await cutOffs.leftBy(key)) {
    const { failure } = await call(removal);
    if (failure?.kind !== 'Unreachable') cutOffs.forget(key, removal.name);
  }
}

/** What may be called at once. */
function batchesOf({ operations }: Plan): Operation[][] {
  const batches: Operation[][] = [];
  for (const operation of operations) {
    const last = batches.at(-1);
    const joins = last?.every(({ type }) => type === 'StopContainer' && type === operation.type);
    if (last && joins && last.length < MAX_STOPS_AT_ONCE) last.push(operation);
    else batches.push([operation]);
  }
  return batches;
}

interface Attempt {
  readonly operation: Operation;
  readonly lines?: readonly string[] | undefined;
  readonly failure?: ExecuteOutcome['failure'];
}

async function attempt(options: ExecutorOptions, run: CarryOut, request: OneOperation): Promise<Attempt> {
  const { key, operation } = request;
  const { clock, onOperation } = options;
  const startedAtMs = clock.now();
  try {
    const lines = await perform(options, run, request);
    onOperation(key, operation, 'Success', clock.now() - startedAtMs);
    return { operation, lines };
  } catch (error) {
    const kind = error instanceof PodmanError ? error.kind : 'Other';
    onOperation(key, operation, kind, clock.now() - startedAtMs);
    return { operation, failure: { operation, kind, message: messageOf(error) } };
  }
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
