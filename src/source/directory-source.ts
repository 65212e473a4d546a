import { DIRECTORY_ABSENCE_MS } from '../state/merge-desired.ts';
import type { WatchClock } from './debounce.ts';
import { createDirectoryReader, type DirectoryOptions } from './directory.ts';
import type { Source } from './source.ts';
import { watchDirectory } from './watch.ts';

export interface DirectorySourceOptions extends Omit<DirectoryOptions, 'now'> {
  readonly clock: WatchClock;
  readonly onWatchError: (message: string) => void;
}

/** Follows a directory that people and tools write to. */
export function createDirectorySource(options: DirectorySourceOptions): Source {
  const { directory, clock, onWatchError } = options;
  const reader = createDirectoryReader({ ...options, now: () => clock.now() });
  return {
    absenceMs: DIRECTORY_ABSENCE_MS,
    read: reader.read,
    watch: ({ onChange }) => watchDirectory({ directory, clock, onWatchError }, onChange),
    fetch: () => Promise.resolve(),
    status: () => ({ type: 'Directory', origin: directory }),
    collect: () => Promise.resolve(),
  };
}
