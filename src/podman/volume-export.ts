import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Dial } from './dial.ts';
import { MOUNT_POINT, withHelper } from './volume-helper.ts';

export const ARCHIVE_TIMEOUT_MS = 30 * 60_000;

/** Writes the volume's contents as a tar archive; the file appears when it is whole. */
export function exportVolume(dial: Dial, volume: string, toFile: string): Promise<void> {
  const what = `export volume ${volume}`;
  return withHelper(dial, { volume, mode: 'ro', what }, (path) =>
    writeWhole(readVolume(dial, path, what), toFile),
  );
}

export const readVolume = (dial: Dial, path: string, what: string): AsyncIterable<Buffer> =>
  dial.stream({
    method: 'GET',
    path,
    query: { path: `${MOUNT_POINT}/.` },
    what,
    timeoutMs: ARCHIVE_TIMEOUT_MS,
  });

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
