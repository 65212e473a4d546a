import { printable } from '../terminal.ts';
import { kindNames } from '../api/kind-names.ts';
import type { AgentStatus, ApiObject } from '../api/status.ts';
import { createApiClient } from './api-client.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import { findObject } from './find-object.ts';
import { objectsPath } from './paths.ts';
import { parseTarget } from './targets.ts';

export type AgentObject = ApiObject & { readonly status?: AgentStatus };

/** `NAME` or `agent/NAME`. Throws `CliError` for another kind. */
export function agentName(text: string): string {
  if (!text.includes('/')) return text;
  const { kinds: named, names } = parseTarget([text]);
  if (named[0]?.kind !== 'Agent') throw new CliError(`"${text}" is no agent`);
  return names[0] ?? '';
}

export const findAgent = ({ config }: Context, word: string): Promise<AgentObject> =>
  findObject(createApiClient(config.apiSocketPath), {
    kind: kindNames.Agent,
    namespace: config.namespace,
    name: agentName(word),
  }) as Promise<AgentObject>;

/** Asks something of an agent that the files do not say; prints what will be done. */
export async function askAgent(
  context: Context,
  word: string,
  { subresource, body }: { readonly subresource: 'rollout' | 'suspend' | 'resume'; readonly body: object },
): Promise<number> {
  const { metadata } = await findAgent(context, word);
  const api = createApiClient(context.config.apiSocketPath);
  const path = `${objectsPath(kindNames.Agent, metadata.namespace)}/${encodeURIComponent(metadata.name)}/${subresource}`;
  const { message = 'done' } = await api.post<{ readonly message?: string }>(path, body);
  context.terminal.out(`agent/${printable(message)}\n`);
  return 0;
}
