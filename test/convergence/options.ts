import { parseArgs } from 'node:util';
import { type Script, scriptOf } from './script.ts';

export const USAGE = `usage: npm run simulate -- [OPTION...]
  --seeds N        how many stories (1000)
  --start S        the first of them (1)
  --workers N      how many at a time (one for each processor)
  --seed S         this story alone, told in full; the options below leave parts of it out
    --steps 3,7      only these of its steps
    --troubles slow  only this weather
    --agents a0,a2   only these agents
    --kill-at N      and the controller is killed at the N-th place where it touches the world
  --sweep S        this story again and again, the controller killed at each such place in turn`;

export type Task =
  | { readonly type: 'Many'; readonly first: number; readonly count: number }
  | { readonly type: 'Sweep'; readonly seed: number }
  | { readonly type: 'One'; readonly script: Script };

export interface Options {
  readonly task: Task;
  readonly workers: number;
}

/** Throws with words for a person. */
export function optionsOf(words: readonly string[], processors: number): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      seeds: text,
      start: text,
      workers: text,
      seed: text,
      sweep: text,
      steps: text,
      troubles: text,
      agents: text,
      'kill-at': text,
    },
  });
  return { task: taskOf(values), workers: numberOf(values.workers, processors) };
}

type Words = Partial<Record<string, string>>;

function taskOf(values: Words): Task {
  if (values['sweep'] !== undefined) return { type: 'Sweep', seed: numberOf(values['sweep'], 1) };
  if (values['seed'] !== undefined) return { type: 'One', script: partOf(values) };
  return { type: 'Many', first: numberOf(values['start'], 1), count: numberOf(values['seeds'], 1_000) };
}

function partOf(values: Words): Script {
  const whole = scriptOf(numberOf(values['seed'], 1));
  const listed = (name: string): readonly string[] | undefined => values[name]?.split(',');
  const [steps, troubles, agents] = [listed('steps'), listed('troubles'), listed('agents')];
  return {
    ...whole,
    steps: whole.steps.filter(({ index }) => steps?.includes(String(index)) ?? true),
    troubles: whole.troubles.filter((trouble) => troubles?.includes(trouble) ?? true),
    agents: whole.agents.filter((agent) => agents?.includes(agent) ?? true),
    ...(values['kill-at'] !== undefined && { killAt: numberOf(values['kill-at'], 0) }),
  };
}

function numberOf(text: string | undefined, otherwise: number): number {
  const number = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new Error(`${text} is not a whole number\n${USAGE}`);
}
