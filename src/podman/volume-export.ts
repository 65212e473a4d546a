import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Dial } from './dial.ts';
import { FILES, runTar, VOLUME } from './volume-tar.ts';

/** Writes the volume's contents as a tar archive, owners and modes included; the file appears when it is whole. */
export async function exportVolume(dial: Dial, volume: string, toFile: string): Promise<void> {
  const partial = `${toFile}.partial`;
  const file = join(FILES, basename(partial));
  try {
    await runTar(dial, {
      volume,
      filesDirectory: dirname(toFile),
      writes: 'Files',
      args: ['-c', '--numeric-owner', '-f', file, '-C', VOLUME, '.'],
      what: `export volume ${volume}`,
    });
    await flush(partial);
    await rename(partial, toFile);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** Ours alone, and on the disk before it has its name. */
async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
}
