import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSYBOX } from '../contract/busybox.ts';
import { freePort } from '../fakes/ports.ts';
import { agentText, ensureBusybox, SERVES } from './busybox-agents.ts';
import { openSite, type Site } from './site.ts';
import { conditionOf, isStable, untilStable } from './status.ts';
import { until } from './until.ts';

const VERSIONS = 4;

describe('the way back', () => {
  let site: Site;
  let context: string;
  const containerfile = (version: string): void =>
    writeFileSync(join(context, 'Containerfile'), `FROM ${BUSYBOX}\nENV VERSION=${version}\n`);
  const text = (more = ''): string =>
    agentText({ name: 'twin', namespace: site.namespace, more: `build: {context: ${context}}\n${more}` })
      .replace(`  image: ${BUSYBOX}\n`, '')
      .replace('imagePullPolicy: Never', 'imagePullPolicy: IfNotPresent');
  /** Ids of the images that this agent's builds left. */
  const built = async (): Promise<readonly string[]> => {
    const labels = `label=rookery.dev/namespace=${site.namespace}`;
    const ids = await site.host.podman('images', '--quiet', '--no-trunc', '--filter', labels);
    return [...new Set(ids.split('\n').filter(Boolean))].map((id) => id.replace(/^sha256:/, ''));
  };
  /** The names of ours, without those of other sites on this Podman. */
  const kept = async (): Promise<readonly string[]> => {
    const names = await site.host.podman('images', '--format', '{{.Repository}}:{{.Tag}}');
    const ids = await built();
    return names
      .split('\n')
      .filter((name) => name.includes('/rookery/kept-') && ids.some((id) => name.endsWith(`:${id}`)));
  };
  /** Of the container that runs. */
  const servingImage = async (): Promise<string> => {
    const filters = ['--filter', `label=rookery.dev/namespace=${site.namespace}`];
    return (await site.host.podman('ps', '--no-trunc', '--format', '{{.ImageID}}', ...filters)).trim();
  };

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    context = join(site.dir, 'context');
    mkdirSync(context);
    containerfile('1');
    site.write('twin.yaml', text());
    site.start();
    await untilStable(site, 1);
  });
  afterAll(() => site?.cleanUp());

  test('has a name of ours, and images that no kept revision needs are collected', async () => {
    for (let version = 2; version <= VERSIONS; version += 1) {
      const { currentRevision } = await site.status('twin');
      containerfile(String(version));
      site.write('twin.yaml', `${text()}# ${version}\n`);
      await until(`version ${version} is stable`, async () => {
        const status = await site.status('twin');
        return status.currentRevision !== currentRevision && isStable(status);
      });
    }
    await until('two images are left', async () => (await built()).length === 2);
    expect((await site.status('twin')).revisions).toHaveLength(VERSIONS);
    const tags = await until('both are named', async () => {
      const names = await kept();
      return names.length === 2 && names;
    });
    expect(tags.map((name) => name.split(':').at(-1) ?? '').sort()).toEqual([...(await built())].sort());
    expect(await built()).toContain(await servingImage());
    expect(await site.host.podman('images', '--quiet', BUSYBOX)).not.toBe('');
  });

  test('that a person pruned is told of before the update touches anything', async () => {
    const wayBack = await servingImage();
    containerfile('watched');
    site.write(
      'twin.yaml',
      text('env: [{name: V, value: "1"}]').replace('monitorSeconds: 1', 'monitorSeconds: 300'),
    );
    await until('it is watched', async () => (await site.status('twin')).phase === 'Monitoring');
    await site.host.podman(
      'container',
      'prune',
      '--force',
      '--filter',
      `label=rookery.dev/namespace=${site.namespace}`,
    );
    await site.host.podman('rmi', '--force', wayBack);
    site.write('twin.yaml', text('env: [{name: V, value: "2"}]'));
    await until('the update is through', async () => isStable(await site.status('twin')));
    const events = (await site.rookery('events')).stdout;
    expect(events).toMatch(/RollbackUnavailable.*no way back if this fails/);
    const told = events.indexOf('RollbackUnavailable');
    expect(told).toBeLessThan(events.indexOf('starting revision', told));
    expect(conditionOf(await site.status('twin'), 'Synced')?.status).toBe('True');
  });

  // Of root's Podman it once took 160 s: see `letGoOfPorts`.
  test('does not wait for the port of a start that was refused', async () => {
    const ports = `ports: [{name: http, containerPort: 8080, hostPort: ${await freePort()}}]`;
    const { namespace } = site;
    site.write('door.yaml', agentText({ name: 'door', namespace, script: SERVES, more: ports }));
    await until('it serves', async () => isStable(await site.status('door')));
    site.edit('door.yaml', '/bin/sh', '/nothing');
    await until('the revision before serves again', async () => {
      const { phase, ready } = await site.status('door');
      return phase === 'RolledBack' && ready;
    });
  });
});
