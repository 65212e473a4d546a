import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { StateDirectoryOptions } from './directory.ts';
import { acquireLock } from './lock.ts';
import { createNodeFiles } from './node-files.ts';
import { openStore } from './open.ts';
import { createOverlayFiles } from './overlay-files.ts';
import type { Store } from './store.ts';

/**
 * Loads a state directory without changing it; what is written goes nowhere. Throws `StoreError`: `Locked` while a
 * controller has it, because only that one knows what is under way.
 */
export function lookAtStateDirectory({ path, clock, warn }: StateDirectoryOptions): Promise<Store> {
  const lock = existsSync(path) ? acquireLock(join(path, 'lock')) : undefined;
  const release = (): void => lock?.release();
  const files = createOverlayFiles(createNodeFiles(path));
  return openStore({ files, clock, warn, random: randomBytes, release }).catch((error: unknown) => {
    release();
    throw error;
  });
}
