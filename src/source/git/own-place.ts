import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { GitError } from './git.ts';

/** A directory of the checkout: itself, and not what a link of the same commit makes of its name. `top` is a real path. */
export async function ownPlace(top: string, path: string): Promise<string> {
  const place = join(top, path);
  const real = await realpath(place).catch(() => undefined);
  if (real !== place)
    throw new GitError(`"${path}" of the commit is no directory of its own to be written to`);
  return place;
}
