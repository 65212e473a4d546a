import { describe, expect, test } from 'vitest';
import { kinds, type Manifest } from '../src/api/kinds.ts';
import { referencesOf } from '../src/state/references.ts';

const manifest = (kind: Manifest['kind'], spec: object): Manifest =>
  kinds[kind].schema.parse({
    apiVersion: 'rookery.dev/v1alpha1',
    kind,
    metadata: { name: 'web', namespace: 'ns' },
    spec,
  });

/** `Kind/name at.the.field`, and `[key] at.its.field` after it. */
function told(kind: Manifest['kind'], spec: object): string[] {
  return referencesOf(manifest(kind, spec)).map(({ kind: of, name, path, key }) => {
    const ofKey = key ? ` [${key.name}] ${key.path.join('.')}` : '';
    return `${of}/${name} ${path.join('.')}${ofKey}`;
  });
}
const agent = (spec: object): string[] => told('Agent', { image: 'localhost/web:1', ...spec });

describe('what a manifest names', () => {
  test.each<[string, object, string[]]>([
    ['nothing', {}, []],
    ['a pod group', { podGroup: 'core' }, ['PodGroup/core spec.podGroup']],
    [
      'networks, but not the one that every namespace has',
      { networks: ['default', 'edge'] },
      ['Network/edge spec.networks.1'],
    ],
    [
      'other agents, but not itself',
      { dependsOn: [{ name: 'web' }, { name: 'base' }] },
      ['Agent/base spec.dependsOn.1.name'],
    ],
    [
      'an agent called like that network',
      { dependsOn: [{ name: 'default' }] },
      ['Agent/default spec.dependsOn.0.name'],
    ],
    [
      'volumes',
      {
        volumes: [
          { name: 'a', volume: { claimName: 'default' } },
          { name: 'b', configMap: { name: 'settings' } },
          { name: 'c', secret: { secretName: 'tokens' } },
          { name: 'd', emptyDir: {} },
        ],
      },
      [
        'Volume/default spec.volumes.0.volume.claimName',
        'ConfigMap/settings spec.volumes.1.configMap.name',
        'Secret/tokens spec.volumes.2.secret.secretName',
      ],
    ],
    [
      'single keys of a volume',
      {
        volumes: [
          {
            name: 'b',
            configMap: {
              name: 'settings',
              items: [
                { key: 'a', path: 'a' },
                { key: 'b', path: 'b' },
              ],
            },
          },
          { name: 'c', secret: { secretName: 'tokens', items: [{ key: 't', path: 't' }] } },
          { name: 'd', configMap: { name: 'whole', items: [] } },
        ],
      },
      [
        'ConfigMap/settings spec.volumes.0.configMap.name [a] spec.volumes.0.configMap.items.0.key',
        'ConfigMap/settings spec.volumes.0.configMap.name [b] spec.volumes.0.configMap.items.1.key',
        'Secret/tokens spec.volumes.1.secret.secretName [t] spec.volumes.1.secret.items.0.key',
        'ConfigMap/whole spec.volumes.2.configMap.name',
      ],
    ],
    [
      'keys for the environment, but none that may be absent',
      {
        env: [
          { name: 'PLAIN', value: 'x' },
          { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'a' } } },
          { name: 'B', valueFrom: { secretKeyRef: { name: 'tokens', key: 'b' } } },
          { name: 'C', valueFrom: { secretKeyRef: { name: 'maybe', key: 'c', optional: true } } },
        ],
      },
      [
        'ConfigMap/settings spec.env.1.valueFrom.configMapKeyRef.name [a] spec.env.1.valueFrom.configMapKeyRef.key',
        'Secret/tokens spec.env.2.valueFrom.secretKeyRef.name [b] spec.env.2.valueFrom.secretKeyRef.key',
      ],
    ],
    [
      'whole ConfigMaps and Secrets, but none that may be absent',
      {
        envFrom: [
          { configMapRef: { name: 'settings' } },
          { secretRef: { name: 'tokens' } },
          { configMapRef: { name: 'maybe', optional: true } },
          { secretRef: { name: 'maybe', optional: true } },
        ],
      },
      ['ConfigMap/settings spec.envFrom.0.configMapRef.name', 'Secret/tokens spec.envFrom.1.secretRef.name'],
    ],
  ])('%s', (_, spec, expected) => expect(agent(spec)).toEqual(expected));

  test('as a pod group: its networks', () => {
    expect(told('PodGroup', { networks: ['default', 'edge'] })).toEqual(['Network/edge spec.networks.1']);
  });

  test('as any other kind: nothing', () => expect(told('Volume', {})).toEqual([]));
});
