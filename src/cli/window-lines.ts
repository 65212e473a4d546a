import { shortCommit } from '../api/source-status.ts';
import { APPLY_AT_ONCE, type SyncWindowStatus } from '../api/sync-window.ts';

/** Nothing where every time is as good as another. */
export function windowLines(window: SyncWindowStatus): [string, string][] {
  if (window.open) return window.until === undefined ? [] : [['Sync window', `open until ${window.until}`]];
  return [['Sync window', closedText(window)]];
}

export function closedText(window: SyncWindowStatus): string {
  const { waiting, commit } = window;
  if (waiting.length === 0) return `${window.message}; nothing waits`;
  const before = commit === undefined ? '' : `; applied meanwhile: ${shortCommit(commit)}`;
  const count = `${waiting.length} ${waiting.length === 1 ? 'change waits' : 'changes wait'}`;
  return `${window.message}; ${count}${before}; at once: ${APPLY_AT_ONCE}`;
}
