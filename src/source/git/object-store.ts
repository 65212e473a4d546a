import { mkdir, rm } from 'node:fs/promises';
import { createGit, type Git, type GitPlace } from './git.ts';

/** A file, link or directory of a commit; a submodule is a `commit`. */
export interface TreeEntry {
  readonly mode: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly id: string;
  readonly sizeBytes: number;
}

export type TreeEntries = ReadonlyMap<string, TreeEntry>;

/** A bare repository of ours: commits, and what is in them. */
export interface ObjectStore {
  readonly git: Git;
  readonly directory: string;
  /** Path → entry, directories included. */
  entries(id: string): Promise<TreeEntries>;
  /** Writes all files of a commit into an empty directory; `index` is for git to work with. */
  write(id: string, into: string, index: string): Promise<void>;
}

export async function openObjectStore(place: GitPlace): Promise<ObjectStore> {
  await mkdir(place.repository, { recursive: true, mode: 0o700 });
  const git = createGit(place);
  await git(['init', '--quiet', '--bare']);
  return {
    git,
    directory: place.repository,
    entries: async (id) => parseEntries(await git(['ls-tree', '-r', '-t', '-l', '-z', id])),
    write: async (id, into, index) => {
      await rm(index, { force: true });
      await git(['read-tree', '-m', '-u', id], { env: { GIT_INDEX_FILE: index, GIT_WORK_TREE: into } });
      await rm(index, { force: true });
    },
  };
}

/** `MODE TYPE ID SIZE\tPATH`, each closed by a zero. */
function parseEntries(text: string): Map<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  for (const line of text.split('\0')) {
    const tab = line.indexOf('\t');
    if (tab < 0) continue;
    const [mode = '', type = '', id = '', size = ''] = line.slice(0, tab).split(/ +/);
    entries.set(line.slice(tab + 1), {
      mode,
      type: type as TreeEntry['type'],
      id,
      sizeBytes: Number(size) || 0,
    });
  }
  return entries;
}
