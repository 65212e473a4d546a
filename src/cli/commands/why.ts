import type { Action } from '../action.ts';
import { findAgent } from '../find-agent.ts';
import { whyText } from '../history.ts';
import { structured } from '../structured.ts';

export const why: Action = async (context, { args: [word = ''], options }) => {
  const { metadata, status } = await findAgent(context, word);
  const rollouts = status?.rollouts ?? [];
  if (options['output'] !== undefined)
    context.terminal.out(await structured(rollouts, String(options['output'])));
  else if (rollouts.length === 0)
    context.terminal.out(`agent/${metadata.name} was never rolled out, as far as is remembered\n`);
  else context.terminal.out(`agent/${metadata.name}\n${whyText(rollouts)}`);
  return 0;
};
