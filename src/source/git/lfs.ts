import { constants } from 'node:fs';
import { chmod, copyFile, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '../../api/errors.ts';
import type { GitUrl } from '../../api/git-url.ts';
import { hashOfFile } from '../content.ts';
import { elsewhereUrl } from './elsewhere-url.ts';
import { configVariables, tokenConfig } from './environment.ts';
import { GitError, UnreachableError } from './git.ts';
import type { Pointer } from './lfs-pointer.ts';
import type { ObjectStore } from './object-store.ts';
import { ownPlace } from './own-place.ts';
import type { Part } from './parts.ts';
import type { GitSettings } from './settings.ts';

const DEADLINE_MS = 600_000;

/** Where git-lfs keeps a file in a bare repository. */
export const lfsObject = ({ directory }: ObjectStore, { oid }: Pointer): string =>
  join(directory, 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4), oid);

export async function isFetched(store: ObjectStore, pointer: Pointer): Promise<boolean> {
  const stats = await stat(lfsObject(store, pointer)).catch(() => undefined);
  return stats?.size === pointer.sizeBytes;
}

/** All large files of a commit, by the program git-lfs. @throws GitError */
export async function fetchLfs(part: Part, main: GitUrl, settings: GitSettings): Promise<void> {
  const { store, url, id } = part;
  const server = await serverOf(part, main);
  const env = {
    ...configVariables([...(await tokenConfig(settings)), ['remote.origin.url', url.text], ...server]),
    GIT_ALLOW_PROTOCOL: url.protocol,
  };
  try {
    await store.git(['lfs', 'fetch', 'origin', id], { env, deadlineMs: DEADLINE_MS });
  } catch (error) {
    throw /'lfs' is not a git command/.test(messageOf(error))
      ? new GitError(NOT_INSTALLED)
      : new UnreachableError(`LFS files of ${url.text}: ${messageOf(error)}`);
  }
}

const NOT_INSTALLED =
  'the commit has LFS files, and git-lfs is not installed on this host: install it (on Debian: apt-get install git-lfs), or leave out --git-lfs (ROOKERY_GIT_LFS)';

/** Said by the repository itself, and so held to the rules for what it names. git-lfs is not let read the file. */
async function serverOf({ store, entries, id }: Part, main: GitUrl): Promise<[string, string][]> {
  if (entries.get('.lfsconfig')?.type !== 'blob') return [];
  const get = ['config', '--blob', `${id}:.lfsconfig`, '--default', '', '--get', 'lfs.url'];
  const text = (await store.git(get)).trim();
  if (text === '') return [];
  try {
    return [['lfs.url', elsewhereUrl(text, main).text]];
  } catch (error) {
    throw new GitError(`lfs.url of .lfsconfig: ${messageOf(error)}`);
  }
}

export interface Placed {
  readonly store: ObjectStore;
  readonly pointer: Pointer;
  /** The checkout, and where in it the pointer is. */
  readonly directory: string;
  readonly path: string;
  readonly isExecutable: boolean;
}

/** Puts the large file where its pointer is. */
export async function placeLfs({ store, pointer, directory, path, isExecutable }: Placed): Promise<void> {
  await ownPlace(directory, dirname(path));
  const [from, to] = [lfsObject(store, pointer), join(directory, path)];
  await rm(to);
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  await chmod(to, isExecutable ? 0o755 : 0o644);
  if ((await hashOfFile(to)) === pointer.oid) return;
  await rm(from, { force: true });
  throw new GitError(`the LFS file ${path} was damaged on this disk; it is fetched again at the next try`);
}

/** Removes the large files that none of these is. */
export async function collectLfs(store: string, inUse: ReadonlySet<string>): Promise<void> {
  const root = join(store, 'lfs', 'objects');
  const names = await readdir(root, { recursive: true }).catch((): string[] => []);
  for (const name of names.filter((one) => OBJECT.test(one)))
    if (!inUse.has(join(root, name))) await rm(join(root, name), { force: true });
}

const OBJECT = /^[0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{64}$/;
