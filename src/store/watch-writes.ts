import { messageOf } from '../api/errors.ts';
import type { Timers } from './events.ts';
import type { StateFiles } from './files.ts';

export interface WatchedWrites {
  readonly files: StateFiles;
  /** Why the newest write failed; `undefined` after one that went well. Until then nothing can be carried out. */
  trouble(): string | undefined;
  /** A write to try while there is trouble: on a host at rest nobody else would notice its end. Returns the end of it. */
  retryWith(write: () => Promise<void>): () => void;
}

const RETRY_MS = 10_000;

export function watchWrites(files: StateFiles, { setTimer }: Pick<Timers, 'setTimer'>): WatchedWrites {
  let trouble: string | undefined;
  let retry: (() => void) | undefined;
  let cancel: (() => void) | undefined;

  const arm = (): void => {
    if (!retry || trouble === undefined) return;
    cancel ??= setTimer(RETRY_MS, () => {
      cancel = undefined;
      if (trouble !== undefined) retry?.();
    });
  };
  const watched = async (write: Promise<void>): Promise<void> => {
    try {
      await write;
      trouble = undefined;
    } catch (error) {
      trouble = messageOf(error);
      arm();
      throw error;
    }
  };
  return {
    trouble: () => trouble,
    retryWith: (write) => {
      retry = () => void write().catch(() => {});
      arm();
      return () => {
        retry = undefined;
        cancel?.();
      };
    },
    files: {
      ...files,
      write: (path, text, durability) => watched(files.write(path, text, durability)),
      append: (path, text, durability) => watched(files.append(path, text, durability)),
    },
  };
}
