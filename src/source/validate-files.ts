import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Snapshot } from '../state/desired.ts';
import { assemble, combine } from './assemble.ts';
import { createInputReader } from './inputs.ts';
import { type LoadedFile, loadFile } from './load.ts';
import { defaultRoots, resolveRoots } from './roots.ts';
import { listManifests } from './scan.ts';

export interface ValidateOptions {
  /** What manifests may point at; by default what each path allows by itself, see `defaultRoots`. */
  readonly roots?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** Reads files and directories once, together, with no Podman and no controller: objects, and every problem. */
export async function validateFiles(paths: readonly string[], options: ValidateOptions): Promise<Snapshot> {
  const loaded: LoadedFile[] = [];
  const allowed = new Set(options.roots ?? []);
  for (const path of paths) {
    const directory = (await isDirectory(path)) ? path : dirname(path);
    if (!options.roots) for (const root of defaultRoots(directory)) allowed.add(root);
    const roots = await resolveRoots([...allowed]);
    loaded.push(directory === path ? await loadTree(path, roots) : await loadFile(path));
  }
  const inputs = createInputReader(options.now);
  const roots = await resolveRoots([...allowed]);
  const origin = paths.join(', ');
  return assemble(combine(loaded), { origin, roots, inputs, known: new Set(), now: options.now });
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );

async function loadTree(directory: string, roots: readonly string[]): Promise<LoadedFile> {
  const { files, problems } = await listManifests(directory, roots);
  const loaded: LoadedFile[] = [];
  for (const { path } of files) loaded.push(await loadFile(path));
  return combine([...loaded, { objects: [], claims: [], problems, hidesObjects: problems.length > 0 }]);
}
