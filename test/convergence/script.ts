import { createRandom, type Random } from '../fakes/random.ts';
import { FAULT_NAMES, type FaultName } from './faults.ts';
import { type ScaleName, SCALES, scaleOf } from './scale.ts';
import type { Trouble } from './weather.ts';

/** One thing that happens to the host. Its own salt makes it the same whatever is left out around it. */
export interface Step {
  readonly index: number;
  readonly waitMs: number;
  readonly what: 'edit' | FaultName;
  readonly salt: number;
}

/** A whole story, told before it begins: the seed and what is left out of it. */
export interface Script {
  readonly seed: number;
  readonly scale: ScaleName;
  readonly steps: readonly Step[];
  /** The weather that this story may have; what it has of it is the seed's. */
  readonly troubles: readonly Trouble[];
  /** Agents that are in it from the beginning. */
  readonly agents: readonly string[];
  /** Where in its life the controller dies, counted from the beginning: for a sweep over every place there is. */
  readonly killAt?: number;
}

/** A first deploy is over by then, mostly. */
const SETTLED_WITHIN_MS = 25_000;
const ALL_TROUBLES: readonly Trouble[] = ['refuse', 'loseAnswer', 'slow', 'loseEvent', 'disturbEvent'];

/** A stream of its own for each part of a story: more draws in one do not change the others. */
export const streamOf = (seed: number, part: number): Random =>
  createRandom(Math.imul(seed, 0x85ebca6b) ^ Math.imul(part + 1, 0xc2b2ae35));

export function scriptOf(seed: number, scale: ScaleName = scaleOf(seed)): Script {
  const random = streamOf(seed, 0);
  const { steps: length, longestStepMs, edits, agents: count, settles } = SCALES[scale];
  const steps = Array.from({ length: random.int(length.min, length.max) }, (_, index): Step => {
    const waitMs = random.int(0, random.chance(0.3) ? 500 : longestStepMs);
    const what = random.chance(edits) ? 'edit' : random.pick(FAULT_NAMES);
    const settlesMs = index === 0 && settles > 0 && random.chance(settles) ? SETTLED_WITHIN_MS : 0;
    return { index, waitMs: waitMs + settlesMs, what, salt: random.int(0, 2 ** 30) };
  });
  const agents = Array.from({ length: count.max }, (_, index) => `a${index}`);
  return { seed, scale, steps, troubles: ALL_TROUBLES, agents };
}

/** The words after `npm run simulate --` that tell this story again. */
export function replayOf(script: Script): string {
  const whole = scriptOf(script.seed, script.scale);
  const listed = (option: string, some: readonly unknown[], all: readonly unknown[]): string =>
    some.length === all.length ? '' : ` --${option} ${some.join(',') || 'none'}`;
  return [
    `--seed ${script.seed}`,
    script.scale === scaleOf(script.seed) ? '' : ` --scale ${script.scale}`,
    listed(
      'steps',
      script.steps.map(({ index }) => index),
      whole.steps,
    ),
    listed('troubles', script.troubles, whole.troubles),
    listed('agents', script.agents, whole.agents),
    script.killAt === undefined ? '' : ` --kill-at ${script.killAt}`,
  ].join('');
}
