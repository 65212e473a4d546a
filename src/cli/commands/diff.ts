import { createTwoFilesPatch } from 'diff';
import { parseKey, type KeyString } from '../../api/key.ts';
import type { AgentDiff, DiffView } from '../../api/status.ts';
import { toYaml } from '../../source/to-yaml.ts';
import { printable } from '../../terminal.ts';
import type { Action } from '../action.ts';
import { aloneOrAsk } from '../ask-holder.ts';
import type { Context } from '../context.ts';
import { explain } from '../errors.ts';
import { agentName } from '../find-agent.ts';
import { GROUP_PATH } from '../paths.ts';

const SAME = 0;
const DIFFERENT = 1;
const TROUBLE = 2;

/** Exit codes of `diff`: 0 the same, 1 different, 2 trouble. */
export const diff: Action = async (context, { args: [word], options }) => {
  try {
    const view = await aloneOrAsk<DiffView>(context, context.services.diffOffline, `${GROUP_PATH}/diff`);
    const name = word === undefined ? undefined : agentName(word);
    const namespace = options['allNamespaces'] === true ? undefined : context.config.namespace;
    const chosen = view.agents.filter(({ object }) => {
      const key = parseKey(object as KeyString);
      return (name ?? key.name) === key.name && (namespace ?? key.namespace) === key.namespace;
    });
    return print(context, { chosen, problems: view.problems, name });
  } catch (error) {
    context.terminal.err(`rookery: ${printable(explain(error))}\n`);
    return TROUBLE;
  }
};

interface Found {
  readonly chosen: readonly AgentDiff[];
  readonly problems: readonly string[];
  readonly name: string | undefined;
}

function print({ terminal, config }: Context, { chosen, problems, name }: Found): number {
  if (name !== undefined && chosen.length === 0) {
    terminal.err(
      `rookery: there is no agent "${name}" in namespace "${config.namespace}", neither in the files nor running\n`,
    );
    return TROUBLE;
  }
  const patches = chosen.map(patchOf).filter((patch) => patch !== '');
  for (const patch of patches) terminal.out(printable(patch));
  const unknown = chosen.flatMap(({ object, problem }) =>
    problem === undefined ? [] : [`${object}: ${problem}`],
  );
  for (const problem of [...problems, ...unknown]) terminal.err(`${printable(problem)}\n`);
  if (problems.length + unknown.length > 0) return TROUBLE;
  return patches.length > 0 ? DIFFERENT : SAME;
}

function patchOf({ object, running, wished, revision, origin, problem }: AgentDiff): string {
  if (problem !== undefined) return '';
  const [before, after] = [running, wished].map((side) => (side === undefined ? '' : toYaml(side)));
  if (before === after) return '';
  const from = running === undefined ? '/dev/null' : `running/${object}`;
  const to = wished === undefined ? '/dev/null' : `file/${object}`;
  const source = origin && `${origin.file}:${origin.line}`;
  return createTwoFilesPatch(
    from,
    to,
    before ?? '',
    after ?? '',
    revision && `revision ${revision}`,
    source,
    {
      context: 3,
    },
  ).replace(/^=+\n/, '');
}
