import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { LABEL_PREFIX } from '../api/labels.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import type { WireContainer, WireImage } from './wire.ts';

const EXPORT_TIMEOUT_MS = 30 * 60_000;
const MOUNT_POINT = '/volume';
const EXPORT_OF = `${LABEL_PREFIX}export-of`;

/**
 * Writes the volume's contents as a tar archive. The API cannot export a volume before 5.6, but it reads files out of a
 * container that never ran: one of any local image, with the volume in it. The file appears when it is whole.
 * @throws PodmanError ImageUnknown when there is no image at all to make that container from
 */
export async function exportVolume(dial: Dial, volume: string, toFile: string): Promise<void> {
  const what = `export volume ${volume}`;
  await requireVolume(dial, volume, what);
  const container = `${volume}-export`;
  await removeLeftover(dial, container, volume, what);
  await createHelper(dial, container, volume, what);
  try {
    const path = `/containers/${encodeURIComponent(container)}/archive`;
    const query = { path: `${MOUNT_POINT}/.` };
    const archive = dial.stream({ method: 'GET', path, query, what, timeoutMs: EXPORT_TIMEOUT_MS });
    await writeWhole(archive, toFile);
  } finally {
    await removeHelper(dial, container, what);
  }
}

/** Naming an unknown volume in a container would create it. */
const requireVolume = (dial: Dial, volume: string, what: string): Promise<unknown> =>
  dial.call({ method: 'GET', path: `/volumes/${encodeURIComponent(volume)}/json`, what });

async function createHelper(dial: Dial, name: string, volume: string, what: string): Promise<void> {
  const images = await dial.call<WireImage[]>({ method: 'GET', path: '/images/json', what });
  const image = images.body?.[0]?.Id;
  if (image === undefined) {
    throw new PodmanError(
      'ImageUnknown',
      `Podman could not ${what}: that needs a local image, and there is none`,
    );
  }
  const body = {
    name,
    image,
    labels: { [EXPORT_OF]: volume },
    command: ['never-started'],
    netns: { nsmode: 'none' },
    volumes: [{ Name: volume, Dest: MOUNT_POINT, Options: ['ro'] }],
  };
  await dial.call({ method: 'POST', path: '/containers/create', body, what });
}

/** What a crash left of an export. Somebody else's container of that name is never touched. */
async function removeLeftover(dial: Dial, name: string, volume: string, what: string): Promise<void> {
  const path = `/containers/${encodeURIComponent(name)}/json`;
  const found = await foundOrUndefined(dial.call<WireContainer>({ method: 'GET', path, what }));
  if (found?.Config?.Labels?.[EXPORT_OF] === volume) return removeHelper(dial, name, what);
  if (found)
    throw new PodmanError(
      'NameInUse',
      `Podman could not ${what}: something else has a container ${name}; rename it`,
    );
}

const removeHelper = (dial: Dial, name: string, what: string): Promise<void> =>
  absentIsDone(
    dial.call({
      method: 'DELETE',
      path: `/containers/${encodeURIComponent(name)}`,
      query: { force: true, timeout: 0, v: true },
      what,
    }),
  );

async function writeWhole(chunks: AsyncIterable<Buffer>, toFile: string): Promise<void> {
  const partial = `${toFile}.partial`;
  try {
    await pipeline(chunks, createWriteStream(partial, { mode: 0o600, flush: true }));
    await rename(partial, toFile);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
