import { mkdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerTemplate, Mount } from '../state/template.ts';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import type { WireVolume } from './wire.ts';

/**
 * Podman 4.3 silently mounts the whole volume when asked for a part of it, and 5.x wants the directory to be there.
 * So a part of a volume becomes a bind of its directory, which is made when it is missing, as the kubelet does.
 * @throws PodmanError when the volume's directory cannot be reached from here, or a link in it leads out of it
 */
export async function bindSubPaths(
  dial: Dial,
  template: ContainerTemplate,
  what: string,
): Promise<ContainerTemplate> {
  const mounts = await Promise.all(template.mounts.map((mount) => bindSubPath(dial, mount, what)));
  return { ...template, mounts };
}

async function bindSubPath(dial: Dial, mount: Mount, what: string): Promise<Mount> {
  if (mount.type !== 'volume' || mount.subPath === undefined) return mount;
  const root = await mountpointOf(dial, mount.name, what);
  const source = await madeInside(root, mount.subPath).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PodmanError(
      'CannotRun',
      `Podman could not ${what}: subPath ${mount.subPath} of volume ${mount.name}: ${reason}`,
    );
  });
  return { type: 'bind', source, target: mount.target, readOnly: mount.readOnly };
}

async function mountpointOf(dial: Dial, volume: string, what: string): Promise<string> {
  const path = `/volumes/${encodeURIComponent(volume)}/json`;
  const reply = await dial.call<WireVolume>({ method: 'GET', path, what });
  return realpath(reply.body?.Mountpoint ?? '');
}

/** A program in the volume can put a link there: each step is checked before the next is made. */
async function madeInside(root: string, subPath: string): Promise<string> {
  let directory = root;
  for (const part of path.normalize(subPath).split('/')) {
    if (part === '' || part === '.') continue;
    const next = path.join(directory, part);
    await mkdir(next).catch(ignoreExisting);
    directory = await realpath(next);
    if (!directory.startsWith(`${root}/`)) throw new Error('it leads out of the volume');
  }
  return directory;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
