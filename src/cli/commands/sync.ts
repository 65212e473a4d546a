import { type GitStatus, shortCommit, type SourceStatus } from '../../api/source-status.ts';
import type { SyncWindowStatus } from '../../api/sync-window.ts';
import { printable } from '../../terminal.ts';
import type { Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { GROUP_PATH } from '../paths.ts';
import { closedText } from '../window-lines.ts';

interface Answer {
  readonly source?: SourceStatus;
  readonly window?: SyncWindowStatus;
}

/** Returns when the source has been read, not when everything follows: that is `apply`. */
export async function sync({ terminal, config }: Context, { options }: Input): Promise<number> {
  const query = new URLSearchParams({
    approvePrune: String(options['approvePrune'] === true),
    allowNonFastForward: String(options['allowNonFastForward'] === true),
    now: String(options['now'] === true),
  });
  const api = createApiClient(config.apiSocketPath);
  const { source, window } = await api.post<Answer>(`${GROUP_PATH}/sync?${query.toString()}`);
  if (window && window.waiting.length > 0) {
    terminal.err(`${printable(closedText(window))}\n`);
    return 1;
  }
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
