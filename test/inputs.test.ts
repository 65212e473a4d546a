import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, truncateSync, utimesSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { baseImages } from '../src/source/containerfile.ts';
import { createDirectoryReader } from '../src/source/directory.ts';
import { defaultRoots } from '../src/source/roots.ts';
import { agentYaml, createManifestTree, type ManifestTree } from './fakes/manifest-tree.ts';

let tree: ManifestTree;
beforeEach(() => {
  tree = createManifestTree();
});
afterEach(() => tree.dispose());

const reader = () => createDirectoryReader({ directory: tree.manifests, now: Date.now });
const inputsOfA = async (source = reader()) => {
  const snapshot = await source.read();
  expect(snapshot.problems).toEqual([]);
  return snapshot.objects.get('Agent/default/a')?.inputs;
};
const problems = async () =>
  (await reader().read()).problems.map(({ reason, message }) =>
    `${reason} ${message}`.replaceAll(tree.top, 'TOP'),
  );

const hostPath = (path: string, more = '', readOnly = true) =>
  agentYaml(
    'a',
    `  volumes: [{name: v, hostPath: {path: "${path}"${more}}}]\n  volumeMounts: [{name: v, mountPath: /v, readOnly: ${readOnly}}]`,
  );

describe('a build context', () => {
  const digest = async (source = reader()) => (await inputsOfA(source))?.digests['../images/a'];
  beforeEach(() => {
    tree.write('manifests/a.yaml', agentYaml('a', '  build: {context: ../images/a}'));
    tree.write('images/a/Containerfile', 'ARG TAG=1\nFROM base:$TAG AS one\nFROM one\nFROM scratch\n');
    tree.write('images/a/src/main.py', 'print(1)');
  });

  test('is known by its real path, its contents and the images it is FROM', async () => {
    const inputs = await inputsOfA();
    expect(inputs?.paths).toEqual({ '../images/a': tree.path('images/a') });
    expect(inputs?.digests['../images/a']).toMatch(/^[0-9a-f]{64}$/);
    expect(inputs?.baseImages).toEqual(['base:1']);
  });

  test.each([
    ['a file changes', () => tree.write('images/a/src/main.py', 'print(2)')],
    ['a file appears', () => tree.write('images/a/new', '')],
    ['a file goes', () => tree.remove('images/a/src/main.py')],
    ['a mode changes', () => chmodSync(tree.path('images/a/src/main.py'), 0o755)],
    ['a link appears', () => symlinkSync('/etc', tree.path('images/a/link'))],
    [
      'the Containerfile changes although it is ignored',
      () => tree.write('images/a/Containerfile', 'FROM x'),
    ],
  ])('differs when %s', async (_what, change) => {
    tree.write('images/a/.containerignore', 'Containerfile\n');
    const source = reader();
    const before = await digest(source);
    change();
    expect(await digest(source)).not.toBe(before);
  });

  test.each([
    ['times change', () => utimesSync(tree.path('images/a/src/main.py'), 1, 1)],
    ['an ignored file changes', () => tree.write('images/a/cache/x.pyc', 'new')],
    ['the same bytes are written again', () => tree.write('images/a/src/main.py', 'print(1)')],
  ])('is the same when %s', async (_what, change) => {
    tree.write('images/a/.dockerignore', '**/*.pyc\n');
    tree.write('images/a/cache/x.pyc', 'old');
    const source = reader();
    const before = await digest(source);
    change();
    expect(await digest(source)).toBe(before);
  });

  test.each([
    ['outside the roots', '../../../etc', 'PathNotAllowed spec.build.context: "../../../etc" leads to'],
    [
      'through a link',
      '../images/link',
      'PathNotAllowed spec.build.context: "../images/link" leads to /etc (by TOP/images/link), outside the allowed roots (TOP)',
    ],
    [
      'missing',
      '../images/none',
      'Unreadable spec.build.context: "../images/none" cannot be read: it does not exist',
    ],
    [
      'without a Containerfile',
      '../manifests',
      'Unreadable spec.build.context: "../manifests" cannot be read: there is no file "Containerfile" in TOP/manifests',
    ],
  ])('%s is a problem of that object', async (_what, context, message) => {
    symlinkSync('/etc', tree.path('images/link'));
    tree.write('manifests/a.yaml', agentYaml('a', `  build: {context: ${context}}`));
    tree.write('manifests/b.yaml', agentYaml('b'));
    expect(await problems()).toEqual([expect.stringContaining(message)]);
  });

  test('beyond the bound is a problem, before it is read', async () => {
    truncateSync(tree.write('images/a/huge', ''), 2 ** 31);
    expect(await problems()).toEqual([expect.stringContaining('holds more than 1024 MB; leave files out')]);
  });

  test('a containerfile may not leave its context', async () => {
    tree.write(
      'manifests/a.yaml',
      agentYaml('a', '  build: {context: ../images/a, containerfile: ../../manifests/a.yaml}'),
    );
    expect(await problems()).toEqual([expect.stringContaining('must lie within the build context')]);
  });
});

describe('a host path', () => {
  test.each([
    ['data', 'File', 'it is a directory, and its type says File'],
    ['file', 'Directory', 'it is no directory, and its type says Directory'],
    ['file', 'DirectoryOrCreate', 'it is no directory, and its type says DirectoryOrCreate'],
    ['file', 'File', undefined],
    ['data', 'Directory', undefined],
  ])('%s of type %s', async (path, type, refusal) => {
    tree.write('data/x', '');
    tree.write('file', '');
    tree.write('manifests/a.yaml', hostPath(`../${path}`, `, type: ${type}`));
    const said = `Unreadable spec.volumes[0].hostPath.path: "../${path}" cannot be read: ${refusal}`;
    expect(await problems()).toEqual(refusal === undefined ? [] : [said]);
  });

  test('of a file or a small directory that is only read counts with its contents', async () => {
    for (const [path, file] of [
      ['../config/a.conf', 'config/a.conf'],
      ['../config', 'config/b.conf'],
    ] as const) {
      tree.write(file, 'one');
      tree.write('manifests/a.yaml', hostPath(path));
      const source = reader();
      const before = (await inputsOfA(source))?.digests[path];
      expect(before).toMatch(/^[0-9a-f]{64}$/);
      tree.write(file, 'two');
      expect((await inputsOfA(source))?.digests[path]).not.toBe(before);
    }
  });

  test('that the container writes, or that is large, counts by its path alone', async () => {
    tree.write('data/db', 'x');
    tree.write('manifests/a.yaml', hostPath('../data', '', false));
    expect(await inputsOfA()).toEqual({
      paths: { '../data': tree.path('data') },
      digests: {},
      baseImages: [],
    });
    tree.write('manifests/a.yaml', hostPath('../data'));
    truncateSync(tree.path('data/db'), 11 * 2 ** 20);
    expect((await inputsOfA())?.digests).toEqual({});
  });

  test('may be missing only when it is to be made, and then too must lie within the roots', async () => {
    tree.write('manifests/a.yaml', hostPath('../new/dir', ', type: DirectoryOrCreate'));
    expect((await inputsOfA())?.paths).toEqual({ '../new/dir': tree.path('new/dir') });
    tree.write('manifests/a.yaml', hostPath('../new/dir'));
    expect(await problems()).toEqual([expect.stringContaining('it does not exist')]);
    symlinkSync('/tmp', tree.path('out'));
    tree.write('manifests/a.yaml', hostPath('../out/dir', ', type: DirectoryOrCreate'));
    expect(await problems()).toEqual([expect.stringContaining('PathNotAllowed')]);
    tree.write('manifests/a.yaml', hostPath('/etc/shadow'));
    expect(await problems()).toEqual([expect.stringContaining('allow more with --root')]);
  });
});

test('the tar of a root file system counts with its contents', async () => {
  const yaml =
    'apiVersion: rookery.dev/v1alpha1\nkind: Image\nmetadata: {name: base}\nspec: {tag: x, rootfs: {tar: ../base.tar}}';
  tree.write('manifests/base.yaml', yaml);
  const source = reader();
  const digest = async () =>
    (await source.read()).objects.get('Image/default/base')?.inputs.digests['../base.tar'];
  expect(await digest()).toBeUndefined();
  tree.write('base.tar', 'one');
  const before = await digest();
  tree.write('base.tar', 'two');
  expect(await digest()).not.toBe(before);
});

test('the roots are the git work tree, else the parent of the manifests', () => {
  expect(defaultRoots(tree.manifests)).toEqual([tree.top]);
  tree.remove('.git');
  expect(defaultRoots(tree.manifests)).toEqual([tree.top]);
  expect(defaultRoots(tree.path('manifests/deep'))).toEqual([tree.manifests]);
});

test.each([
  ['FROM a\nFROM a\nFROM b AS c\nFROM C', {}, ['a', 'b']],
  ['# FROM x\nFROM --platform=linux/amd64 \\\n  a:1 as B\nFROM b\n', {}, ['a:1']],
  ['ARG V=1\nARG I="img:${V}"\nFROM ${I}\nARG V=9', {}, ['img:1']],
  ['ARG V=1\nFROM img:${V:-2}', { V: '3' }, ['img:3']],
  ['ARG V\nFROM img:${V:-2}', {}, ['img:2']],
  ['ARG V=1\nFROM a:$V\nARG V=2\nFROM b:$V', {}, ['a:1', 'b:1']],
  ['FROM scratch\nCOPY FROM x', {}, []],
])('FROM: %j', (text, args, expected) => {
  expect(baseImages(text, args)).toEqual(expected);
});

describe('what is no ordinary file is refused, and holds nothing up', () => {
  const pipe = (path: string): void => void execFileSync('mkfifo', [tree.path(path)]);

  test.each(['Containerfile', '.containerignore'])('a pipe as %s', async (name) => {
    tree.write('manifests/a.yaml', agentYaml('a', '  build: {context: ../images/a}'));
    tree.write('images/a/src', '');
    if (name !== 'Containerfile') tree.write('images/a/Containerfile', 'FROM x');
    pipe(`images/a/${name}`);
    expect(await problems()).toEqual([
      `Unreadable spec.build.context: "../images/a" cannot be read: ${name} is not an ordinary file`,
    ]);
  });

  test('a pipe as a root file system', async () => {
    const spec = 'spec: {tag: t, rootfs: {tar: r.tar}}';
    tree.write(
      'manifests/a.yaml',
      `apiVersion: rookery.dev/v1alpha1\nkind: Image\nmetadata: {name: a}\n${spec}`,
    );
    pipe('manifests/r.tar');
    expect(await problems()).toEqual([
      'Unreadable spec.rootfs.tar: "r.tar" cannot be read: r.tar is not an ordinary file',
    ]);
  });
});
