import type { Command } from 'commander';
import type { Action } from '../actions.ts';
import type { Services, Terminal } from '../context.ts';
import { CliError } from '../errors.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

export const completion: Action = async (_context, { args: [shell = ''] }) => {
  if (!SHELLS.includes(shell)) throw new CliError(`no completion for "${shell}", only for ${SHELLS.join(', ')}`);
  const { script } = await import('@bomb.sh/tab');
  script(shell, 'rookery', 'rookery');
  return 0;
};

interface Surroundings {
  readonly terminal: Terminal;
  readonly services: Services;
}

/** What the completion script asks for at every tab: `complete -- WORDS…`. */
export async function answerCompletion(
  program: Command,
  argv: readonly string[],
  _surroundings: Surroundings,
): Promise<number> {
  const { default: tab } = await import('@bomb.sh/tab/commander');
  const completions = tab(program);
  completions.parse(argv.slice(1));
  return 0;
}
