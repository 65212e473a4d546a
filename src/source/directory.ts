import type { KeyString } from '../api/key.ts';
import type { Snapshot } from '../state/desired.ts';
import { assemble, combine } from './assemble.ts';
import { createDigestFile } from './digest-file.ts';
import { createInputReader, type InputReader } from './inputs.ts';
import { type LoadedFile, loadFile } from './load.ts';
import { defaultRoots, resolveRoots, systemWords } from './roots.ts';
import { type Listing, listManifests } from './scan.ts';
import type { SecretOpener } from './secrets/opener.ts';
import { createStatCache, type StatCache } from './stat-cache.ts';

export interface DirectoryOptions {
  readonly directory: string;
  /** What manifests may point at; by default see `defaultRoots`. */
  readonly roots?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Where digests of large files outlive the process: a base image is hashed once, not at every start. */
  readonly digestFile?: string;
  readonly secrets?: SecretOpener;
}

export interface DirectoryReader {
  /** `known` are objects read before: a reference to one holds while a broken file may hide it. */
  read(known?: ReadonlySet<KeyString>): Promise<Snapshot>;
}

/** Reads a directory again and again; what did not change since costs its stats only. */
export function createDirectoryReader(options: DirectoryOptions): DirectoryReader {
  const { directory, now, digestFile, secrets } = options;
  const files = createStatCache<LoadedFile>(now);
  const digests = digestFile === undefined ? undefined : createDigestFile(digestFile);
  let inputs: InputReader | undefined;
  const readOnce = async (known: ReadonlySet<KeyString>): Promise<Snapshot> => {
    inputs ??= createInputReader(now, await digests?.load());
    try {
      const roots = await resolveRoots(options.roots ?? defaultRoots(directory));
      const loaded = await loadStable(directory, roots, files);
      return await assemble(loaded, {
        origin: directory,
        now,
        roots,
        inputs,
        known,
        ...(secrets && { secrets }),
      });
    } catch (error) {
      return unreadable(options, systemWords(error));
    } finally {
      files.sweep();
      inputs.sweep();
      secrets?.sweep();
      await digests?.save(inputs.digests());
    }
  };
  return { read: (known = new Set()) => readOnce(known) };
}

/** One reading without memory. */
export const readDirectory = (options: DirectoryOptions): Promise<Snapshot> =>
  createDirectoryReader(options).read();

const unreadable = ({ directory, now }: DirectoryOptions, why: string): Snapshot => ({
  objects: new Map(),
  problems: [],
  complete: false,
  rootError: `the manifests directory ${directory} cannot be read: ${why}`,
  origin: directory,
  takenAtMs: now(),
});

const MAX_ATTEMPTS = 3;

/** Half of the files from before a change and half from after it were never meant: then all are read again. */
async function loadStable(
  directory: string,
  roots: readonly string[],
  cache: StatCache<LoadedFile>,
): Promise<LoadedFile> {
  let listing = await listManifests(directory, roots);
  for (let attempt = 1; ; attempt += 1) {
    const loaded = await loadAll(listing, cache);
    const after = await listManifests(directory, roots);
    if (after.fingerprint === listing.fingerprint || attempt === MAX_ATTEMPTS) return loaded;
    listing = after;
  }
}

export async function loadAll(
  { files, problems }: Listing,
  cache: StatCache<LoadedFile>,
): Promise<LoadedFile> {
  const loaded: LoadedFile[] = [];
  for (const { path, stats } of files) loaded.push(await cache.get(path, stats, () => loadFile(path)));
  return combine([...loaded, { objects: [], claims: [], problems, hidesObjects: problems.length > 0 }]);
}
