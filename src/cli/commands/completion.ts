import type { RootCommand } from '@bomb.sh/tab';
import type { Command } from 'commander';
import { findKind, kindNames } from '../../api/kind-names.ts';
import type { Action } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Services } from '../context.ts';
import { CliError } from '../errors.ts';
import type { ObjectList } from '../find-object.ts';
import { objectsPath } from '../paths.ts';
import { ROLLOUT_ACTIONS } from './rollout.ts';

const SHELLS = ['bash', 'zsh', 'fish'];

/** The library prints by itself, with `console.log`. */
export const completion: Action = async (_context, { args: [shell = ''] }) => {
  if (!SHELLS.includes(shell))
    throw new CliError(`no completion for "${shell}", only for ${SHELLS.join(', ')}`);
  const { script } = await import('@bomb.sh/tab');
  script(shell, 'rookery', 'rookery');
  return 0;
};

/** What the completion script asks for at every tab: `complete -- WORDS…`. */
export async function answerCompletion(
  program: Command,
  argv: readonly string[],
  services: Services,
): Promise<number> {
  const words = argv[0] === '--' ? argv.slice(1) : argv;
  const { default: tab } = await import('@bomb.sh/tab/commander');
  const completions = tab(program);
  completions.commands.delete('complete');
  const names = await namesFor(words, services);
  for (const command of ['get', 'describe', 'logs']) {
    const parameters = completions.commands.get(command)?.arguments;
    const [kind, name] =
      command === 'logs'
        ? [undefined, parameters?.get('name')]
        : [parameters?.get('kind'), parameters?.get('name')];
    if (kind) kind.handler = (offer) => Object.values(kindNames).forEach(({ plural }) => offer(plural, ''));
    if (name) name.handler = (offer) => names.forEach((text) => offer(text, ''));
  }
  offerAgents(completions, names);
  completions.parse([...words]);
  return 0;
}

const ON_AGENTS = ['rollout', 'why', 'diff', 'suspend', 'resume'];

function offerAgents({ commands }: RootCommand, names: readonly string[]): void {
  for (const command of ON_AGENTS) {
    const parameters = commands.get(command)?.arguments;
    const [action, agent] = [parameters?.get('action'), parameters?.get('agent')];
    if (action) action.handler = (offer) => ROLLOUT_ACTIONS.forEach((text) => offer(text, ''));
    if (agent) agent.handler = (offer) => names.forEach((text) => offer(text, ''));
  }
}

/** Names of the objects that may be meant; none when no controller answers: a tab must not fail. */
async function namesFor(words: readonly string[], services: Services): Promise<string[]> {
  const isOnAgent = ['logs', ...ON_AGENTS].includes(words[0] ?? '');
  const kind = isOnAgent ? kindNames.Agent : findKind(words[1] ?? '');
  if (!kind) return [];
  try {
    const api = createApiClient((await services.loadConfig({})).apiSocketPath);
    const { items } = await api.get<ObjectList>(objectsPath(kind));
    return [...new Set(items.map(({ metadata }) => metadata.name))];
  } catch {
    return [];
  }
}
