import { mkdir } from 'node:fs/promises';
import { messageOf } from '../api/errors.ts';
import type { ContainerTemplate } from '../state/template.ts';
import { PodmanError } from './errors.ts';

/**
 * Podman binds only what is there; `hostPath.type: DirectoryOrCreate` asks for more.
 * @throws PodmanError CannotRun when a directory cannot be made
 */
export async function makeHostDirectories({ mounts }: ContainerTemplate, what: string): Promise<void> {
  for (const mount of mounts) {
    if (mount.type !== 'bind' || !mount.create) continue;
    await mkdir(mount.source, { recursive: true, mode: 0o755 }).catch((error: unknown) => {
      const where = `the directory ${mount.source}`;
      throw new PodmanError('CannotRun', `Podman could not ${what}: ${where}: ${messageOf(error)}`);
    });
  }
}
