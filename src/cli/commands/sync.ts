import { type GitStatus, shortCommit, type SourceStatus } from '../../api/source-status.ts';
import { printable } from '../../terminal.ts';
import type { Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { GROUP_PATH } from '../paths.ts';

/** Returns when the source has been read, not when everything follows: that is `apply`. */
export async function sync({ terminal, config }: Context, { options }: Input): Promise<number> {
  const query = new URLSearchParams({
    approvePrune: String(options['approvePrune'] === true),
    allowNonFastForward: String(options['allowNonFastForward'] === true),
  });
  const api = createApiClient(config.apiSocketPath);
  const { source } = await api.post<{ source?: SourceStatus }>(`${GROUP_PATH}/sync?${query.toString()}`);
  if (source?.type !== 'Git') {
    terminal.out('the manifests were read again\n');
    return 0;
  }
  const { failure } = source;
  if (failure) terminal.err(`${printable(`${failure.reason}: ${failure.message}`)}\n`);
  terminal.out(`${printable(applied(source))}\n`);
  return failure ? 1 : 0;
}

const applied = ({ commit }: GitStatus): string =>
  commit ? `applied: ${shortCommit(commit.id)} ${commit.subject}` : 'no commit is applied yet';
