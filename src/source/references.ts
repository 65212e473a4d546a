import type { Agent } from '../api/agent.ts';
import { type KeyString, keyString, type ObjectKey } from '../api/key.ts';
import type { Kind, Manifest } from '../api/kinds.ts';
import type { ManifestProblem } from '../state/desired.ts';
import type { LoadedObject } from './load.ts';
import { pathText } from './messages.ts';
import type { FieldPath } from './nodes.ts';
import { problemAt } from './problem.ts';
import { nearest } from './suggest.ts';

/** A field that names another object of the same namespace. */
interface Reference {
  readonly kind: Kind;
  readonly name: string;
  readonly path: FieldPath;
  /** A key of the ConfigMap or Secret. */
  readonly key?: { readonly name: string; readonly path: FieldPath };
}

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

/** Every namespace has this one, declared or not. */
const IMPLICIT_NETWORK = 'default';

const named = (kind: Kind, name: string | undefined, path: FieldPath): Reference[] =>
  name === undefined || (kind === 'Network' && name === IMPLICIT_NETWORK)
    ? []
    : [{ kind, name, path: ['spec', ...path] }];

function referencesOf(manifest: Manifest): Reference[] {
  if (manifest.kind === 'PodGroup') {
    return manifest.spec.networks.flatMap((name, index) => named('Network', name, ['networks', index]));
  }
  if (manifest.kind !== 'Agent') return [];
  const { spec, metadata } = manifest;
  return [
    // An agent that names itself is a cycle, told as such.
    ...spec.dependsOn.flatMap(({ name }, index) =>
      name === metadata.name ? [] : named('Agent', name, ['dependsOn', index, 'name']),
    ),
    ...named('PodGroup', spec.podGroup, ['podGroup']),
    ...spec.networks.flatMap((name, index) => named('Network', name, ['networks', index])),
    ...volumeReferences(spec.volumes),
    ...environmentReferences(spec),
  ];
}

function volumeReferences(volumes: Agent['spec']['volumes']): Reference[] {
  return volumes.flatMap(({ volume, configMap, secret }, index) => [
    ...named('Volume', volume?.claimName, ['volumes', index, 'volume', 'claimName']),
    ...withItems(
      configMap?.items,
      named('ConfigMap', configMap?.name, ['volumes', index, 'configMap', 'name']),
    ),
    ...withItems(
      secret?.items,
      named('Secret', secret?.secretName, ['volumes', index, 'secret', 'secretName']),
    ),
  ]);
}

/** One reference for each item, so that each of its keys is looked for. */
function withItems(items: readonly { key: string }[] | undefined, references: Reference[]): Reference[] {
  const [reference] = references;
  if (!reference || !items) return references;
  const above = reference.path.slice(0, -1);
  const keyed = items.map((item, index) => ({
    ...reference,
    key: { name: item.key, path: [...above, 'items', index, 'key'] },
  }));
  return keyed.length > 0 ? keyed : references;
}

function environmentReferences({ env, envFrom }: Agent['spec']): Reference[] {
  const single = env.flatMap(({ valueFrom }, index) =>
    (
      [
        ['ConfigMap', 'configMapKeyRef', valueFrom?.configMapKeyRef],
        ['Secret', 'secretKeyRef', valueFrom?.secretKeyRef],
      ] as const
    ).flatMap(([kind, field, ref]): Reference[] => {
      if (!ref || ref.optional) return [];
      const path = ['spec', 'env', index, 'valueFrom', field];
      return [
        { kind, name: ref.name, path: [...path, 'name'], key: { name: ref.key, path: [...path, 'key'] } },
      ];
    }),
  );
  const whole = envFrom.flatMap(({ configMapRef, secretRef }, index) => [
    ...(configMapRef?.optional
      ? []
      : named('ConfigMap', configMapRef?.name, ['envFrom', index, 'configMapRef', 'name'])),
    ...(secretRef?.optional ? [] : named('Secret', secretRef?.name, ['envFrom', index, 'secretRef', 'name'])),
  ]);
  return [...single, ...whole];
}

export const claimedTwice = (
  { key, document }: { readonly key: ObjectKey; readonly document: LoadedObject['document'] },
  { others, count }: { readonly others: readonly string[]; readonly count: number },
): ManifestProblem => {
  const more = count > others.length ? ` and ${count - others.length} more` : '';
  const message = `${key.kind} "${key.name}" in namespace "${key.namespace}" is also declared at ${others.join(' and ')}${more}`;
  return problemAt(document, { reason: 'DuplicateName', message, path: ['metadata', 'name'], key });
};
