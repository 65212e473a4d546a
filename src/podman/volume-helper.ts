import { LABEL_PREFIX } from '../api/labels.ts';
import { absentIsDone, foundOrUndefined } from './absence.ts';
import type { Dial } from './dial.ts';
import { PodmanError } from './errors.ts';
import type { WireContainer, WireImage } from './wire.ts';

export const MOUNT_POINT = '/volume';
const EXPORT_OF = `${LABEL_PREFIX}export-of`;

export interface HelperWork {
  readonly volume: string;
  readonly mode: 'ro' | 'rw';
  /** Completes "Podman could not …". */
  readonly what: string;
}

/**
 * The API can neither export nor import a volume before 5.6, but it reads and writes files of a container that never
 * ran: one of any local image, with the volume in it.
 * @throws PodmanError ImageUnknown when there is no image at all to make that container from
 */
export async function withHelper<T>(
  dial: Dial,
  work: HelperWork,
  use: (archivePath: string) => Promise<T>,
): Promise<T> {
  const { volume, what } = work;
  await requireVolume(dial, volume, what);
  const container = `${volume}-export`;
  await removeLeftover(dial, container, work);
  await createHelper(dial, container, work);
  try {
    return await use(`/containers/${encodeURIComponent(container)}/archive`);
  } finally {
    await removeHelper(dial, container, what);
  }
}

/** Naming an unknown volume in a container would create it. */
const requireVolume = (dial: Dial, volume: string, what: string): Promise<unknown> =>
  dial.call({ method: 'GET', path: `/volumes/${encodeURIComponent(volume)}/json`, what });

async function createHelper(dial: Dial, name: string, { volume, mode, what }: HelperWork): Promise<void> {
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
    // What the image has there must not be copied into the volume.
    volumes: [{ Name: volume, Dest: MOUNT_POINT, Options: [mode, 'nocopy'] }],
  };
  await dial.call({ method: 'POST', path: '/containers/create', body, what });
}

/** What a crash left. Somebody else's container of that name is never touched. */
async function removeLeftover(dial: Dial, name: string, { volume, what }: HelperWork): Promise<void> {
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
