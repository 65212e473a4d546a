import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';

/**
 * Opens an ordinary file for reading. Whatever else has the name is refused and never waited for: opening a pipe that
 * nobody writes to would otherwise hold up the reading of all manifests for ever.
 */
export async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${basename(path)} is not an ordinary file`);
    return await use(file);
  } finally {
    await file.close();
  }
}

/** At most one byte more than `maxBytes`, whatever the file grows to meanwhile. */
export const readBounded = (path: string, maxBytes: number): Promise<Uint8Array> =>
  withFile(path, async (file) => {
    const { size } = await file.stat();
    const buffer = new Uint8Array(Math.min(size, maxBytes) + 1);
    return buffer.subarray(0, await fill(file, buffer));
  });

async function fill(file: FileHandle, buffer: Uint8Array): Promise<number> {
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (bytesRead === 0 || length === buffer.length) return length;
  }
}
