import { mkdir, realpath } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { messageOf } from '../api/errors.ts';
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
  const path = `/volumes/${encodeURIComponent(mount.name)}/json`;
  const reply = await dial.call<WireVolume>({ method: 'GET', path, what });
  const root = await realpath(reply.body?.Mountpoint ?? '').catch(() => undefined);
  // Podman's files are out of sight where the controller is itself a container.
  if (root === undefined && knowsSubPaths(reply.headers['libpod-api-version'])) return mount;
  const source = await madeInside(root, mount.subPath).catch((error: unknown) => {
    const part = `subPath ${mount.subPath} of volume ${mount.name}`;
    throw new PodmanError('CannotRun', `Podman could not ${what}: ${part}: ${messageOf(error)}`);
  });
  return { type: 'bind', source, target: mount.target, readOnly: mount.readOnly };
}

const knowsSubPaths = (version: unknown): boolean => Number.parseInt(String(version), 10) >= 5;

/** A program in the volume can put a link there: each step is checked before the next is made. */
async function madeInside(root: string | undefined, subPath: string): Promise<string> {
  if (root === undefined) throw new Error('the directory of the volume cannot be seen from here');
  let directory = root;
  for (const part of normalize(subPath).split('/')) {
    if (part === '' || part === '.') continue;
    const next = join(directory, part);
    await mkdir(next).catch(ignoreExisting);
    directory = await realpath(next);
    if (!directory.startsWith(`${root}/`)) throw new Error('it leads out of the volume');
  }
  return directory;
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
