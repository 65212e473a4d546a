import { randomBytes } from 'node:crypto';
import { chmod, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Warn } from './envelope.ts';
import { StoreError, storeError } from './errors.ts';
import type { Timers } from './events.ts';
import { acquireLock } from './lock.ts';
import { createNodeFiles } from './node-files.ts';
import { openStore } from './open.ts';
import type { Store } from './store.ts';

export interface StateDirectoryOptions {
  readonly path: string;
  readonly clock: Timers;
  readonly warn: Warn;
}

const SUBDIRECTORIES = ['records', 'inventory', 'annotations', 'approvals', 'quarantine'] as const;
const OTHERS_MODE_BITS = 0o077;

/**
 * Makes the directory (mode 0700) where it is missing, takes its lock and loads it. Throws `StoreError`: `Locked` when
 * another controller has it, `NotOwned` when it is another user's.
 */
export async function openStateDirectory({ path, clock, warn }: StateDirectoryOptions): Promise<Store> {
  await prepare(path, warn);
  const lock = acquireLock(join(path, 'lock'));
  const files = createNodeFiles(path);
  try {
    return await openStore({ files, clock, warn, random: randomBytes, release: lock.release });
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function prepare(path: string, warn: Warn): Promise<void> {
  try {
    await makeDirectory(path);
    await checkOwner(path, warn);
    await Promise.all(
      SUBDIRECTORIES.map((name) => mkdir(join(path, name), { recursive: true, mode: 0o700 })),
    );
  } catch (error) {
    throw storeError(error, 'prepare the state directory', path);
  }
}

/** With `recursive` alone Node says ENOENT on a read-only file system, which leads a person astray. */
async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
    await mkdir(path, { recursive: true, mode: 0o700 });
  });
}

async function checkOwner(path: string, warn: Warn): Promise<void> {
  const { uid, mode } = await stat(path);
  const ownUid = process.getuid?.();
  if (uid !== ownUid) {
    throw new StoreError(
      'NotOwned',
      `the state directory ${path} belongs to user ${uid}, and this is user ${ownUid}: choose another with --state-dir`,
    );
  }
  if ((mode & OTHERS_MODE_BITS) === 0) return;
  await chmod(path, 0o700);
  warn(
    `the state directory ${path} was open to other users (mode ${(mode & 0o777).toString(8)}); it is 0700 now`,
  );
}
