import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDirectoryReader } from '../src/source/directory.ts';
import { agentYaml, createManifestTree, type ManifestTree } from './fakes/manifest-tree.ts';

let tree: ManifestTree;
beforeEach(() => {
  tree = createManifestTree();
});
afterEach(() => tree.dispose());

const volume = (accessMode: string, namespace = 'default'): string =>
  `apiVersion: rookery.dev/v1alpha1\nkind: Volume\nmetadata: {name: db, namespace: ${namespace}}\nspec: {accessMode: ${accessMode}}\n`;
const user = (name: string): string => agentYaml(name, '  volumes: [{name: v, volume: {claimName: db}}]');

async function refused(): Promise<string[]> {
  const source = createDirectoryReader({ directory: tree.manifests, now: Date.now });
  const { problems, objects } = await source.read();
  expect(problems.filter(({ key }) => objects.has(`Agent/default/${key?.name}`))).toEqual([]);
  return problems.map(({ key, message }) => `${key?.name}: ${message}`);
}

test('an exclusive volume belongs to one agent: of two, neither is taken, and each names the other', async () => {
  tree.write('manifests/db.yaml', volume('Exclusive'));
  tree.write('manifests/a.yaml', user('a'));
  expect(await refused()).toEqual([]);
  tree.write('manifests/b.yaml', user('b'));
  const what = 'spec.volumes[0].volume.claimName: the Volume "db" is Exclusive and also used by';
  const advice = 'let one agent have it, or say accessMode: Shared';
  expect(await refused()).toEqual([`a: ${what} b; ${advice}`, `b: ${what} a; ${advice}`]);
});

test('a shared one belongs to whoever names it, and one of another namespace is another one', async () => {
  tree.write('manifests/db.yaml', volume('Shared'));
  tree.write('manifests/other.yaml', volume('Exclusive', 'elsewhere'));
  tree.write('manifests/a.yaml', user('a'));
  tree.write('manifests/b.yaml', user('b'));
  expect(await refused()).toEqual([]);
});

test.each([
  ['replicas: 2', 'spec.replicas: replicas 2'],
  ['rollout: {strategy: BlueGreen}', 'spec.rollout.strategy: strategy BlueGreen'],
])('an exclusive one has no two containers beside each other: %s', async (field, where) => {
  tree.write('manifests/db.yaml', volume('Exclusive'));
  tree.write('manifests/a.yaml', `${user('a')}  ${field}\n`);
  const advice = 'use strategy Recreate and one replica, or say accessMode: Shared';
  expect(await refused()).toEqual([
    `a: ${where} runs several containers side by side, and the Volume "db" is Exclusive; ${advice}`,
  ]);
});
