import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGitRepository, type GitRepository } from '../fakes/git-repository.ts';
import { agentText, ensureBusybox, WAITS } from './busybox-agents.ts';
import { openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';

const GROUP = '/apis/rookery.dev/v1alpha1';
const EXTRA = ['one', 'two', 'three', 'four'];
let site: Site;
let repository: GitRepository;

beforeAll(async () => {
  site = openSite({ env: { ROOKERY_MANIFESTS: '' } });
  await ensureBusybox(site.host);
  repository = createGitRepository();
  repository.push({
    'volume.yaml': volume(),
    'keeper.yaml': keeper(),
    ...Object.fromEntries(EXTRA.map((name) => [`${name}.yaml`, simple(name)])),
    'rest.yaml': simple('rest'),
  });
  site.start('--git', repository.remote, '--interval', '1h');
  await untilStable(site, EXTRA.length + 2);
});
afterAll(async () => {
  await site?.cleanUp();
  repository?.dispose();
});

const volume = (): string =>
  `apiVersion: rookery.dev/v1alpha1\nkind: Volume\nmetadata: {name: data, namespace: ${site.namespace}}\nspec: {retention: Delete}\n`;
const simple = (name: string): string => agentText({ name, namespace: site.namespace, script: WAITS });
const keeper = (): string =>
  agentText({
    name: 'keeper',
    namespace: site.namespace,
    script: WAITS,
    more: 'volumes: [{name: v, volume: {claimName: data}}]\nvolumeMounts: [{name: v, mountPath: /v}]',
  });
const container = async (): Promise<string> =>
  (await site.host.containers(site.namespace)).find(
    ({ Config, State }) => Config.Labels['rookery.dev/name'] === 'keeper' && State.Status === 'running',
  )?.Id ?? '';
const inKeeper = async (script: string): Promise<string> =>
  site.host.podman('exec', await container(), 'sh', '-c', script);
const blocked = async (): Promise<readonly string[]> =>
  (await site.get<{ pruneBlocked?: { objects: string[] } }>(`${GROUP}/convergence`)).pruneBlocked?.objects ??
  [];

test('a removal that waits is agreed to in a commit, and what its volume held is put back', async () => {
  await inKeeper(
    'mkdir -m 750 /v/deep && echo precious > /v/deep/file && chmod 640 /v/deep/file && ln -s deep/file /v/link',
  );
  const look = 'cd /v; find . | sort | while read f; do stat -c "%n %a %u:%g" $f; done; cat link';
  const before = await inKeeper(look);
  const gone = Object.fromEntries(['volume', 'keeper', ...EXTRA].map((name) => [`${name}.yaml`, undefined]));
  repository.push(gone);
  await site.rookery('sync');
  expect(await blocked()).toHaveLength(6);
  const { exitCode, stdout, stderr } = await site.rookery('prune', 'list');
  expect(exitCode).toBe(2);
  expect(stdout).toContain(`Agent/${site.namespace}/keeper`);
  const trailer = /--trailer "(.*)"/.exec(stderr)?.[1] ?? '';
  repository.push({}, '--trailer', trailer);
  await site.rookery('sync');
  await until('all of it is gone', async () => (await site.host.containers(site.namespace)).length === 1);
  await until(
    'the volume too',
    async () => !(await site.host.podman('volume', 'ls', '--quiet')).includes(`${site.namespace}.data`),
  );

  expect((await site.rookery('volume', 'exports')).stdout).toContain(`${site.namespace}/data`);
  expect((await site.rookery('volume', 'restore', 'data')).stderr).toContain('not found');
  repository.push({ 'volume.yaml': volume() });
  await site.rookery('sync');
  await until('the volume is back', async () =>
    (await site.host.podman('volume', 'ls', '--quiet')).includes(`${site.namespace}.data`),
  );
  await until('it is put back', async () => {
    const restored = await site.rookery('volume', 'restore', 'data');
    return restored.exitCode === 0 && restored.stdout.includes('holds what it held at');
  });
  repository.push({ 'keeper.yaml': keeper() });
  await site.rookery('sync');
  await until('its agent is back', async () => (await container()) !== '');
  expect(await inKeeper(look)).toBe(before);
  expect(before).toContain('precious');

  const busy = await site.rookery('volume', 'restore', 'data');
  expect([busy.exitCode, busy.stderr]).toEqual([
    1,
    expect.stringContaining('restore before its agents are there'),
  ]);
});

test('one may agree by name on the command line', async () => {
  repository.push(Object.fromEntries(EXTRA.map((name) => [`${name}.yaml`, simple(name)])));
  await site.rookery('sync');
  await untilStable(site, EXTRA.length + 2);
  repository.push(Object.fromEntries(EXTRA.map((name) => [`${name}.yaml`, undefined])));
  await site.rookery('sync');
  expect(await blocked()).toHaveLength(4);
  expect((await site.rookery('prune', 'approve', 'agent/four', 'agent/three')).exitCode).toBe(0);
  // Of what is left so few remain that nobody has to be asked.
  await until('they are gone', async () => (await site.host.containers(site.namespace)).length === 2);
  expect(await site.rookery('prune', 'list')).toMatchObject({
    exitCode: 0,
    stdout: 'nothing waits for consent\n',
  });
});
