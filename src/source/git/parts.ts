import { messageOf } from '../../api/errors.ts';
import { type GitUrl, withoutUserinfo } from '../../api/git-url.ts';
import { submoduleUrl } from './elsewhere-url.ts';
import { GitError, UnreachableError } from './git.ts';
import type { ObjectStore, TreeEntries } from './object-store.ts';

/** A commit, and where it belongs: the one that is followed, or a submodule's. */
export interface Part {
  /** Within the checkout; of the whole, an empty text. */
  readonly path: string;
  readonly url: GitUrl;
  readonly store: ObjectStore;
  readonly id: string;
  readonly entries: TreeEntries;
}

/** Finds the repository of a submodule, with its commit in it. */
export type FindModule = (url: GitUrl, id: string) => Promise<ObjectStore>;

const MAX_DEPTH = 4;
const MAX_SUBMODULES = 50;

/** A commit and its submodules, and theirs: a part before those within it. @throws GitError */
export async function partsOf(top: Part, find: FindModule): Promise<Part[]> {
  const found: Part[] = [];
  const enter = async (part: Part, depth: number): Promise<void> => {
    found.push(part);
    if (found.length > MAX_SUBMODULES + 1)
      throw new GitError(`the commit has more than ${MAX_SUBMODULES} submodules`);
    for (const link of linksOf(part.entries)) {
      if (depth === MAX_DEPTH)
        throw new GitError(`${named(part, link.path)} is more than ${MAX_DEPTH} submodules deep`);
      await enter(await submodule({ top, part, link }, find), depth + 1);
    }
  };
  await enter(top, 0);
  return found;
}

interface Link {
  readonly path: string;
  readonly id: string;
}

/** Where a tree says that a commit of another repository belongs. */
export const linksOf = (entries: TreeEntries): Link[] =>
  [...entries].flatMap(([path, { type, id }]) => (type === 'commit' ? [{ path, id }] : []));

interface Place {
  readonly top: Part;
  readonly part: Part;
  readonly link: Link;
}

async function submodule({ top, part, link }: Place, find: FindModule): Promise<Part> {
  const text = await addressOf(part, link.path);
  try {
    const url = submoduleUrl({ text, parent: part.url, main: top.url });
    const store = await find(url, link.id);
    return { path: placeOf(part, link.path), url, store, id: link.id, entries: await store.entries(link.id) };
  } catch (error) {
    const Kind = error instanceof UnreachableError ? UnreachableError : GitError;
    throw new Kind(`${named(part, link.path)} (${withoutUserinfo(text)}): ${messageOf(error)}`);
  }
}

/** Within the checkout. */
const placeOf = ({ path }: Part, link: string): string => (path === '' ? link : `${path}/${link}`);

const named = (part: Part, link: string): string => `submodule ${placeOf(part, link)}`;

/** `submodule.NAME.KEY\nVALUE`, each closed by a zero. */
async function addressOf(part: Part, path: string): Promise<string> {
  const values = new Map<string, { path?: string; url?: string }>();
  for (const line of (await modulesFile(part)).split('\0')) {
    const [, name = '', key = '', value = ''] = /^submodule\.(.*)\.(path|url)\n(.*)$/s.exec(line) ?? [];
    if (key !== '') values.set(name, { ...values.get(name), [key]: value });
  }
  const url = [...values.values()].find((one) => one.path === path)?.url;
  if (url === undefined) throw new GitError(`${named(part, path)} has no url in .gitmodules`);
  return url;
}

const MAX_MODULES_FILE_BYTES = 2 ** 18;

async function modulesFile({ store, entries, id }: Part): Promise<string> {
  const entry = entries.get('.gitmodules');
  if (entry?.type !== 'blob' || entry.sizeBytes > MAX_MODULES_FILE_BYTES) return '';
  return store.git(['config', '--blob', `${id}:.gitmodules`, '--null', '--list']);
}
