import { dirname } from 'node:path';
import { type KeyString, keyString } from '../api/key.ts';
import type { DesiredObject, ManifestProblem, Position, Snapshot } from '../state/desired.ts';
import { checkCycles } from './cycles.ts';
import type { InputReader, SettleMount } from './inputs.ts';
import type { ClaimedName, LoadedFile, LoadedObject } from './load.ts';
import { problemAt } from './problem.ts';
import { checkExclusive } from './exclusive.ts';
import { checkReferences, claimedTwice } from './references.ts';
import type { SecretOpener } from './secrets/opener.ts';
import { positionAt } from './text.ts';

export const combine = (files: readonly LoadedFile[]): LoadedFile => ({
  objects: files.flatMap((file) => file.objects),
  claims: files.flatMap((file) => file.claims),
  problems: files.flatMap((file) => file.problems),
  hidesObjects: files.some((file) => file.hidesObjects),
});

export interface AssembleContext {
  /** A human word for what was read. */
  readonly origin: string;
  /** Real paths, see `resolveRoots`. */
  readonly roots: readonly string[];
  readonly inputs: InputReader;
  /** Objects read before: a reference to one holds while something that could not be read may hide it. */
  readonly known: ReadonlySet<KeyString>;
  readonly now: () => number;
  /** Where what a container mounts lies for good; absent where that is its own place. */
  readonly settle?: SettleMount;
  /** Absent where nobody needs to know what is in a Secret. */
  readonly secrets?: SecretOpener;
}

/** Everything that is right on its own is now looked at together with the rest. */
export async function assemble(loaded: LoadedFile, context: AssembleContext): Promise<Snapshot> {
  const claimed = new Set(loaded.claims.map(({ key }) => keyString(key)));
  const isKnown = (key: KeyString): boolean =>
    claimed.has(key) || (loaded.hidesObjects && context.known.has(key));
  const twice = checkNames(loaded);
  const doubled = new Set(twice.map(({ key }) => key && keyString(key)));
  const single = loaded.objects.filter(({ object }) => !doubled.has(keyString(object.key)));
  const together = [...checkReferences(single, isKnown), ...checkExclusive(single), ...checkCycles(single)];
  const resolved = await resolveAll(single, context);
  const problems = [...loaded.problems, ...twice, ...together, ...resolved.problems];
  const faulty = new Set(problems.flatMap(({ key }) => (key ? [keyString(key)] : [])));
  const good = resolved.objects.filter(({ key }) => !faulty.has(keyString(key)));
  return {
    objects: new Map(good.map((object) => [keyString(object.key), object])),
    problems,
    complete: !loaded.hidesObjects,
    origin: context.origin,
    takenAtMs: context.now(),
  };
}

/** Of the other places of a name: all of them at each of them would be their square. */
const MOST_PLACES = 3;

/** Identity is the name: in two places, neither can be told to be the right one. */
function checkNames({ claims }: LoadedFile): ManifestProblem[] {
  const places = new Map<KeyString, ClaimedName[]>();
  for (const claim of claims) {
    const key = keyString(claim.key);
    const same = places.get(key);
    if (same) same.push(claim);
    else places.set(key, [claim]);
  }
  return [...places.values()]
    .filter((same) => same.length > 1)
    .flatMap((same) => {
      const first = same.slice(0, MOST_PLACES + 1);
      return same.map((claim) => {
        const others = first.filter((other) => other !== claim).slice(0, MOST_PLACES);
        return claimedTwice(claim, { others: others.map(placeOf), count: same.length - 1 });
      });
    });
}

function placeOf({ document }: { readonly document: LoadedObject['document'] }): string {
  const { file, line }: Position = positionAt(document.source, document.root.span.start);
  return `${file}:${line}`;
}

async function resolveAll(
  loaded: readonly LoadedObject[],
  { inputs, roots, settle, secrets }: AssembleContext,
): Promise<{ objects: DesiredObject[]; problems: ManifestProblem[] }> {
  const objects: DesiredObject[] = [];
  const problems: ManifestProblem[] = [];
  for (const { object, document } of loaded) {
    const from = dirname(object.position.file);
    const result = await inputs.read({ manifest: object.manifest, from, roots, ...(settle && { settle }) });
    const opened = (await secrets?.open(object.manifest)) ?? { manifest: object.manifest, findings: [] };
    objects.push({ ...object, manifest: opened.manifest, inputs: result.inputs });
    for (const finding of [...result.findings, ...opened.findings])
      problems.push(problemAt(document, { ...finding, key: object.key }));
  }
  return { objects, problems };
}
