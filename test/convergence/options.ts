import { parseArgs } from 'node:util';
import { type ScaleName, SCALES } from './scale.ts';
import { type Script, scriptOf } from './script.ts';
import { type Help, helpAfter, wholeNumber } from '../command-words.ts';

export const USAGE = `usage: npm run simulate -- [OPTION...]
  --help           this text
  --seeds N        how many stories (1000)
  --start S        the first of them (1)
  --scale small    only small stories, or only large ones (nineteen small ones, then a large one)
  --workers N      how many at a time (one for each processor)
  --seed S         this story alone, told in full; the options below leave parts of it out
    --steps 3,7      only these of its steps
    --troubles slow  only this weather
    --agents a0,a2   only these agents
    --kill-at N      and the controller is killed at the N-th place where it touches the world
  --sweep S        this story again and again, the controller killed at each such place in turn; with --seeds N also
                   the N - 1 after it`;

export type Task =
  | Help
  | { readonly type: 'Many'; readonly scripts: readonly Script[] }
  | { readonly type: 'Sweep'; readonly scripts: readonly Script[] }
  | { readonly type: 'One'; readonly script: Script };

export interface Options {
  readonly task: Task;
  readonly workers: number;
}

export function optionsOf(words: readonly string[], processors: number): Options {
  try {
    return parsed(words, processors);
  } catch (error) {
    return { task: helpAfter(error), workers: processors };
  }
}

/** Throws with words for a person. */
function parsed(words: readonly string[], processors: number): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: 'boolean' },
      seeds: text,
      start: text,
      workers: text,
      seed: text,
      scale: text,
      sweep: text,
      steps: text,
      troubles: text,
      agents: text,
      'kill-at': text,
    },
  });
  const { help, ...more } = values;
  const workers = numberOf(values.workers, processors);
  return { task: help ? { type: 'Help' } : taskOf(more), workers };
}

type Words = Partial<Record<string, string>>;

function taskOf(values: Words): Task {
  const scale = scaleIn(values['scale']);
  if (values['seed'] !== undefined) return { type: 'One', script: partOf(values, scale) };
  const sweep = values['sweep'];
  const first = numberOf(sweep ?? values['start'], 1);
  const count = numberOf(values['seeds'], sweep === undefined ? 1_000 : 1);
  const scripts = Array.from({ length: count }, (_, index) => scriptOf(first + index, scale));
  return { type: sweep === undefined ? 'Many' : 'Sweep', scripts };
}

function scaleIn(text: string | undefined): ScaleName | undefined {
  if (text === undefined || text in SCALES) return text as ScaleName | undefined;
  throw new Error(`${text} is no scale: ${Object.keys(SCALES).join(' or ')}`);
}

function partOf(values: Words, scale: ScaleName | undefined): Script {
  const whole = scriptOf(numberOf(values['seed'], 1), scale);
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

const numberOf = (text: string | undefined, otherwise: number): number =>
  text === undefined ? otherwise : wholeNumber(text);
