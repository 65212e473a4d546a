import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSYBOX } from '../contract/busybox.ts';
import { freePort } from '../fakes/ports.ts';
import { agentText, ensureBusybox, SERVES, WAITS } from './busybox-agents.ts';
import type { HostContainer } from './podman-host.ts';
import { openSite, type Site } from './site.ts';
import { isStable, untilStable } from './status.ts';
import { until } from './until.ts';

const GET = ['timeout', '5', 'wget', '-q', '-O', '-', 'http://localhost:8080/'];

describe('two agents in a pod group', () => {
  let site: Site;
  let port: number;

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    const { namespace } = site;
    port = await freePort();
    const member = 'podGroup: duo';
    const probe = 'readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}';
    site.write('group.yaml', groupText(namespace, port));
    site.write(
      'web.yaml',
      agentText({ name: 'web', namespace, script: SERVES, more: `${member}\n${probe}` }),
    );
    site.write(
      'client.yaml',
      agentText({
        name: 'client',
        namespace,
        script: WAITS,
        more: `${member}\nenv: [{name: A, value: "1"}]`,
      }),
    );
    site.start();
    await untilStable(site, 2);
  });
  afterAll(() => site?.cleanUp());

  const member = async (name: string): Promise<HostContainer> => {
    const found = (await site.host.containers(site.namespace)).find(
      ({ Config, State }) => Config.Labels['rookery.dev/name'] === name && State.Status === 'running',
    );
    if (!found) throw new Error(`${name} does not run`);
    return found;
  };
  const fromClient = async (): Promise<string> =>
    site.host.podman('exec', (await member('client')).Id, ...GET);
  const fromHost = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
  const podName = async (): Promise<string> => {
    const names = (await site.host.podman('pod', 'ps', '--format', '{{.Name}}')).split('\n');
    return names.filter((name) => name.startsWith(`${site.namespace}.duo-`)).join();
  };
  const infraPid = async (): Promise<number> => {
    const pods = await site.host.api<{ Name: string; InfraId: string }[]>('/pods/json');
    const pod = pods.find(({ Name }) => Name.startsWith(`${site.namespace}.duo-`));
    return (await site.host.api<HostContainer>(`/containers/${pod?.InfraId ?? 'none'}/json`)).State.Pid;
  };

  test('share one pod: they meet on localhost, and the host on its port', async () => {
    expect(await fromClient()).toContain('hello');
    expect(await fromHost()).toContain('hello');
    const pods = (await site.host.podman('pod', 'ps', '--format', '{{.Name}}')).split('\n');
    expect(pods.filter((name) => name.startsWith(site.namespace))).toHaveLength(1);
    expect((await site.rookery('get', 'podgroups')).stdout).toMatch(/^duo +Ready /m);
  });

  test('change one by one', async () => {
    const [web, client, infra] = [await member('web'), await member('client'), await infraPid()];
    site.edit('client.yaml', 'value: "1"', 'value: "2"');
    await until('the client is a new one', async () => {
      const now = await member('client');
      return now.Id !== client.Id && isStable(await site.status('client'));
    });
    expect(await member('web')).toMatchObject({ Id: web.Id, State: { StartedAt: web.State.StartedAt } });
    expect(await infraPid()).toBe(infra);
    expect(await fromClient()).toContain('hello');
  });

  test('are put into a new pod when the old one lost its network', async () => {
    const before = await infraPid();
    process.kill(before, 'SIGKILL');
    await until('there is another infra container', async () => {
      const now = await infraPid();
      return now !== 0 && now !== before;
    });
    await untilStable(site, 2);
    expect(await until('they meet again', fromClient)).toContain('hello');
    expect(await until('the host meets them again', fromHost)).toContain('hello');
    await until(
      'nothing is left of the old pod',
      async () => (await site.host.containers(site.namespace)).length === 2,
    );
  });

  test('are deleted with their group, but not what a person put into its pod', async () => {
    const { host, namespace } = site;
    const pod = await podName();
    const guest = `${namespace}-guest`;
    await host.podman('run', '--detach', '--name', guest, '--pod', pod, BUSYBOX, 'sh', '-c', WAITS);
    site.write('other.yaml', agentText({ name: 'other', namespace }));
    await untilStable(site, 3);
    for (const file of ['web.yaml', 'client.yaml', 'group.yaml']) site.remove(file);
    await until('the pod waits for the guest', async () =>
      (await site.rookery('events')).stdout.includes(`goes once container ${guest}, which is not ours`),
    );
    expect(await host.podman('inspect', '--format', '{{.State.Status}}', guest)).toBe('running');
    expect(await podName()).toBe(pod);
    await host.podman('rm', '--force', '--time', '1', guest);
    await until('the pod goes after it', async () => (await podName()) === '');
  });
});

const groupText = (namespace: string, port: number): string => `
apiVersion: rookery.dev/v1alpha1
kind: PodGroup
metadata: {name: duo, namespace: ${namespace}}
spec:
  ports: [{name: http, containerPort: 8080, hostPort: ${port}}]
`;
