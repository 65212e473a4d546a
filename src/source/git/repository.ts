import { join } from 'node:path';
import { hashOf } from '../../state/canonical.ts';
import { writeConfigFiles } from './config-files.ts';
import { environmentOf, tokenVariables } from './environment.ts';
import { type ObjectStore, openObjectStore } from './object-store.ts';
import type { GitSettings } from './settings.ts';

export interface Commit {
  readonly id: string;
  readonly tree: string;
  readonly subject: string;
  readonly author: string;
  readonly committedAtMs: number;
  /** What its trailers `Rookery-Approve-Prune: Kind/namespace/name, …` say, word by word. */
  readonly approvals: readonly string[];
}

/** The one branch that is followed, with its whole history: what was fetched once never needs the network again. */
export interface Repository extends ObjectStore {
  /** Asks the remote; the newest commit of the branch. */
  fetch(): Promise<string>;
  /** The commit that was accepted last, in this run or an earlier one. */
  accepted(): Promise<string | undefined>;
  accept(id: string): Promise<void>;
  /** Whether `id` has `from` in its history. */
  descends(id: string, from: string): Promise<boolean>;
  commit(id: string): Promise<Commit>;
  /** Another repository beside it, with the same settings. */
  beside(gitDir: string): Promise<ObjectStore>;
}

export const FETCH_DEADLINE_MS = 300_000;
/** What is named is fetched, and nothing else. */
export const FETCH = ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
const HEAD = 'refs/rookery/head';

export interface RepositoryOptions {
  /** Where everything of git's lies. */
  readonly directory: string;
  readonly settings: GitSettings;
  readonly signal: AbortSignal;
}

export async function openRepository(options: RepositoryOptions): Promise<Repository> {
  const { directory, settings, signal } = options;
  const { gitConfig } = await writeConfigFiles(directory, settings);
  const beside = (gitDir: string): Promise<ObjectStore> => {
    const environment = environmentOf(settings, { home: directory, gitDir, gitConfig });
    return openObjectStore({ repository: gitDir, environment, signal });
  };
  return { ...repositoryOf(await beside(join(directory, 'repository.git')), settings), beside };
}

function repositoryOf(store: ObjectStore, settings: GitSettings): Omit<Repository, 'beside'> {
  const { git } = store;
  const { url, branch } = settings;
  // Another address or branch is another history: nothing of it was rewritten.
  const ACCEPTED = `refs/rookery/accepted/${hashOf([url.text, branch]).slice(0, 16)}`;
  return {
    ...store,
    fetch: async () => {
      const refs = `+refs/heads/${branch}:${HEAD}`;
      const env = await tokenVariables(settings);
      await git([...FETCH, '--', url.text, refs], { env, deadlineMs: FETCH_DEADLINE_MS });
      return (await git(['rev-parse', '--verify', `${HEAD}^{commit}`])).trim();
    },
    accepted: async () => {
      const found = await git(['for-each-ref', '--format=%(objectname)', ACCEPTED]);
      return found.trim() || undefined;
    },
    accept: async (id) => void (await git(['update-ref', ACCEPTED, id])),
    descends: async (id, from) => (await git(['rev-list', '--max-count=1', from, `^${id}`])).trim() === '',
    commit: async (id) => parseCommit(await git(['show', '--no-patch', `--format=${COMMIT_FORMAT}`, id])),
  };
}

const APPROVALS = '%(trailers:key=Rookery-Approve-Prune,valueonly,unfold,separator=%x2C)';
const COMMIT_FORMAT = `%H%n%T%n%ct%n%an%n${APPROVALS}%n%s`;

function parseCommit(text: string): Commit {
  const [id = '', tree = '', seconds = '', author = '', approved = '', subject = ''] = text.split('\n');
  const approvals = approved.split(',').map((word) => word.trim());
  return { id, tree, subject, author, committedAtMs: Number(seconds) * 1_000, approvals };
}
