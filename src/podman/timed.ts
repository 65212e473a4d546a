import type { Podman } from './podman.ts';

export interface Timing {
  readonly clock: { now(): number };
  readonly onCall: (call: string, durationMs: number) => void;
}

/** The same Podman, and every call that answers with a promise is timed, whether it went well or not. */
export function timed(podman: Podman, { clock, onCall }: Timing): Podman {
  const wrap = (name: string, call: unknown): unknown => {
    if (typeof call !== 'function') return call;
    return (...args: unknown[]) => {
      const startedAtMs = clock.now();
      const answer: unknown = call.apply(podman, args);
      if (!(answer instanceof Promise)) return answer;
      return answer.finally(() => onCall(name, clock.now() - startedAtMs));
    };
  };
  return Object.fromEntries(
    Object.entries(podman).map(([name, call]) => [name, wrap(name, call)]),
  ) as unknown as Podman;
}
