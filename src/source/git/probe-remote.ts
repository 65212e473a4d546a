import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenVariables } from './environment.ts';
import { openRepository } from './repository.ts';
import type { GitSettings } from './settings.ts';

/** The newest commit of the branch, asked with the same credentials as a fetch; undefined: there is no such branch. @throws GitError */
export async function probeRemote(settings: GitSettings, signal: AbortSignal): Promise<string | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'rookery-git-'));
  try {
    const { git } = await openRepository({ directory, settings, signal });
    const env = await tokenVariables(settings);
    const said = await git(['ls-remote', '--', settings.url.text, `refs/heads/${settings.branch}`], { env });
    return said.split(/\s/)[0] || undefined;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
