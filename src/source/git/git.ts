import { messageOf } from '../../api/errors.ts';
import { withoutUserinfo } from '../../api/git-url.ts';
import { escapeControls } from '../text.ts';

/** What git said, in its last lines; a secret is never part of it, because git is never told one in words. */
export class GitError extends Error {
  override readonly name = 'GitError';
}

/** Another host did not give what was asked of it; it may at the next try. */
export class UnreachableError extends GitError {}

export interface GitCall {
  readonly deadlineMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs git with these arguments; its standard output. @throws GitError */
export type Git = (args: readonly string[], call?: GitCall) => Promise<string>;

export interface GitPlace {
  /** The bare repository; git is started in it. */
  readonly repository: string;
  /** Of the whole process: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Aborted when the controller ends. */
  readonly signal: AbortSignal;
}

const DEADLINE_MS = 60_000;
const SHOWN_LINES = 3;
const SHOWN_CHARACTERS = 600;

export const createGit =
  ({ repository, environment, signal }: GitPlace): Git =>
  async (args, { deadlineMs = DEADLINE_MS, env = {} } = {}) => {
    const abort = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const whole = { ...environment, ...env };
    // Only who follows a repository pays for it at the start.
    const { simpleGit } = await import('simple-git');
    const git = simpleGit({
      baseDir: repository,
      abort,
      // All of it is ours: the one configuration file, and a token that must not be on a command line.
      allowEnvironment: Object.keys(whole),
      unsafe: { allowUnsafeConfigPaths: true, allowUnsafeConfigEnvCount: true },
      errors: (error, { exitCode, stdErr }) =>
        error ??
        (exitCode === 0 ? undefined : Buffer.concat([...stdErr, Buffer.from(`\nexit code ${exitCode}`)])),
    }).env(whole);
    try {
      return await git.raw([...args]);
    } catch (error) {
      if (abort.aborted && !signal.aborted)
        throw new GitError(`git ${args[0]} took longer than ${deadlineMs / 1_000} s and was ended`);
      throw new GitError(wordsOf(error));
    }
  };

/** Of git, git-lfs, and ssh; the rest is progress and advice. */
const TELLS = /^(?:fatal:|error\b|batch response:|Host key verification failed)|: Permission denied \(/;

function wordsOf(error: unknown): string {
  const text = messageOf(error);
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '' && !/^exit code \d+$/.test(line));
  const told = lines.filter((line) => TELLS.test(line));
  const shown = (told.length > 0 ? told : lines).slice(-SHOWN_LINES).join('; ');
  return withoutUserinfo(escapeControls((shown || text).trim())).slice(0, SHOWN_CHARACTERS);
}
