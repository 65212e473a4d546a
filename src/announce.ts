import { keyString, type ObjectKey } from './api/key.ts';
import { type GitStatus, type SourceFailure, shortCommit, type SourceStatus } from './api/source-status.ts';
import { APPLY_AT_ONCE } from './api/sync-window.ts';
import type { Log } from './manager/reconciler.ts';
import type { DesiredState } from './state/desired.ts';
import type { Store } from './store/store.ts';

interface Tellers {
  readonly store: Store;
  readonly log: Log;
}

/** The manifests as a whole, which are no object. */
const SOURCE: ObjectKey = { kind: 'Source', namespace: 'default', name: 'manifests' };

/** What is wrong with the manifests as a whole has no object whose status could say it. */
export function announce(
  { store, log }: Tellers,
  { problems, pruneBlocked, frozen, held }: DesiredState,
): void {
  const warn = (key: ObjectKey, reason: string, message: string): void => {
    log.warn({ object: keyString(key), reason }, message);
    store.events.record({ key, type: 'Warning', reason, message });
  };
  for (const { key, reason, message, position } of problems) {
    warn(key ?? SOURCE, reason, `${position.file}:${position.line}:${position.column}: ${message}`);
  }
  if (pruneBlocked !== undefined) warn(SOURCE, 'PruneBlocked', pruneBlocked);
  if (frozen !== undefined) warn(SOURCE, 'SourceUnreadable', frozen);
  if (held) {
    const message = `${held.waiting.join(', ')}: ${held.message}; at once: ${APPLY_AT_ONCE}`;
    log.info({ object: keyString(SOURCE), reason: 'ChangesWait' }, message);
    store.events.record({ key: SOURCE, type: 'Normal', reason: 'ChangesWait', message });
  }
}

/** Tells what the next status has that the one before had not. */
export function createSourceAnnouncer({
  store,
  log,
  mayApply,
}: Tellers & { readonly mayApply: () => boolean }): (status: SourceStatus) => void {
  let before: SourceStatus | undefined;
  return (status) => {
    for (const { type, reason, message } of newsOf(before, status, mayApply())) {
      log[type === 'Normal' ? 'info' : 'warn']({ object: keyString(SOURCE), reason }, message);
      store.events.record({ key: SOURCE, type, reason, message });
    }
    before = status;
  };
}

interface News {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export function newsOf(before: SourceStatus | undefined, now: SourceStatus, mayApply = true): News[] {
  if (now.type === 'Directory') return [];
  const known = before?.type === 'Git' ? before : undefined;
  return [
    ...commitNews(known, now, mayApply),
    ...plaintextNews(known, now),
    ...placeholderNews(known, now),
    ...failureNews(known, now),
  ];
}

type Known = GitStatus | undefined;

const commitNews = (known: Known, { commit, origin }: GitStatus, mayApply: boolean): News[] =>
  commit === undefined || commit.id === known?.commit?.id
    ? []
    : [
        {
          type: 'Normal',
          reason: mayApply ? 'CommitApplied' : 'CommitFetched',
          message: `commit ${shortCommit(commit.id)} of ${origin}: ${commit.subject}`,
        },
      ];

function plaintextNews(known: Known, { plaintextSecrets: places = [] }: GitStatus): News[] {
  if (places.length === 0 || places.join() === known?.plaintextSecrets?.join()) return [];
  const message = `${places.join(', ')}: in plain text in the repository; run: rookery secrets encrypt FILE, and change the values`;
  return [{ type: 'Warning', reason: 'PlaintextSecret', message }];
}

const placeholderNews = (known: Known, { placeholders = [] }: GitStatus): News[] =>
  placeholders
    .filter((message) => !known?.placeholders?.includes(message))
    .map((message) => ({ type: 'Warning', reason: 'NotCheckedOut', message }));

function failureNews(known: Known, { failure, origin }: GitStatus): News[] {
  if (failure && !isSame(failure, known?.failure))
    return [{ type: 'Warning', reason: failure.reason, message: failure.message }];
  if (!failure && known?.failure?.reason === 'FetchFailed')
    return [{ type: 'Normal', reason: 'FetchRecovered', message: `${origin} answers again` }];
  return [];
}

const isSame = (left: SourceFailure, right: SourceFailure | undefined): boolean =>
  left.reason === right?.reason && left.commit === right.commit;
