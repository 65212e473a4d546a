import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Manifest } from '../api/kinds.ts';
import type { ManifestProblem } from '../state/desired.ts';
import { type Reference, referencesOf } from '../state/references.ts';
import type { LoadedObject } from './load.ts';
import { pathText } from './messages.ts';
import { problemAt } from './problem.ts';
import { nearest } from './suggest.ts';

/** Names that lead nowhere; `isKnown` also tells of objects that are there but could not be read well. */
export function checkReferences(
  loaded: readonly LoadedObject[],
  isKnown: (key: KeyString) => boolean,
): ManifestProblem[] {
  const manifests = new Map(loaded.map(({ object }) => [keyString(object.key), object.manifest]));
  return loaded.flatMap((referrer) =>
    referencesOf(referrer.object.manifest).flatMap((reference) => {
      const { kind, name } = reference;
      const target = keyString({ kind, namespace: referrer.object.key.namespace, name });
      const manifest = manifests.get(target);
      if (manifest) return missingKey(referrer, reference, manifest);
      return isKnown(target) ? [] : [unknownName(referrer, reference, [...manifests.values()])];
    }),
  );
}

/** More agents than one host runs. */
const MOST_COMPARED = 500;

function unknownName(
  { object, document }: LoadedObject,
  { kind, name, path }: Reference,
  all: readonly Manifest[],
): ManifestProblem {
  const { namespace } = object.key;
  const ofKind = all.filter((manifest) => manifest.kind === kind).map((manifest) => manifest.metadata);
  const siblings = ofKind.filter((metadata) => metadata.namespace === namespace);
  const elsewhere = ofKind.find((metadata) => metadata.name === name);
  const hint = elsewhere ? `; the one in "${elsewhere.namespace}" is out of reach` : '';
  const message = `${pathText(path)}: there is no ${kind} "${name}" in namespace "${namespace}"${hint}`;
  const names = siblings.map((metadata) => metadata.name).filter((other) => other !== object.key.name);
  // Comparing every unknown name of thousands with every known one would take minutes.
  const suggestion = names.length > MOST_COMPARED ? undefined : nearest(name, names);
  return problemAt(document, { reason: 'UnknownReference', message, path, key: object.key, suggestion });
}

function missingKey(referrer: LoadedObject, reference: Reference, target: Manifest): ManifestProblem[] {
  const { key, kind, name } = reference;
  const keys = keysOf(target);
  if (!key || !keys || keys.includes(key.name)) return [];
  return [
    problemAt(referrer.document, {
      reason: 'UnknownReference',
      message: `${pathText(key.path)}: the ${kind} "${name}" has no key "${key.name}"`,
      path: key.path,
      key: referrer.object.key,
      suggestion: nearest(key.name, keys),
    }),
  ];
}

function keysOf(manifest: Manifest): string[] | undefined {
  if (manifest.kind === 'ConfigMap') return Object.keys({ ...manifest.data, ...manifest.binaryData });
  if (manifest.kind === 'Secret')
    return Object.keys({ ...manifest.data, ...manifest.stringData, ...manifest.encryptedData });
  return undefined;
}

export const claimedTwice = (
  { key, document }: { readonly key: ObjectKey; readonly document: LoadedObject['document'] },
  { others, count }: { readonly others: readonly string[]; readonly count: number },
): ManifestProblem => {
  const more = count > others.length ? ` and ${count - others.length} more` : '';
  const message = `${key.kind} "${key.name}" in namespace "${key.namespace}" is also declared at ${others.join(' and ')}${more}`;
  return problemAt(document, { reason: 'DuplicateName', message, path: ['metadata', 'name'], key });
};
