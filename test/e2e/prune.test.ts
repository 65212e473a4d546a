import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';

const NAMES = ['one', 'two', 'three', 'four', 'five', 'six'];
const GUARD_MS = 10_000;

describe('a manifest that is gone', () => {
  let site: Site;

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    for (const name of NAMES) site.write(`${name}.yaml`, manifest(site.namespace, name));
    site.start();
    await untilStable(site, NAMES.length);
  });
  afterAll(() => site?.cleanUp());

  const agents = async (): Promise<string[]> =>
    (await site.host.containers(site.namespace))
      .map(({ Config }) => Config.Labels['rookery.dev/name'] ?? '')
      .sort();
  const volumes = async (): Promise<string[]> =>
    (await site.host.podman('volume', 'ls', '--quiet'))
      .split('\n')
      .filter((name) => name.startsWith(site.namespace));
  const ids = async (): Promise<string[]> =>
    (await site.host.containers(site.namespace)).map(({ Id }) => Id).sort();
  /** What the controller thinks of its manifests now; looked at twice so that a mere delay does not pass for it. */
  const problems = async (): Promise<readonly string[]> =>
    (await site.get<{ problems: string[] }>('/apis/rookery.dev/v1alpha1/convergence')).problems;

  test('takes its agent with it after two looks, and leaves the volume', async () => {
    const removedAtMs = Date.now();
    site.remove('six.yaml');
    await until('the agent is gone', async () => !(await agents()).includes('six'));
    expect(Date.now() - removedAtMs).toBeGreaterThanOrEqual(GUARD_MS);
    expect(await agents()).toEqual(NAMES.filter((name) => name !== 'six').sort());
    expect(await volumes()).toContain(`${site.namespace}.six`);
    await until(
      'nobody speaks of it',
      async () => !(await site.rookery('get', 'agents')).stdout.includes('six'),
    );
  });

  test('freezes everything when it was the whole directory, and nothing dies', async () => {
    const before = await ids();
    renameSync(site.manifests, `${site.manifests}.away`);
    onTestFailed(() => {
      if (!existsSync(site.manifests)) renameSync(`${site.manifests}.away`, site.manifests);
    });
    const [problem] = await until('it is told', async () => {
      const found = await problems();
      return found.some((text) => text.startsWith('frozen')) && found;
    });
    expect(problem).toContain(site.manifests);
    const [first] = await site.host.containers(site.namespace);
    process.kill(first?.State.Pid ?? 0, 'SIGKILL');
    await until('a crashed agent restarts all the same', async () =>
      (await site.host.containers(site.namespace)).every(
        ({ State }) => State.Status === 'running' && State.Pid !== first?.State.Pid,
      ),
    );
    expect(await ids()).toEqual(before);
    renameSync(`${site.manifests}.away`, site.manifests);
    await until('it goes on', async () => (await problems()).length === 0);
    expect(await ids()).toEqual(before);
  });

  test('removes nothing when all are gone at once', async () => {
    const before = await ids();
    const files = readdirSync(site.manifests);
    const away = join(site.dir, 'away');
    mkdirSync(away);
    for (const file of files) renameSync(join(site.manifests, file), join(away, file));
    await until('it is told', async () =>
      (await problems()).some((text) => text.includes('no manifest left')),
    );
    expect(await ids()).toEqual(before);
    for (const file of files) renameSync(join(away, file), join(site.manifests, file));
    await until('all is well again', async () => (await problems()).length === 0);
    expect(await ids()).toEqual(before);
  });

  test('asks before it removes too many, and obeys', async () => {
    const before = await ids();
    for (const name of NAMES.slice(0, 4)) site.remove(`${name}.yaml`);
    await until('it asks', async () => (await problems()).some((text) => text.startsWith('PruneBlocked')));
    expect(await ids()).toEqual(before);
    const asked = await site.rookery('apply', '--timeout', '20s');
    expect(asked.exitCode).toBe(1);
    expect(asked.stderr).toContain('rookery apply --approve-prune');
    expect(await site.rookery('apply', '--approve-prune', '--timeout', '40s')).toMatchObject({ exitCode: 0 });
    expect(await agents()).toEqual(['five']);
    expect((await volumes()).sort()).toEqual(NAMES.map((name) => `${site.namespace}.${name}`).sort());
  });
});

const manifest = (namespace: string, name: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Volume
metadata: {name: ${name}, namespace: ${namespace}}
---
${agentText({
  name,
  namespace,
  more: `volumes: [{name: v, volume: {claimName: ${name}}}]\nvolumeMounts: [{name: v, mountPath: /v}]`,
})}`;
