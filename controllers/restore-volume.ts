import { TerminalError } from '../src/api/errors.ts';
import type { ObjectKey } from '../src/api/key.ts';
import { isOurs, podmanName } from '../src/state/names.ts';
import { perform } from './shared.ts';
import type { World } from './world.ts';

export interface Restoring {
  readonly key: ObjectKey;
  /** File name of an export; the newest of the volume where none is named. */
  readonly from: string | undefined;
  readonly signal: AbortSignal;
}

/** Puts back what was saved before a volume was deleted; what was done, for a person. @throws Error in words */
export async function restoreVolume(world: World, { key, from, signal }: Restoring): Promise<string> {
  const name = podmanName(key.namespace, key.name);
  const found = await world.podman.inspectVolume(name);
  if (!found || !isOurs(world.installation(), key, found.labels))
    throw new TerminalError('NotReady', `volume ${name} is not there yet, or is not ours`);
  const exports = await world.files.volumeExports();
  // By name among those that are there: a path leads nowhere else.
  const chosen = exports.find(({ path, volume }) =>
    from === undefined ? volume === name : path.endsWith(`/${from}`) && !from.includes('/'),
  );
  if (!chosen)
    throw new TerminalError(
      'NotFound',
      `there is no export ${from ?? `of volume ${name}`}; see those that are: rookery volume exports`,
    );
  const cause = 'a person asked for what it held before it was deleted';
  await perform(world, key, [{ type: 'RestoreVolume', name, fromFile: chosen.path, cause }], signal);
  return `volume ${key.namespace}/${key.name} holds what it held at ${new Date(chosen.exportedAtMs).toISOString()}`;
}
