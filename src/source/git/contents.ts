import { join } from 'node:path';
import { GitError } from './git.ts';
import { fetchLfs, isFetched, lfsObject, placeLfs } from './lfs.ts';
import { type Pointer, pointersIn } from './lfs-pointer.ts';
import type { Modules } from './modules.ts';
import type { ObjectStore, TreeEntries, TreeEntry } from './object-store.ts';
import { ownPlace } from './own-place.ts';
import { linksOf, type Part, partsOf } from './parts.ts';
import type { Repository } from './repository.ts';
import type { GitSettings } from './settings.ts';

/** Whether other hosts may be asked for what is not here yet. */
export type Reach = 'Local' | 'Remote';

/** Something that a commit names and does not hold. */
export interface Elsewhere {
  readonly path: string;
  readonly type: 'Submodule' | 'LfsFile';
  /** Otherwise there is an empty directory, or a pointer. */
  readonly isHere: boolean;
}

export interface Contents {
  readonly entries: TreeEntries;
  readonly elsewhere: readonly Elsewhere[];
  /** What of git's on this disk it was made of, besides the repository itself. */
  readonly madeOf: ReadonlySet<string>;
}

export interface Writing {
  readonly repository: Repository;
  readonly modules: Modules;
  readonly settings: GitSettings;
}

export interface Target {
  readonly id: string;
  /** An empty directory, by its real path. */
  readonly directory: string;
  readonly reach: Reach;
}

const MAX_FILES = 50_000;
const MB = 2 ** 20;
const MAX_BYTES = 2 * 2 ** 30;

/** Writes everything that belongs to a commit. @throws GitError */
export async function writeContents(writing: Writing, target: Target): Promise<Contents> {
  const { repository, settings } = writing;
  const entries = await repository.entries(target.id);
  const top: Part = { path: '', url: settings.url, store: repository, id: target.id, entries };
  const parts = settings.submodules ? await partsOf(top, finder(writing, target.reach)) : [top];
  const submodules = parts.slice(1);
  const whole = parts.flatMap((part) => [...part.entries.values()]);
  refuseHuge(whole);
  for (const part of parts) {
    const into = await ownPlace(target.directory, part.path);
    await part.store.write(part.id, into, `${target.directory}.index`);
  }
  const large = await Promise.all(parts.map((part) => largeFilesOf(part, target.directory)));
  const files = large.flat();
  if (settings.lfs) {
    refuseHuge([...whole, ...files.map(({ pointer }) => pointer)]);
    await writeLarge(writing, target, files);
  }
  return {
    entries: new Map([...entries, ...(await submoduleEntries(submodules))]),
    elsewhere: [
      ...submodules.map(({ path }): Elsewhere => ({ path, type: 'Submodule', isHere: true })),
      ...(settings.submodules ? [] : linksOf(entries)).map(
        ({ path }): Elsewhere => ({ path, type: 'Submodule', isHere: false }),
      ),
      ...files.map(({ path }): Elsewhere => ({ path, type: 'LfsFile', isHere: settings.lfs })),
    ],
    madeOf: new Set([
      ...submodules.map(({ store }) => store.directory),
      ...(settings.lfs ? files.map(({ part, pointer }) => lfsObject(part.store, pointer)) : []),
    ]),
  };
}

const finder =
  ({ modules }: Writing, reach: Reach) =>
  async (url: Part['url'], id: string): Promise<ObjectStore> => {
    const store = await modules.of(url);
    if (await modules.has(store, id)) return store;
    if (reach === 'Local') throw new GitError('it has not been fetched yet');
    await modules.fetch(store, url, id);
    return store;
  };

function refuseHuge(entries: readonly Pick<TreeEntry, 'sizeBytes'>[]): void {
  if (entries.length > MAX_FILES)
    throw new GitError(`the commit has ${entries.length} files, and ${MAX_FILES} is the most`);
  const bytes = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (bytes > MAX_BYTES)
    throw new GitError(
      `the commit has ${Math.ceil(bytes / MB)} MB of files, and ${MAX_BYTES / MB} is the most`,
    );
}

/** Git's names for what is in them; what a submodule is as a whole, its tree says. */
async function submoduleEntries(parts: readonly Part[]): Promise<[string, TreeEntry][]> {
  const all = parts.map(async ({ path, store, id, entries }): Promise<[string, TreeEntry][]> => {
    const tree = (await store.git(['rev-parse', '--verify', `${id}^{tree}`])).trim();
    return [
      [path, { mode: '040000', type: 'tree', id: tree, sizeBytes: 0 }],
      ...[...entries].map(([inner, entry]): [string, TreeEntry] => [`${path}/${inner}`, entry]),
    ];
  });
  return (await Promise.all(all)).flat();
}

interface LargeFile {
  readonly part: Part;
  /** Within the checkout. */
  readonly path: string;
  readonly pointer: Pointer;
  readonly isExecutable: boolean;
}

async function largeFilesOf(part: Part, directory: string): Promise<LargeFile[]> {
  const pointers = await pointersIn(join(directory, part.path), part.entries);
  return [...pointers].map(([path, pointer]) => ({
    part,
    path: join(part.path, path),
    pointer,
    isExecutable: part.entries.get(path)?.mode === '100755',
  }));
}

async function writeLarge(
  { settings }: Writing,
  { directory, reach }: Target,
  files: readonly LargeFile[],
): Promise<void> {
  for (const part of new Set(files.map((file) => file.part))) {
    const own = files.filter((file) => file.part === part);
    const here = await Promise.all(own.map(({ pointer }) => isFetched(part.store, pointer)));
    if (here.every(Boolean)) continue;
    if (reach === 'Local') throw new GitError('its LFS files have not been fetched yet');
    await fetchLfs(part, settings.url, settings);
  }
  for (const { part, pointer, path, isExecutable } of files)
    await placeLfs({ store: part.store, pointer, directory, path, isExecutable });
}
