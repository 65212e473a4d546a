import { type GitStatus, shortCommit, type SourceStatus } from '../../api/source-status.ts';
import type { SyncWindowStatus } from '../../api/sync-window.ts';
import { printable } from '../../terminal.ts';
import type { Input } from '../action.ts';
import { createApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { GROUP_PATH } from '../paths.ts';
import { oneLine } from '../table.ts';
import { closedText } from '../window-lines.ts';

interface Answer {
  readonly refused?: readonly string[];
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
  const answer = await api.post<Answer>(`${GROUP_PATH}/sync?${query.toString()}`);
  const trouble = troubleOf(answer);
  for (const text of trouble) terminal.err(`${oneLine(text)}\n`);
  const { source, window } = answer;
  if (source?.type === 'Git' && !isWaiting(window)) terminal.out(`${printable(applied(source))}\n`);
  else if (trouble.length === 0) terminal.out('the manifests were read again\n');
  return trouble.length === 0 ? 0 : 1;
}

/** Why what is newest is not, or not all, applied. */
function troubleOf({ refused = [], source, window }: Answer): string[] {
  const failure = source?.type === 'Git' ? source.failure : undefined;
  return [
    ...(failure ? [`${failure.reason}: ${failure.message}`] : []),
    ...refused,
    ...(window && isWaiting(window) ? [closedText(window)] : []),
  ];
}

const isWaiting = (window: SyncWindowStatus | undefined): boolean =>
  window !== undefined && window.waiting.length > 0;

const applied = ({ commit }: GitStatus): string =>
  commit ? `applied: ${shortCommit(commit.id)} ${commit.subject}` : 'no commit is applied yet';
