import { statSync } from 'node:fs';
import { type FSWatcher, watch } from 'chokidar';
import { messageOf } from '../api/errors.ts';
import { debounce, type WatchClock } from './debounce.ts';

export interface WatchOptions {
  readonly directory: string;
  readonly clock: WatchClock;
  /** Watching is a hint: when it fails, the rescan goes on alone. */
  readonly onWatchError?: (message: string) => void;
}

const RESCAN_MS = 20_000;
/** While the directory itself is away nothing tells of its return. */
const RESCAN_WHILE_AWAY_MS = 1_000;
const MAX_DEPTH = 32;

/** Says "something may differ" soon after a change, and every 20 s for what no event tells. */
export function watchDirectory(options: WatchOptions, onChange: () => void): { close(): Promise<void> } {
  const { directory, clock } = options;
  const debounced = debounce(clock, onChange);
  let watcher = openWatcher(options, onEvent);
  let identity = identityOf(directory);
  let cancelRescan = clock.setTimer(RESCAN_MS, rescan);
  let isClosed = false;

  /** chokidar goes blind when the directory itself is deleted or moved away, even when it comes back as it was. */
  function onEvent(event: string, path: string): void {
    debounced.trigger();
    if (event !== 'unlinkDir' || path !== directory || isClosed) return;
    identity = 'lost';
    cancelRescan();
    cancelRescan = clock.setTimer(RESCAN_WHILE_AWAY_MS, rescan);
  }

  function rescan(): void {
    if (isClosed) return;
    const current = identityOf(directory);
    if (current !== identity) {
      void watcher.close();
      watcher = openWatcher(options, onEvent);
      identity = current;
    }
    cancelRescan = clock.setTimer(current === ABSENT ? RESCAN_WHILE_AWAY_MS : RESCAN_MS, rescan);
    onChange();
  }

  return {
    async close() {
      isClosed = true;
      cancelRescan();
      debounced.cancel();
      await watcher.close();
    },
  };
}

/** Links are not followed: one to `/` would watch the machine. A `..data` swap changes a link that is watched itself. */
function openWatcher(
  { directory, onWatchError }: WatchOptions,
  onEvent: (event: string, path: string) => void,
): FSWatcher {
  const isForeign = (path: string): boolean => /[\\/](\.git|node_modules)$/.test(path);
  const options = { ignoreInitial: true, followSymlinks: false, depth: MAX_DEPTH, ignored: isForeign };
  const watcher = watch(directory, options);
  watcher.on('all', onEvent);
  watcher.on('error', (error) => onWatchError?.(messageOf(error)));
  return watcher;
}

const ABSENT = 'absent';

/** With its time of birth: a new directory often gets the inode of the one that was deleted. */
function identityOf(directory: string): string {
  const stats = statSync(directory, { throwIfNoEntry: false, bigint: true });
  return stats ? `${stats.dev}:${stats.ino}:${stats.birthtimeNs}` : ABSENT;
}
