import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createDirectoryReader } from '../src/source/directory.ts';
import { createManifestTree, type ManifestTree } from './fakes/manifest-tree.ts';

let tree: ManifestTree;
beforeEach(() => {
  tree = createManifestTree();
  tree.write('base.tar', new Uint8Array(2 ** 20 + 1));
  const base = 'apiVersion: rookery.dev/v1alpha1\nkind: Image\nmetadata: {name: base}\n';
  tree.write('manifests/base.yaml', `${base}spec: {tag: "localhost/base:1", rootfs: {tar: ../base.tar}}\n`);
});
afterEach(() => tree.dispose());

/** A process later: a file as young as its digest is not remembered. */
const digest = async (): Promise<string | undefined> => {
  const now = (): number => Date.now() + 60_000;
  const options = { directory: tree.manifests, now, digestFile: tree.path('digests.json') };
  const snapshot = await createDirectoryReader(options).read();
  return snapshot.objects.get('Image/default/base')?.inputs.digests['../base.tar'];
};

const plantDigest = (): string => {
  const planted = 'a'.repeat(64);
  const text = readFileSync(tree.path('digests.json'), 'utf8');
  writeFileSync(tree.path('digests.json'), text.replace(/[0-9a-f]{64}/, planted));
  return planted;
};

test('the digest of a large file is made once, and taken from the disk by the next process', async () => {
  const made = await digest();
  expect(made).toMatch(/^[0-9a-f]{64}$/);
  const planted = plantDigest();
  expect(await digest()).toBe(planted);
});

test('a file that was touched is read again, whatever the disk says', async () => {
  const made = await digest();
  plantDigest();
  utimesSync(tree.path('base.tar'), 1, 1);
  expect(await digest()).toBe(made);
});

test('a damaged file of digests costs time, not truth', async () => {
  const made = await digest();
  for (const damage of ['', '{', '[[1,2]]', '[["x",{"value":"no"}]]', 'null']) {
    writeFileSync(tree.path('digests.json'), damage);
    expect(await digest()).toBe(made);
  }
});
