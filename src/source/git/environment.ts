import { readBounded } from '../open-file.ts';
import { systemWords } from '../roots.ts';
import { GitError } from './git.ts';
import type { GitSettings } from './settings.ts';

const MAX_TOKEN_BYTES = 64 * 1024;

export interface Places {
  /** Nobody's home: there is nothing of the user's. */
  readonly home: string;
  /** The bare repository. */
  readonly gitDir: string;
  readonly gitConfig: string;
}

/** All that git is told by its environment, whatever it does. */
export const environmentOf = (settings: GitSettings, places: Places): Record<string, string> => ({
  ...settings.environment,
  HOME: places.home,
  LANG: 'C.UTF-8',
  GIT_DIR: places.gitDir,
  GIT_CONFIG_GLOBAL: places.gitConfig,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: settings.url.protocol,
});

/** In the environment a configuration is on no command line and no disk. */
export function configVariables(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const named = pairs.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return pairs.length === 0 ? {} : Object.fromEntries([['GIT_CONFIG_COUNT', String(pairs.length)], ...named]);
}

/**
 * Read at every use, so that a new token needs no restart. It is sent to the host of the repository alone: a submodule or
 * an LFS server elsewhere has not been given it.
 */
export async function tokenConfig({ tokenFile, url }: GitSettings): Promise<[string, string][]> {
  if (tokenFile === undefined || url.protocol !== 'https') return [];
  const token = await readSecretFile(tokenFile, 'the token');
  // GitHub, GitLab and Gitea take a token as the password of any name; NAME:PASSWORD names it.
  const pair = token.includes(':') ? token : `x-access-token:${token}`;
  const header = `Authorization: Basic ${Buffer.from(pair).toString('base64')}`;
  return [[`http.${new URL(url.text).origin}/.extraHeader`, header]];
}

/** The same as variables, for a call that needs nothing else. */
export const tokenVariables = async (settings: GitSettings): Promise<Record<string, string>> =>
  configVariables(await tokenConfig(settings));

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
