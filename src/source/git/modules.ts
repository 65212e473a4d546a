import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../api/errors.ts';
import type { GitUrl } from '../../api/git-url.ts';
import { hashOf } from '../../state/canonical.ts';
import { tokenVariables } from './environment.ts';
import { UnreachableError } from './git.ts';
import type { ObjectStore } from './object-store.ts';
import { FETCH, FETCH_DEADLINE_MS, type Repository } from './repository.ts';
import type { GitSettings } from './settings.ts';

/** The repositories of submodules, one for each address, with the commits that were asked for. */
export interface Modules {
  of(url: GitUrl): Promise<ObjectStore>;
  has(store: ObjectStore, id: string): Promise<boolean>;
  /** @throws UnreachableError */
  fetch(store: ObjectStore, url: GitUrl, id: string): Promise<void>;
  /** Removes those that none of these is. */
  collect(inUse: ReadonlySet<string>): Promise<void>;
}

export function createModules(root: string, repository: Repository, settings: GitSettings): Modules {
  return {
    of: (url) => repository.beside(join(root, `${hashOf([url.text]).slice(0, 16)}.git`)),
    has: async ({ git }, id) => (await git(['for-each-ref', '--format=x', pinned(id)])).trim() !== '',
    fetch: async ({ git }, url, id) => {
      const env = { ...(await tokenVariables(settings)), GIT_ALLOW_PROTOCOL: url.protocol };
      const call = { env, deadlineMs: FETCH_DEADLINE_MS };
      try {
        await git([...FETCH, '--depth=1', '--', url.text, `+${id}:${pinned(id)}`], call);
      } catch {
        // Not every server hands out a commit that no branch points at.
        await git([...FETCH, '--', url.text, ...EVERYTHING], call).catch(unreachable);
        await pin(git, id);
      }
    },
    collect: async (inUse) => {
      for (const name of await readdir(root).catch((): string[] => []))
        if (!inUse.has(join(root, name))) await rm(join(root, name), { recursive: true, force: true });
    },
  };
}

/** A ref keeps it: what nothing points at is thrown away by git some day. */
const pinned = (id: string): string => `refs/rookery/pinned/${id}`;
const EVERYTHING = ['+refs/heads/*:refs/rookery/heads/*', '+refs/tags/*:refs/rookery/tags/*'];

const unreachable = (error: unknown): never => {
  throw new UnreachableError(messageOf(error));
};

const pin = (git: ObjectStore['git'], id: string): Promise<unknown> =>
  git(['update-ref', pinned(id), id]).catch(() => {
    throw new UnreachableError(
      `it does not have the commit ${id}, which the repository names; was it pushed?`,
    );
  });
