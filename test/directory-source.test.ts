import { renameSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeyString } from '../src/api/key.ts';
import { createDirectoryReader, readDirectory } from '../src/source/directory.ts';
import { validateFiles } from '../src/source/validate-files.ts';
import { agentYaml, createManifestTree, type ManifestTree } from './fakes/manifest-tree.ts';

let tree: ManifestTree;
beforeEach(() => {
  tree = createManifestTree();
});
afterEach(() => tree.dispose());

const read = () => readDirectory({ directory: tree.manifests, now: () => 1000 });
const names = (snapshot: { objects: ReadonlyMap<KeyString, unknown> }) => [...snapshot.objects.keys()];

describe('which files are manifests', () => {
  test('yaml, yml and json at any depth; no dotfiles and no leftovers of editors', async () => {
    tree.write('manifests/a.yaml', agentYaml('a'));
    tree.write('manifests/deep/er/b.yml', agentYaml('b'));
    tree.write('manifests/c.json', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"}}');
    for (const leftover of [
      '.a.yaml',
      'a.yaml~',
      '.a.yaml.swp',
      '#a.yaml#',
      '.#a.yaml',
      '4913',
      'README.md',
      '.git/x.yaml',
    ]) {
      tree.write(`manifests/${leftover}`, 'kind: [');
    }
    const snapshot = await read();
    expect(names(snapshot)).toEqual(['Agent/default/a', 'ConfigMap/default/c', 'Agent/default/b']);
    expect(snapshot).toMatchObject({ complete: true, problems: [], takenAtMs: 1000 });
  });

  test('a swap of links, as Kubernetes mounts config maps, is read as one state', async () => {
    tree.write('manifests/..v1/a.yaml', agentYaml('a', '  layer: 1'));
    tree.write('manifests/..v2/a.yaml', agentYaml('a', '  layer: 2'));
    symlinkSync('..v1', tree.path('manifests/..data'));
    symlinkSync('..data/a.yaml', tree.path('manifests/a.yaml'));
    const reader = createDirectoryReader({ directory: tree.manifests, now: () => 1000 });
    expect((await reader.read()).objects.get('Agent/default/a')?.manifest).toMatchObject({
      spec: { layer: 1 },
    });
    symlinkSync('..v2', tree.path('manifests/..new'));
    renameSync(tree.path('manifests/..new'), tree.path('manifests/..data'));
    expect((await reader.read()).objects.get('Agent/default/a')?.manifest).toMatchObject({
      spec: { layer: 2 },
    });
  });

  test('files that change while they are read are read again, never half of each', async () => {
    const write = (layer: number) => {
      for (const name of ['a', 'b'])
        tree.write(`manifests/${name}.yaml`, agentYaml(name, `  layer: ${layer}`));
    };
    write(1);
    let asked = 0;
    // The clock is asked once for each file: at the second one the first has been read.
    const now = (): number => {
      asked += 1;
      if (asked === 2) write(3);
      return 1;
    };
    const { objects } = await readDirectory({ directory: tree.manifests, now });
    const layers = [...objects.values()].map(({ manifest }) => manifest);
    expect(layers).toMatchObject([{ spec: { layer: 3 } }, { spec: { layer: 3 } }]);
  });

  test('links are followed within the roots only, and not in circles', async () => {
    tree.write('elsewhere/a.yaml', agentYaml('a'));
    symlinkSync('../elsewhere', tree.path('manifests/link'));
    symlinkSync('..', tree.path('manifests/circle'));
    symlinkSync('/etc', tree.path('manifests/etc'));
    symlinkSync('/etc/passwd', tree.path('manifests/passwd.yaml'));
    const snapshot = await readDirectory({
      directory: tree.manifests,
      roots: [tree.path('elsewhere')],
      now: () => 1,
    });
    expect(names(snapshot)).toEqual(['Agent/default/a']);
    expect(snapshot.problems.map(({ reason, position }) => [reason, position.file])).toEqual([
      ['PathNotAllowed', tree.path('manifests/circle')],
      ['PathNotAllowed', tree.path('manifests/etc')],
      ['PathNotAllowed', tree.path('manifests/passwd.yaml')],
    ]);
    expect(snapshot.complete).toBe(false);
  });
});

describe('a bad file never speaks for the others, and makes absences worthless', () => {
  test.each([
    ['broken YAML', () => tree.write('manifests/bad.yaml', 'kind: ['), 'InvalidManifest'],
    ['an unknown kind', () => tree.write('manifests/bad.yaml', 'kind: Agnet'), 'InvalidManifest'],
    ['an object without a name', () => tree.write('manifests/bad.yaml', 'kind: Agent\n'), 'InvalidManifest'],
    ['50 MB', () => truncateSync(tree.write('manifests/bad.yaml', ''), 50 * 2 ** 20), 'FileTooLarge'],
    ['no UTF-8', () => tree.write('manifests/bad.yaml', Uint8Array.of(0xff, 0xfe, 0x41)), 'Unreadable'],
    [
      'a link that leads nowhere',
      () => symlinkSync('nowhere', tree.path('manifests/bad.yaml')),
      'Unreadable',
    ],
  ])('%s', async (_what, spoil, reason) => {
    tree.write('manifests/good.yaml', agentYaml('good'));
    spoil();
    const snapshot = await read();
    expect(names(snapshot)).toEqual(['Agent/default/good']);
    expect(snapshot.problems[0]).toMatchObject({
      reason,
      position: { file: tree.path('manifests/bad.yaml'), line: 1 },
    });
    expect(snapshot.complete).toBe(false);
  });

  test('a document that is wrong but says whose it is leaves the snapshot complete', async () => {
    tree.write('manifests/a.yaml', `${agentYaml('a')}---\n${agentYaml('b', '  layer: x')}`);
    const snapshot = await read();
    expect(names(snapshot)).toEqual(['Agent/default/a']);
    expect(snapshot.problems).toMatchObject([{ key: { kind: 'Agent', namespace: 'default', name: 'b' } }]);
    expect(snapshot.complete).toBe(true);
  });

  test('a missing root is told apart from an empty one', async () => {
    expect(await read()).toMatchObject({ complete: true, objects: new Map() });
    rmSync(tree.manifests, { recursive: true });
    const snapshot = await read();
    expect(snapshot.rootError).toContain('does not exist');
    expect(snapshot.complete).toBe(false);
    tree.write('manifests', 'a file');
    expect((await read()).rootError).toContain('not a directory');
  });
});

describe('objects together', () => {
  test('one name in two places: neither counts, each names the other place', async () => {
    tree.write('manifests/a.yaml', agentYaml('twin'));
    tree.write('manifests/b.yaml', `# comment\n${agentYaml('twin', '  layer: 9')}`);
    tree.write('manifests/c.yaml', agentYaml('c', '  dependsOn: [{name: twin}]'));
    const snapshot = await read();
    expect(names(snapshot)).toEqual(['Agent/default/c']);
    const doubles = snapshot.problems.filter(({ reason }) => reason === 'DuplicateName');
    expect(doubles.map(({ message }) => message)).toEqual([
      `Agent "twin" in namespace "default" is also declared at ${tree.path('manifests/b.yaml')}:2`,
      `Agent "twin" in namespace "default" is also declared at ${tree.path('manifests/a.yaml')}:1`,
    ]);
  });

  test('one name in many places: each names a few of the others', async () => {
    tree.write('manifests/a.yaml', `${agentYaml('twin')}---\n`.repeat(300));
    const { problems } = await read();
    expect(problems).toHaveLength(300);
    const file = tree.path('manifests/a.yaml');
    expect(problems[299]?.message).toContain(
      `is also declared at ${file}:1 and ${file}:8 and ${file}:15 and 296 more`,
    );
  });

  test('names that lead nowhere, each at its place', async () => {
    const spec = [
      '  dependsOn: [{name: logger}]',
      '  networks: [default, front]',
      '  env:',
      '    - {name: A, valueFrom: {configMapKeyRef: {name: settings, key: levl}}}',
      '    - {name: B, valueFrom: {secretKeyRef: {name: none, key: x, optional: true}}}',
      '  envFrom: [{secretRef: {name: api}}]',
      '  volumes: [{name: d, volume: {claimName: data}}, {name: s, secret: {secretName: api}}]',
    ];
    tree.write('manifests/a.yaml', agentYaml('a', spec.join('\n')));
    tree.write('manifests/b.yaml', agentYaml('loger', '  podGroup: group'));
    tree.write(
      'manifests/c.yaml',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: x}\n',
    );
    tree.write('manifests/d.yaml', 'apiVersion: v1\nkind: Secret\nmetadata: {name: api, namespace: other}\n');
    const snapshot = await read();
    expect(names(snapshot)).toEqual(['ConfigMap/default/settings', 'Secret/other/api']);
    expect(snapshot.problems.map(({ message, suggestion }) => [message, suggestion])).toEqual([
      ['spec.dependsOn[0].name: there is no Agent "logger" in namespace "default"', 'loger'],
      ['spec.networks[1]: there is no Network "front" in namespace "default"', undefined],
      ['spec.volumes[0].volume.claimName: there is no Volume "data" in namespace "default"', undefined],
      [
        'spec.volumes[1].secret.secretName: there is no Secret "api" in namespace "default"; the one in "other" is out of reach',
        undefined,
      ],
      ['spec.env[0].valueFrom.configMapKeyRef.key: the ConfigMap "settings" has no key "levl"', 'level'],
      [
        'spec.envFrom[0].secretRef.name: there is no Secret "api" in namespace "default"; the one in "other" is out of reach',
        undefined,
      ],
      ['spec.podGroup: there is no PodGroup "group" in namespace "default"', undefined],
    ]);
    expect(snapshot.complete).toBe(true);
  });

  test('a name that a broken file may hide still holds when it was known', async () => {
    tree.write('manifests/a.yaml', agentYaml('a', '  dependsOn: [{name: b}]'));
    tree.write('manifests/b.yaml', 'kind: [');
    const reader = createDirectoryReader({ directory: tree.manifests, now: () => 1 });
    expect(names(await reader.read(new Set(['Agent/default/b'])))).toEqual(['Agent/default/a']);
    expect(names(await reader.read())).toEqual([]);
  });

  test.each([
    ['itself', { a: ['a'] }, ['a'], 'dependency cycle: a depends on itself'],
    [
      'three',
      { a: ['b'], b: ['c'], c: ['a'], d: ['a'] },
      ['a', 'b', 'c'],
      'dependency cycle: a depends on b, b depends on c, c depends on a',
    ],
    [
      'two circles',
      { a: ['b'], b: ['a'], c: ['d'], d: ['c', 'a'] },
      ['a', 'b', 'c', 'd'],
      'dependency cycle: a depends on b, b depends on a',
    ],
    ['none', { a: ['b', 'c'], b: ['c'], c: [] }, [], undefined],
  ])('a cycle: %s', async (_what, edges: Record<string, string[]>, members, message) => {
    for (const [name, targets] of Object.entries(edges)) {
      const list = targets.map((target) => `{name: ${target}}`).join(', ');
      tree.write(`manifests/${name}.yaml`, agentYaml(name, `  dependsOn: [${list}]`));
    }
    const { problems, objects } = await read();
    expect(problems.map(({ key }) => key?.name ?? '').sort()).toEqual(members);
    expect(problems[0]?.message).toBe(message);
    expect(objects.size).toBe(Object.keys(edges).length - members.length);
  });

  test('a cycle through layers: a lower layer may not need a higher one', async () => {
    tree.write('manifests/low.yaml', agentYaml('low', '  layer: 0\n  dependsOn: [{name: high}]'));
    tree.write('manifests/high.yaml', agentYaml('high', '  layer: 2'));
    const { problems } = await read();
    expect(problems.map(({ message, position }) => `${position.line}:${position.column} ${message}`)).toEqual(
      [
        '6:10 dependency cycle: high (layer 2) waits for low (layer 0), low depends on high',
        '7:22 dependency cycle: low depends on high, high (layer 2) waits for low (layer 0)',
      ],
    );
    tree.write('manifests/high.yaml', agentYaml('high', '  layer: 2\n  required: false'));
    expect((await read()).problems).toEqual([]);
  });
});

test('an unchanged directory of 60 files is read in no time, and a changed one is seen', async () => {
  for (let index = 0; index < 60; index += 1) tree.write(`manifests/a${index}.yaml`, agentYaml(`a${index}`));
  const reader = createDirectoryReader({ directory: tree.manifests, now: () => 1 });
  const first = await reader.read();
  const startedAtMs = performance.now();
  const second = await reader.read();
  expect(performance.now() - startedAtMs).toBeLessThan(100);
  expect(second.objects.get('Agent/default/a7')?.manifest).toBe(
    first.objects.get('Agent/default/a7')?.manifest,
  );
  tree.write('manifests/a7.yaml', agentYaml('a7', '  layer: 3'));
  const third = await reader.read();
  expect(third.objects.get('Agent/default/a7')?.specHash).not.toBe(
    first.objects.get('Agent/default/a7')?.specHash,
  );
  expect(third.objects.get('Agent/default/a8')?.specHash).toBe(
    first.objects.get('Agent/default/a8')?.specHash,
  );
});

test('files and directories are validated together, offline', async () => {
  tree.write('manifests/a.yaml', agentYaml('a', '  networks: [front]'));
  const file = tree.write(
    'more/net.yaml',
    'apiVersion: rookery.dev/v1alpha1\nkind: Network\nmetadata: {name: front}\n',
  );
  const both = await validateFiles([tree.manifests, file], { now: () => 1 });
  expect(names(both)).toEqual(['Agent/default/a', 'Network/default/front']);
  const one = await validateFiles([tree.path('manifests/a.yaml'), tree.path('none.yaml')], { now: () => 1 });
  expect(one.problems.map(({ reason }) => reason)).toEqual(['Unreadable', 'UnknownReference']);
});
