import { realpath } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { PodmanError } from './errors.ts';

/**
 * The sources of binds are real paths when a revision is made. Podman mounts what they lead to at every start, and a
 * program that may write beside one can put a link in its place: it would then see any directory of the host after
 * its next crash. A link within the same directory is no way out: the keys of a live ConfigMap are such.
 * What cannot be seen from here is left to Podman. Between this look and the mount a second program may still win the
 * race.
 * @param what completes "Podman could not …"
 * @throws PodmanError CannotRun
 */
export async function refuseReplacedBinds(sources: readonly string[], what: string): Promise<void> {
  for (const source of sources) {
    const real = await realpath(source).catch(() => undefined);
    if (real === undefined || real === source || real.startsWith(inside(dirname(source)))) continue;
    throw new PodmanError(
      'CannotRun',
      `Podman could not ${what}: its mount ${source} has been replaced by a link and leads to ${real}; remove the link`,
    );
  }
}

const inside = (directory: string): string => (directory.endsWith(sep) ? directory : directory + sep);
