import { messageOf } from '../api/errors.ts';
import type { StateFiles } from './files.ts';

/** The same files, and why the newest write failed: until then nothing could be carried out. */
export function watchWrites(files: StateFiles): {
  readonly files: StateFiles;
  readonly trouble: () => string | undefined;
} {
  let trouble: string | undefined;
  const watched = async (write: Promise<void>): Promise<void> => {
    try {
      await write;
      trouble = undefined;
    } catch (error) {
      trouble = messageOf(error);
      throw error;
    }
  };
  return {
    trouble: () => trouble,
    files: {
      ...files,
      write: (path, text, durability) => watched(files.write(path, text, durability)),
      append: (path, text, durability) => watched(files.append(path, text, durability)),
    },
  };
}
