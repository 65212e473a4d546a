import type { Action } from '../action.ts';
import { parseDurationMs } from '../duration.ts';
import { askAgent } from '../find-agent.ts';

export const suspend: Action = (context, { args: [agent = ''], options }) => {
  const { for: forDuration, reason } = options;
  const body = {
    ...(typeof forDuration === 'string' && {
      forSeconds: Math.ceil(parseDurationMs(forDuration, '--for') / 1_000),
    }),
    ...(typeof reason === 'string' && { reason }),
  };
  return askAgent(context, agent, { subresource: 'suspend', body });
};

export const resume: Action = (context, { args: [agent = ''] }) =>
  askAgent(context, agent, { subresource: 'resume', body: {} });
