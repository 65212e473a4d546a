import { type KeyString, keyString, type ObjectKey } from '../../src/api/key.ts';
import { EMPTY_PLAN, formatPlan, type Plan } from '../../src/plan/operation.ts';
import type { NewEvent } from '../../src/store/events.ts';
import { delayMs, STEP_BACKOFF } from './backoff.ts';
import type { Paced } from './crash-budget.ts';

/** What goes well and is to be done again at once achieved nothing; some are late to show what they achieved. */
const FREE_TIMES = 5;
/** Made again this soon after it may be. */
const AT_ONCE_MS = 1_000;

interface Repeat {
  readonly times: number;
  readonly notBeforeMs: number;
}

/**
 * A back-off for what succeeds, agent by agent: nothing fails, so that nobody else would wait before the same plan is
 * carried out once more. It takes a defect, or somebody else who undoes it as fast. By `uptimeMs`, gone with the controller.
 */
export interface Repeats {
  /** How long this plan has to wait; 0 for one that is not made again and again. */
  waitMs(key: ObjectKey, plan: Plan, uptimeMs: number): number;
  /** It went well; returns how long it has to wait if it is made again. */
  took(key: ObjectKey, plan: Plan, uptimeMs: number): number;
  forget(key: ObjectKey): void;
}

/** Something new was achieved meanwhile: what is made once more may have a reason to be. */
const afresh = ({ notBeforeMs }: Repeat, uptimeMs: number): Repeat => ({
  times: 1,
  notBeforeMs: Math.min(notBeforeMs, uptimeMs),
});

export function createRepeats(): Repeats {
  const agents = new Map<KeyString, ReadonlyMap<string, Repeat>>();
  const recent = (key: ObjectKey, uptimeMs: number): [string, Repeat][] =>
    [...(agents.get(keyString(key)) ?? [])].filter(
      ([, { notBeforeMs }]) => uptimeMs <= notBeforeMs + AT_ONCE_MS,
    );
  return {
    waitMs: (key, plan, uptimeMs) => {
      const last = agents.get(keyString(key))?.get(formatPlan(plan));
      return last ? Math.max(0, last.notBeforeMs - uptimeMs) : 0;
    },
    took: (key, plan, uptimeMs) => {
      const text = formatPlan(plan);
      const seen = new Map(recent(key, uptimeMs));
      const times = (seen.get(text)?.times ?? 0) + 1;
      if (times === 1) for (const [other, repeat] of seen) seen.set(other, afresh(repeat, uptimeMs));
      const pauseMs = times < FREE_TIMES ? 0 : delayMs(STEP_BACKOFF, times - FREE_TIMES + 1);
      agents.set(keyString(key), seen.set(text, { times, notBeforeMs: uptimeMs + pauseMs }));
      return pauseMs;
    },
    forget: (key) => void agents.delete(keyString(key)),
  };
}

/** Somebody has to look at it: by itself it may never end. */
export function repetition(key: ObjectKey, plan: Plan): NewEvent {
  const [what] = formatPlan(plan).split('\n');
  const message = `went well again and again, and is to be done once more: ${what}; it waits longer each time, up to 60 s. Somebody undoes it, or it is a defect of Rookery`;
  return { key, type: 'Warning', reason: 'RepeatsItself', message };
}

/** What is left to do now: nothing, while the plan waits. */
export function unrepeated(
  plan: Plan,
  paced: Paced,
  waitMs: number,
): { readonly plan: Plan; readonly paced: Paced } {
  if (plan.operations.length === 0 || waitMs === 0) return { plan, paced };
  return { plan: EMPTY_PLAN, paced: { ...paced, waitMs: Math.min(waitMs, paced.waitMs ?? waitMs) } };
}
