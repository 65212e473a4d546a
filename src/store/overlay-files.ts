import type { StateFiles } from './files.ts';

/** Reads what is on the disk, and keeps every change in memory: for looking at what would happen. */
export function createOverlayFiles(disk: StateFiles): StateFiles {
  const changed = new Map<string, string | undefined>();
  const read = async (path: string): Promise<string | undefined> =>
    changed.has(path) ? changed.get(path) : disk.read(path);
  const note = (path: string, text: string | undefined): Promise<void> => {
    changed.set(path, text);
    return Promise.resolve();
  };
  return {
    read,
    write: (path, text) => note(path, text),
    append: async (path, text) => note(path, `${(await read(path)) ?? ''}${text}`),
    remove: (path) => note(path, undefined),
    move: async (from, to) => {
      await note(to, await read(from));
      await note(from, undefined);
    },
    list: async (directory) => {
      const prefix = `${directory}/`;
      const names = new Set(await disk.list(directory));
      for (const [path, text] of changed) {
        if (!path.startsWith(prefix)) continue;
        if (text === undefined) names.delete(path.slice(prefix.length));
        else names.add(path.slice(prefix.length));
      }
      return [...names];
    },
  };
}
