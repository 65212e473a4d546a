import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { type HostContainer, stopBehindItsBack } from './podman-host.ts';
import { openSite, type Site } from './site.ts';
import { conditionOf, isStable, untilStable } from './status.ts';
import { until } from './until.ts';

describe('what somebody does behind our back', () => {
  let site: Site;
  let foreign: string;
  beforeAll(async () => {
    site = openSite();
    foreign = `${site.namespace}-foreign`;
    await ensureBusybox(site.host);
    await site.host.podman('network', 'create', foreign);
    for (const [name, policy] of [
      ['corrects', 'Correct'],
      ['reports', 'Report'],
    ] as const)
      site.write(
        `${name}.yaml`,
        agentText({ name, namespace: site.namespace, more: `driftPolicy: ${policy}` }),
      );
    site.start();
    await untilStable(site, 2);
  });
  afterAll(async () => {
    await site?.cleanUp();
    await site?.host.podman('network', 'rm', '--force', foreign);
  });

  const container = async (agent: string): Promise<HostContainer> => {
    const all = await site.host.containers(site.namespace);
    const found = all.find(({ Config }) => Config.Labels['rookery.dev/name'] === agent);
    if (!found) throw new Error(`${agent} has no container`);
    return found;
  };
  const networks = async (agent: string): Promise<string[]> => {
    const { Id } = await container(agent);
    const { NetworkSettings } = await site.host.api<{ NetworkSettings: { Networks: object } }>(
      `/containers/${Id}/json`,
    );
    return Object.keys(NetworkSettings.Networks).sort();
  };
  const synced = async (agent: string) => conditionOf(await site.status(agent), 'Synced');
  const healthy = async (agent: string): Promise<boolean> => isStable(await site.status(agent));

  test('a rename and a network are put right, in the same container', async () => {
    const { Id, Name } = await container('corrects');
    await site.host.podman('rename', Id, `${site.namespace}-somebody`);
    await until('it has its name again', async () => (await container('corrects')).Name === Name);
    await site.host.podman('network', 'connect', foreign, Id);
    const own = [`${site.namespace}.default`];
    await until(
      'it is on its own network alone',
      async () => String(await networks('corrects')) === String(own),
    );
    await site.host.podman('network', 'disconnect', '--force', own[0] ?? '', Id);
    await until(
      'it is on its own network again',
      async () => String(await networks('corrects')) === String(own),
    );
    await until('all is well', () => healthy('corrects'));
    expect((await container('corrects')).Id).toBe(Id);
    const { stdout } = await site.rookery('describe', 'agent', 'corrects');
    expect(stdout).toMatch(/is not on network|is on network .*-foreign, which its manifest does not name/);
  });

  test('with driftPolicy Report it is told and left, until somebody puts it right', async () => {
    const { Id, Name } = await container('reports');
    const other = `${site.namespace}-kept`;
    await site.host.podman('rename', Id, other);
    await until('it is told', async () => (await synced('reports'))?.reason === 'DriftDetected');
    await site.host.podman('network', 'connect', foreign, Id);
    // The others are looked after meanwhile: so it is not merely late.
    await site.host.podman('rename', (await container('corrects')).Id, `${site.namespace}-again`);
    await until('the other is put right', async () =>
      (await container('corrects')).Name.includes('.corrects-'),
    );
    expect((await container('reports')).Name).toBe(other);
    expect(await networks('reports')).toContain(foreign);
    expect(await site.status('reports')).toMatchObject({ phase: 'Healthy', ready: true });
    await site.host.podman('rename', Id, Name);
    await site.host.podman('network', 'disconnect', foreign, Id);
    await until('it is as it should be', async () => (await synced('reports'))?.status === 'True');
  });

  test.each(['corrects', 'reports'])(
    '%s: what is stopped, killed, paused or removed serves again',
    async (agent) => {
      const revision = (await site.status(agent)).currentRevision;
      const before = (await container(agent)).Id;
      const acts = {
        stop: () => stopBehindItsBack(site.host, before),
        kill: () => site.host.podman('kill', before),
        pause: () => site.host.podman('pause', before),
      };
      for (const [name, act] of Object.entries(acts)) {
        const { StartedAt } = (await container(agent)).State;
        await act();
        await until(`it is started again after ${name}`, async () => {
          const { State, Id } = await container(agent);
          return (
            Id === before &&
            State.Status === 'running' &&
            State.StartedAt !== StartedAt &&
            (await healthy(agent))
          );
        });
      }
      await site.host.podman('rm', '--force', '--time', '0', before);
      await until('it is made again', async () => {
        const { State, Id } = await container(agent).catch(() => ({ State: { Status: '' }, Id: before }));
        return Id !== before && State.Status === 'running' && (await healthy(agent));
      });
      expect((await site.status(agent)).currentRevision).toBe(revision);
    },
  );

  test('a suspension keeps hands off, and ends by itself', async () => {
    const { Id } = await container('corrects');
    const forSeconds = 12;
    const askedAtMs = Date.now();
    const { stdout } = await site.rookery(
      'suspend',
      'corrects',
      '--for',
      `${forSeconds}s`,
      '--reason',
      'a look',
    );
    expect(stdout).toContain('corrects');
    await site.host.podman('kill', Id);
    const { phase, message } = await until('the end is noticed', async () => {
      const status = await site.status('corrects');
      return status.replicas === 0 && status;
    });
    expect(phase).toBe('Suspended');
    expect(message).toMatch(/suspended by a person until .*Z \(a look\)/);
    await until('it runs again', async () => (await container('corrects')).State.Status === 'running');
    expect(Date.now() - askedAtMs).toBeGreaterThanOrEqual(forSeconds * 1_000);
    await until('all is well', () => healthy('corrects'));
    expect((await container('corrects')).Id).toBe(Id);
  });
});
