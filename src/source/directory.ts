import { dirname } from 'node:path';
import { type KeyString, keyString } from '../api/key.ts';
import type { DesiredObject, ManifestProblem, Position, Snapshot } from '../state/desired.ts';
import { checkCycles } from './cycles.ts';
import { createInputReader, type InputReader } from './inputs.ts';
import { type LoadedFile, type LoadedObject, loadFile } from './load.ts';
import { problemAt } from './problem.ts';
import { checkReferences, claimedTwice } from './references.ts';
import { defaultRoots, resolveRoots, systemWords } from './roots.ts';
import { type Listing, listManifests } from './scan.ts';
import { createStatCache, type StatCache } from './stat-cache.ts';
import { positionAt } from './text.ts';

export interface DirectoryOptions {
  readonly directory: string;
  /** What manifests may point at; by default see `defaultRoots`. */
  readonly roots?: readonly string[];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export interface DirectoryReader {
  /** `known` are objects read before: a reference to one holds while a broken file may hide it. */
  read(known?: ReadonlySet<KeyString>): Promise<Snapshot>;
}

/** Reads a directory again and again; what did not change since costs its stats only. */
export function createDirectoryReader(options: DirectoryOptions): DirectoryReader {
  const files = createStatCache<LoadedFile>(options.now);
  const inputs = createInputReader(options.now);
  const read = async (known: ReadonlySet<KeyString> = new Set()): Promise<Snapshot> => {
    try {
      const roots = await resolveRoots(options.roots ?? defaultRoots(options.directory));
      const loaded = await loadStable(options.directory, roots, files);
      return await assemble(loaded, { ...options, roots, inputs, known });
    } catch (error) {
      return unreadable(options, systemWords(error));
    } finally {
      files.sweep();
      inputs.sweep();
    }
  };
  return { read };
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

async function loadAll({ files, problems }: Listing, cache: StatCache<LoadedFile>): Promise<LoadedFile> {
  const loaded: LoadedFile[] = [];
  for (const { path, stats } of files) loaded.push(await cache.get(path, stats, () => loadFile(path)));
  return combine([...loaded, { objects: [], claims: [], problems, hidesObjects: problems.length > 0 }]);
}

const combine = (files: readonly LoadedFile[]): LoadedFile => ({
  objects: files.flatMap((file) => file.objects),
  claims: files.flatMap((file) => file.claims),
  problems: files.flatMap((file) => file.problems),
  hidesObjects: files.some((file) => file.hidesObjects),
});

interface AssembleContext {
  readonly directory: string;
  readonly roots: readonly string[];
  readonly inputs: InputReader;
  readonly known: ReadonlySet<KeyString>;
  readonly now: () => number;
}

/** Everything that is right on its own is now looked at together with the rest. */
async function assemble(loaded: LoadedFile, context: AssembleContext): Promise<Snapshot> {
  const claimed = new Set(loaded.claims.map(({ key }) => keyString(key)));
  const isKnown = (key: KeyString): boolean =>
    claimed.has(key) || (loaded.hidesObjects && context.known.has(key));
  const twice = checkNames(loaded);
  const doubled = new Set(twice.map(({ key }) => key && keyString(key)));
  const single = loaded.objects.filter(({ object }) => !doubled.has(keyString(object.key)));
  const together = [...checkReferences(single, isKnown), ...checkCycles(single)];
  const resolved = await resolveAll(single, context);
  const problems = [...loaded.problems, ...twice, ...together, ...resolved.problems];
  const faulty = new Set(problems.flatMap(({ key }) => (key ? [keyString(key)] : [])));
  const good = resolved.objects.filter(({ key }) => !faulty.has(keyString(key)));
  return {
    objects: new Map(good.map((object) => [keyString(object.key), object])),
    problems,
    complete: !loaded.hidesObjects,
    origin: context.directory,
    takenAtMs: context.now(),
  };
}

/** Identity is the name: in two places, neither can be told to be the right one. */
function checkNames({ claims }: LoadedFile): ManifestProblem[] {
  const places = new Map<KeyString, typeof claims>();
  for (const claim of claims) {
    const key = keyString(claim.key);
    places.set(key, [...(places.get(key) ?? []), claim]);
  }
  return [...places.values()]
    .filter((same) => same.length > 1)
    .flatMap((same) =>
      same.map((claim) => {
        const others = same.filter((other) => other !== claim);
        return claimedTwice(claim, others.map(placeOf));
      }),
    );
}

function placeOf({ document }: { readonly document: LoadedObject['document'] }): string {
  const { file, line }: Position = positionAt(document.source, document.root.span.start);
  return `${file}:${line}`;
}

async function resolveAll(
  loaded: readonly LoadedObject[],
  { inputs, roots }: AssembleContext,
): Promise<{ objects: DesiredObject[]; problems: ManifestProblem[] }> {
  const objects: DesiredObject[] = [];
  const problems: ManifestProblem[] = [];
  for (const { object, document } of loaded) {
    const from = dirname(object.position.file);
    const result = await inputs.read({ manifest: object.manifest, from, roots });
    objects.push({ ...object, inputs: result.inputs });
    for (const finding of result.findings)
      problems.push(problemAt(document, { ...finding, key: object.key }));
  }
  return { objects, problems };
}
