import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GitError } from './git.ts';
import type { Commit, Repository, TreeEntry } from './repository.ts';

/** All files of one commit, as they were when it was made: nobody writes there afterwards. */
export interface Checkout {
  readonly commit: Commit;
  readonly directory: string;
  readonly entries: ReadonlyMap<string, TreeEntry>;
}

export interface Checkouts {
  /** Whole or not at all; made once in the life of this process. */
  of(id: string): Promise<Checkout>;
  /** Removes what nobody can be reading any more. */
  collect(keep: string): Promise<void>;
}

const MAX_FILES = 50_000;
const MB = 2 ** 20;
const MAX_BYTES = 2 * 2 ** 30;
/** An image may still be built from an older one. */
const KEPT_MS = 60 * 60_000;
const MOST_KEPT = 5;

export function createCheckouts(
  root: string,
  { repository, now }: { readonly repository: Repository; readonly now: () => number },
): Checkouts {
  const made = new Map<string, Promise<Checkout>>();
  const of = (id: string): Promise<Checkout> => {
    const known = made.get(id) ?? make(root, repository, id);
    made.set(id, known);
    known.catch(() => made.delete(id));
    return known;
  };
  const collect = async (keep: string): Promise<void> => {
    const names = await readdir(root).catch((): string[] => []);
    const others = await Promise.all(
      names
        .filter((name) => name !== keep)
        .map(async (name) => ({ name, atMs: await timeOf(join(root, name)) })),
    );
    const newestFirst = others.sort((left, right) => right.atMs - left.atMs);
    for (const [index, { name, atMs }] of newestFirst.entries()) {
      // The one before is kept however old it is: it was in use until just now.
      const isRecent = index === 0 || (index < MOST_KEPT && now() - atMs < KEPT_MS);
      const mayBeRead = made.has(name) && isRecent;
      if (mayBeRead) continue;
      made.delete(name);
      await rm(join(root, name), { recursive: true, force: true });
    }
  };
  return { of, collect };
}

const timeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ ctimeMs }) => ctimeMs,
    () => 0,
  );

/** A checkout of an earlier process is not trusted: it may have been cut off, or written to. */
async function make(root: string, repository: Repository, id: string): Promise<Checkout> {
  const [commit, entries] = await Promise.all([repository.commit(id), repository.entries(id)]);
  refuseHuge(entries);
  const directory = join(root, id);
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  await repository.write(id, partial);
  await rm(directory, { recursive: true, force: true });
  await rename(partial, directory);
  return { commit, directory, entries };
}

function refuseHuge(entries: Checkout['entries']): void {
  if (entries.size > MAX_FILES)
    throw new GitError(`the commit has ${entries.size} files, and ${MAX_FILES} is the most`);
  const bytes = [...entries.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (bytes > MAX_BYTES)
    throw new GitError(
      `the commit has ${Math.ceil(bytes / MB)} MB of files, and ${MAX_BYTES / MB} is the most`,
    );
}
