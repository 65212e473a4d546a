import { parseArgs } from 'node:util';
import { type Help, helpAfter, wholeNumber } from '../command-words.ts';

export const USAGE = `usage: npm run fuzz -- [OPTION...]
  --help           this text
  --documents N    how many mutated documents (10000)
  --seed S         the same seed, the same documents (1)`;

export interface Task {
  readonly type: 'Fuzz';
  readonly documents: number;
  readonly seed: number;
}

export function taskOf(words: readonly string[]): Task | Help {
  try {
    return parsed(words);
  } catch (error) {
    return helpAfter(error);
  }
}

function parsed(words: readonly string[]): Task | Help {
  const { values } = parseArgs({
    args: [...words],
    options: {
      help: { type: 'boolean' },
      documents: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
    },
  });
  if (values.help) return { type: 'Help' };
  return { type: 'Fuzz', documents: wholeNumber(values.documents), seed: wholeNumber(values.seed) };
}
