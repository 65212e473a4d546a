import { type FileHandle, mkdir, open, readdir, readFile, rename, truncate, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { storeError } from './errors.ts';
import type { Durability, StateFiles } from './files.ts';

const TEMPORARY = '.tmp';

export function createNodeFiles(root: string): StateFiles {
  const at = (path: string): string => join(root, path);
  const syncDirectory = createGroupSync((directory) => withFile(directory, 'r', (handle) => handle.sync()));
  let writes = 0;

  /** A new name is only durable once its directory is. */
  const replace = async (path: string, text: string, durability: Durability): Promise<void> => {
    writes += 1;
    const temporary = `${path}.${writes}${TEMPORARY}`;
    try {
      await withFile(temporary, 'w', (handle) => put(handle, text, durability));
      await rename(temporary, path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    if (durability === 'Durable') await syncDirectory(dirname(path));
  };

  return {
    read: (path) => guarded('read', at(path), () => readFile(at(path), 'utf8').catch(absent)),
    write: (path, text, durability) => guarded('write', at(path), () => replace(at(path), text, durability)),
    append: (path, text, durability) => guarded('write', at(path), () => append(at(path), text, durability)),
    remove: (path) =>
      guarded('remove', at(path), async () => {
        await unlink(at(path)).catch(absent);
        await syncDirectory(dirname(at(path)));
      }),
    move: (from, to) =>
      guarded('move', at(from), async () => {
        await mkdir(dirname(at(to)), { recursive: true, mode: 0o700 });
        await rename(at(from), at(to));
      }),
    list: (directory) => guarded('list', at(directory), () => list(at(directory))),
  };
}

async function guarded<T>(action: string, path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw storeError(error, action, path);
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

async function withFile<T>(path: string, flags: string, use: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, flags, 0o600);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

async function put(handle: FileHandle, text: string, durability: Durability): Promise<void> {
  await handle.writeFile(text);
  if (durability === 'Durable') await handle.datasync();
}

/** A full disk takes half a line: what was there before is cut back to, so that the next one starts clean. */
const append = (path: string, text: string, durability: Durability): Promise<void> =>
  withFile(path, 'a', async (handle) => {
    const { size } = await handle.stat();
    try {
      await put(handle, text, durability);
    } catch (error) {
      await truncate(path, size).catch(() => {});
      throw error;
    }
  });

/** Leftovers of writes that a crash cut short are removed on the way: nobody else writes here. */
async function list(directory: string): Promise<string[]> {
  const entries = (await readdir(directory, { withFileTypes: true }).catch(absent)) ?? [];
  const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  const leftovers = names.filter((name) => name.endsWith(TEMPORARY));
  await Promise.all(leftovers.map((name) => unlink(join(directory, name)).catch(absent)));
  return names.filter((name) => !name.endsWith(TEMPORARY));
}

/**
 * Fifty agents that change at once need one fsync of their directory, not fifty. A caller never joins a sync that has
 * begun, which may have missed its change: it waits for the next one, with all others that come meanwhile.
 */
function createGroupSync(sync: (directory: string) => Promise<void>): (directory: string) => Promise<void> {
  const upcoming = new Map<string, Promise<void>>();
  const running = new Map<string, Promise<void>>();
  return (directory) => {
    const joined = upcoming.get(directory);
    if (joined) return joined;
    const begun = (running.get(directory) ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        upcoming.delete(directory);
        const current = sync(directory);
        running.set(directory, current);
        return current;
      });
    upcoming.set(directory, begun);
    return begun;
  };
}
