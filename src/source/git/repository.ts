import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hashOf } from '../../state/canonical.ts';
import { readBounded } from '../open-file.ts';
import { systemWords } from '../roots.ts';
import { writeConfigFiles } from './config-files.ts';
import { createGit, type Git, GitError } from './git.ts';
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

/** A file, link or directory of a commit; a submodule is a `commit`. */
export interface TreeEntry {
  readonly mode: string;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly id: string;
  readonly sizeBytes: number;
}

/** The one branch that is followed, with its whole history: what was fetched once never needs the network again. */
export interface Repository {
  readonly git: Git;
  /** Asks the remote; the newest commit of the branch. */
  fetch(): Promise<string>;
  /** The commit that was accepted last, in this run or an earlier one. */
  accepted(): Promise<string | undefined>;
  accept(id: string): Promise<void>;
  /** Whether `id` has `from` in its history. */
  descends(id: string, from: string): Promise<boolean>;
  commit(id: string): Promise<Commit>;
  /** Path → entry, directories included. */
  entries(id: string): Promise<ReadonlyMap<string, TreeEntry>>;
  /** Writes all files of a commit into an empty directory. */
  write(id: string, directory: string): Promise<void>;
}

const FETCH_DEADLINE_MS = 300_000;
const MAX_TOKEN_BYTES = 64 * 1024;
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
  const repository = join(directory, 'repository.git');
  await mkdir(repository, { recursive: true, mode: 0o700 });
  const environment = environmentOf(settings, { directory, repository, gitConfig });
  const git = createGit({ repository, environment, signal });
  await git(['init', '--quiet', '--bare']);
  return repositoryOf(git, options);
}

function repositoryOf(git: Git, { directory, settings }: RepositoryOptions): Repository {
  const { url, branch } = settings;
  // Another address or branch is another history: nothing of it was rewritten.
  const ACCEPTED = `refs/rookery/accepted/${hashOf([url.text, branch]).slice(0, 16)}`;
  return {
    git,
    fetch: async () => {
      const options = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-recurse-submodules'];
      const refs = `+refs/heads/${branch}:${HEAD}`;
      const env = await tokenVariables(settings);
      await git(['fetch', ...options, '--', url.text, refs], { env, deadlineMs: FETCH_DEADLINE_MS });
      return (await git(['rev-parse', '--verify', `${HEAD}^{commit}`])).trim();
    },
    accepted: async () => {
      const found = await git(['for-each-ref', '--format=%(objectname)', ACCEPTED]);
      return found.trim() || undefined;
    },
    accept: async (id) => void (await git(['update-ref', ACCEPTED, id])),
    descends: async (id, from) => (await git(['rev-list', '--max-count=1', from, `^${id}`])).trim() === '',
    commit: async (id) => parseCommit(await git(['show', '--no-patch', `--format=${COMMIT_FORMAT}`, id])),
    entries: async (id) => parseEntries(await git(['ls-tree', '-r', '-t', '-l', '-z', id])),
    write: async (id, into) => {
      const index = join(directory, 'index');
      await rm(index, { force: true });
      await git(['read-tree', '-m', '-u', id], { env: { GIT_INDEX_FILE: index, GIT_WORK_TREE: into } });
    },
  };
}

interface Places {
  readonly directory: string;
  readonly repository: string;
  readonly gitConfig: string;
}

function environmentOf(settings: GitSettings, places: Places): Record<string, string> {
  return {
    ...settings.environment,
    HOME: places.directory,
    LANG: 'C.UTF-8',
    GIT_DIR: places.repository,
    GIT_CONFIG_GLOBAL: places.gitConfig,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: settings.url.protocol,
  };
}

/** Read at every fetch, so that a new token needs no restart; in the environment it is on no command line and no disk. */
async function tokenVariables({ tokenFile, url }: GitSettings): Promise<Record<string, string>> {
  if (tokenFile === undefined || url.protocol !== 'https') return {};
  const token = await readSecretFile(tokenFile, 'the token');
  // GitHub, GitLab and Gitea take a token as the password of any name; NAME:PASSWORD names it.
  const pair = token.includes(':') ? token : `x-access-token:${token}`;
  return {
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'http.extraHeader',
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${Buffer.from(pair).toString('base64')}`,
  };
}

async function readSecretFile(path: string, what: string): Promise<string> {
  try {
    const bytes = await readBounded(path, MAX_TOKEN_BYTES);
    const text = new TextDecoder().decode(bytes).trim();
    if (text === '') throw new Error('it is empty');
    return text;
  } catch (error) {
    throw new GitError(`${what} cannot be read from ${path}: ${systemWords(error)}`);
  }
}

const APPROVALS = '%(trailers:key=Rookery-Approve-Prune,valueonly,unfold,separator=%x2C)';
const COMMIT_FORMAT = `%H%n%T%n%ct%n%an%n${APPROVALS}%n%s`;

function parseCommit(text: string): Commit {
  const [id = '', tree = '', seconds = '', author = '', approved = '', subject = ''] = text.split('\n');
  const approvals = approved.split(',').map((word) => word.trim());
  return { id, tree, subject, author, committedAtMs: Number(seconds) * 1_000, approvals };
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
