import { type KeyString, keyString, type ObjectKey } from '../../src/api/key.ts';
import type { AgentAim, ContainerAim } from '../../src/plan/aim.ts';
import { isLive, type View } from './facts.ts';
import { containerOf, replicaRecord } from './replicas.ts';

/**
 * A container that starts and ends costs Podman 0.2 to 0.4 s of processor time, most of it after its end: ten crash loops
 * in their short back-offs took one of two cores. So of all agents together one goes round in this time, or, where
 * Podman is slow, in so many times of what a round takes.
 */
const ROUND_EVERY_MS = 1_000;
const ROUND_EVERY_TIMES = 10;
const LONGEST_PAUSE_MS = 10_000;

/** The first crash is as likely an accident: that restart is at once, and so is what a person or a new manifest asks for. */
const LOOPS_FROM_CRASHES = 2;

/** Whose turn it is to go round again, over all agents; by `uptimeMs`, and gone with the controller. */
export interface CrashBudget {
  /** 0: it is its turn, which is taken with this; else how long it has to wait. */
  turnMs(key: ObjectKey, uptimeMs: number): number;
  /** What the last round took. */
  took(durationMs: number): void;
  forget(key: ObjectKey): void;
}

export function createCrashBudget(): CrashBudget {
  const turns = new Map<KeyString, number>();
  let nextAtMs = Number.NEGATIVE_INFINITY;
  let everyMs = ROUND_EVERY_MS;
  return {
    turnMs: (key, uptimeMs) => {
      const id = keyString(key);
      let atMs = turns.get(id);
      if (atMs === undefined) {
        atMs = Math.max(nextAtMs, uptimeMs);
        nextAtMs = atMs + everyMs;
        turns.set(id, atMs);
      }
      if (atMs <= uptimeMs) turns.delete(id);
      return Math.max(0, atMs - uptimeMs);
    },
    took: (durationMs) => {
      everyMs = Math.min(LONGEST_PAUSE_MS, Math.max(ROUND_EVERY_MS, durationMs * ROUND_EVERY_TIMES));
    },
    forget: (key) => void turns.delete(keyString(key)),
  };
}

export interface Paced {
  readonly aim: AgentAim;
  /** Others go first: what is new, and what did not crash. */
  readonly priority: 'Rollout' | 'CrashRestart';
  readonly waitMs?: number;
}

/** Holds what would go round again until its turn; all else of the aim goes on. */
export function pace(view: View, aim: AgentAim, turnMs: () => number): Paced {
  const crashes = aim.containers.map((container) => crashesOf(view, container));
  const priority = crashes.some((count) => count > 0) ? 'CrashRestart' : 'Rollout';
  const loops = crashes.some((count) => count >= LOOPS_FROM_CRASHES);
  const waitMs = loops ? turnMs() : 0;
  if (waitMs === 0) return { aim, priority };
  const containers = aim.containers.map(
    (container, index): ContainerAim =>
      (crashes[index] ?? 0) >= LOOPS_FROM_CRASHES ? { ...container, want: 'Untouched' } : container,
  );
  return { aim: { ...aim, containers }, priority, waitMs };
}

/** How often in a row it crashed that is about to be started again; 0 when it is not. */
function crashesOf(view: View, { revision, attempt, ordinal, want }: ContainerAim): number {
  const ref = { revision: revision.id, attempt, ordinal };
  if (want !== 'Running' || isLive(containerOf(view, ref))) return 0;
  return replicaRecord(view.record, ref).crash.failures;
}
