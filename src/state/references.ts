import type { Agent } from '../api/agent.ts';
import type { Kind, Manifest } from '../api/kinds.ts';
import { DEFAULT_NETWORK } from './resolve-network.ts';

/** A field that names another object of the same namespace. */
export interface Reference {
  readonly kind: Kind;
  readonly name: string;
  readonly path: readonly PropertyKey[];
  /** A key of the ConfigMap or Secret. */
  readonly key?: { readonly name: string; readonly path: readonly PropertyKey[] };
}

const named = (kind: Kind, name: string | undefined, path: readonly PropertyKey[]): Reference[] =>
  name === undefined || (kind === 'Network' && name === DEFAULT_NETWORK)
    ? []
    : [{ kind, name, path: ['spec', ...path] }];

/** What it cannot do without, each with the field that says so. */
export function referencesOf(manifest: Manifest): Reference[] {
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
