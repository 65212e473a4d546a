import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
} from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { shortCommit } from '../../api/source-status.ts';
import { isInside } from '../roots.ts';
import type { Checkout } from './checkouts.ts';
import { placeholderMounted } from './placeholders.ts';

/**
 * What containers mount of a commit is copied to a place that is named by its content, git's own name of it. So a
 * commit that leaves it alone changes no revision, a running container keeps what it was started with, and a
 * rollback finds what the old revision had.
 */
export interface Mounts {
  /** The lasting place of a path in a checkout; any other path is its own. @throws Error in words. */
  settle(checkout: Checkout, real: string): Promise<string>;
  /** Removes what nothing refers to. */
  collect(inUse: (path: string) => boolean): Promise<void>;
}

export function createMounts(root: string, isPreview: boolean): Mounts {
  return {
    settle: async (checkout, real) => {
      if (!isInside(real, [checkout.directory])) return real;
      const place = join(root, nameOf(checkout, real));
      if (!isPreview && !(await isThere(place))) await copyWhole(real, place);
      return place;
    },
    collect: async (inUse) => {
      for (const name of await readdir(root).catch((): string[] => []))
        if (!inUse(join(root, name))) await rm(join(root, name), { recursive: true, force: true });
    },
  };
}

/** git names content and, in a directory, modes; the mode of a single file is its directory's to say. */
function nameOf({ commit, directory, entries, elsewhere }: Checkout, real: string): string {
  const path = relative(directory, real).split(sep).join('/');
  const within = elsewhere.filter((one) => path === '' || isInside(one.path, [path]));
  const missing = within.find(({ isHere }) => !isHere);
  if (missing) throw new Error(placeholderMounted(path, missing));
  // Git's name is that of the pointer, which an earlier run may have copied as it was.
  const whole = within.length > 0 ? '-whole' : '';
  if (path === '') return `${commit.tree}${whole}`;
  const entry = entries.get(path);
  if (!entry) throw new Error(`"${path}" is not in commit ${shortCommit(commit.id)}`);
  return `${entry.id}${entry.mode === '100755' ? '-executable' : ''}${whole}`;
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

/** When it has its name it is whole, and on the disk. */
async function copyWhole(from: string, to: string): Promise<void> {
  const partial = `${to}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(join(to, '..'), { recursive: true, mode: 0o700 });
  await copy(from, partial);
  await rename(partial, to);
}

/** Programs of any uid read it in their container: whatever the umask was at the checkout, and so with a `chmod`. */
async function copy(from: string, to: string): Promise<void> {
  const stats = await lstat(from);
  if (stats.isSymbolicLink()) return symlink(await readlink(from), to);
  if (!stats.isDirectory()) {
    await copyFile(from, to);
    await chmod(to, stats.mode & 0o100 ? 0o755 : 0o644);
    return flush(to);
  }
  await mkdir(to);
  for (const name of await readdir(from)) await copy(join(from, name), join(to, name));
  await chmod(to, 0o755);
  await flush(to);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
