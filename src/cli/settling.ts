import type { ConvergeView } from '../api/status.ts';

/** How it stands, as a person is told. */
export interface Settling {
  readonly isWell: boolean;
  /** It was not when that was asked last. */
  readonly isNews: boolean;
  /** How long it took, or has taken until now. */
  readonly elapsedMs: number;
}

/** Follows the views of one controller; where all is well, that something is only looked at is no news. */
export function createSettling(beganAtMs: number): (view: ConvergeView, nowMs: number) => Settling {
  let startedAtMs = beganAtMs;
  let settledAtMs: number | undefined;
  return (view, nowMs) => {
    const wasWell = settledAtMs !== undefined;
    const isWell = view.converged || (wasWell && isOnlyLookedAt(view));
    if (wasWell && !isWell) startedAtMs = nowMs;
    settledAtMs = isWell ? (settledAtMs ?? nowMs) : undefined;
    return { isWell, isNews: isWell && !wasWell, elapsedMs: (settledAtMs ?? nowMs) - startedAtMs };
  };
}

const isOnlyLookedAt = ({ busy, waitingFor, problems }: ConvergeView): boolean =>
  busy && problems.length === 0 && waitingFor.every(({ optional = false }) => optional);
