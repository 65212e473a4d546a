import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../src/api/status.ts';
import { freePort } from '../fakes/ports.ts';
import { agentText, ensureBusybox, SERVES, WAITS } from './busybox-agents.ts';
import type { HostContainer } from './podman-host.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { conditionOf, untilStable } from './status.ts';
import { until } from './until.ts';

const MEMBERS = ['web', 'client'];
/** The first two last less than a second. */
const GOES_BACK: ReadonlySet<string> = new Set(['Failing', 'RollingBack', 'RolledBack']);
const READY = 'readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}';

interface Pod {
  readonly Name: string;
  readonly Status: string;
}

/** Of a group that moves the old pod is there until they are over: long enough to be looked at on a busy machine. */
const WATCHED_SECONDS = 6;
const watched = (text: string): string =>
  text.replace('monitorSeconds: 1', `monitorSeconds: ${WATCHED_SECONDS}`);

/** Lives only where `sink` can be reached. */
const NEEDS_SINK = `timeout 5 wget -q -O - http://sink:8080/ >/dev/null || exit 7
${WAITS}`;

describe('a pod group whose pod changes', () => {
  let site: Site;
  let controller: Controller;
  let ports: number[];

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    const { namespace } = site;
    ports = [await freePort(), await freePort(), await freePort()];
    site.write('group.yaml', groupText(namespace, ports[0] ?? 0));
    site.write('other.yaml', networkText(namespace));
    site.write('sink.yaml', agentText({ name: 'sink', namespace, script: SERVES, more: READY }));
    site.write(
      'web.yaml',
      watched(agentText({ name: 'web', namespace, script: SERVES, more: `podGroup: duo\n${READY}` })),
    );
    const more = 'podGroup: duo\ndependsOn: [{name: web}, {name: sink}]';
    site.write('client.yaml', watched(agentText({ name: 'client', namespace, script: NEEDS_SINK, more })));
    controller = site.start();
    await untilStable(site, 3);
  });
  afterAll(() => site?.cleanUp());

  const pods = async (): Promise<readonly Pod[]> =>
    (await site.host.api<Pod[]>('/pods/json')).filter(({ Name }) =>
      Name.startsWith(`${site.namespace}.duo-`),
    );
  const onlyPod = async (): Promise<string> => {
    const found = await pods();
    expect(found).toHaveLength(1);
    return found[0]?.Name ?? '';
  };
  const answers = async (port: number | undefined): Promise<boolean> =>
    (await (await fetch(`http://127.0.0.1:${port}/`)).text()).includes('hello');
  /** Of the members, by what makes a container the same one: a restart has another start time. */
  const containers = async (): Promise<readonly HostContainer[]> =>
    (await site.host.containers(site.namespace)).filter(({ Config }) =>
      MEMBERS.includes(Config.Labels['rookery.dev/name'] ?? ''),
    );
  const ids = async (): Promise<string[]> => (await containers()).map(({ Id }) => Id).sort();
  const members = (): Promise<AgentStatus[]> => Promise.all(MEMBERS.map(site.status));
  const allAre = (phase: string) => async (): Promise<boolean> =>
    (await members()).every((status) => status.phase === phase && status.ready);
  const moveTo = (port: number | undefined): void =>
    site.edit('group.yaml', /hostPort: \d+/, `hostPort: ${port}`);
  const moveToWrongNetwork = (): void => site.edit('group.yaml', 'networks: []', 'networks: [other]');
  const takeBack = (): void => site.edit('group.yaml', 'networks: [other]', 'networks: []');
  const isOld = (name: string) => async (): Promise<boolean> =>
    (await pods()).some((pod) => pod.Name === name && pod.Status === 'Exited');
  const restart = async (): Promise<void> => {
    await controller.end('SIGKILL');
    controller = site.start();
  };

  test('moves as one: the old pod is kept stopped until all are stable', async () => {
    const [old, before] = [await onlyPod(), await ids()];
    moveTo(ports[1]);
    await until('the old pod is stopped', isOld(old));
    await until('both are watched', allAre('Monitoring'));
    expect(await ids()).toEqual(expect.arrayContaining(before));
    expect(await answers(ports[1])).toBe(true);
    await untilStable(site, 3);
    await until('the old pod is gone', async () => (await pods()).length === 1);
    expect(await onlyPod()).not.toBe(old);
    expect(await containers()).toHaveLength(2);
    const events = (await site.rookery('events')).stdout;
    expect(events).toMatch(/GroupMoving.*client, web/);
    expect(events).toContain('GroupStable');
  });

  test('goes back as one when a member fails there, and says so', async () => {
    const [old, before] = [await onlyPod(), await ids()];
    moveToWrongNetwork();
    await until('the members are back', allAre('RolledBack'));
    await until('the new pod is gone', async () => (await pods()).length === 1);
    expect(await ids()).toEqual(before);
    expect(await onlyPod()).toBe(old);
    expect((await containers()).every(({ State }) => State.Status === 'running')).toBe(true);
    expect(await answers(ports[1])).toBe(true);
    const [web, client] = await members();
    expect(client?.message).toContain('last exit code 7');
    expect(web).toMatchObject({
      reason: 'PodGroupFailed',
      message: expect.stringContaining('client failed'),
    });
    expect(web && conditionOf(web, 'Synced')?.status).toBe('False');
    expect((await site.rookery('get', 'podgroups')).stdout).toMatch(/^duo +RolledBack /m);
    expect((await site.rookery('events')).stdout).toMatch(/GroupRolledBack.*client failed/);
    takeBack();
    await untilStable(site, 3);
    expect(await ids()).toEqual(before);
  });

  test('goes on where it was when the controller is killed on the way there', async () => {
    const old = await onlyPod();
    moveTo(ports[2]);
    await until('the old pod is stopped', isOld(old));
    await restart();
    await untilStable(site, 3);
    await until('the old pod is gone', async () => (await pods()).length === 1);
    expect(await onlyPod()).not.toBe(old);
    expect(await answers(ports[2])).toBe(true);
    expect(await containers()).toHaveLength(2);
    expect(await site.rookery('plan')).toMatchObject({
      exitCode: 0,
      stdout: expect.not.stringContaining('pod'),
    });
  });

  test('comes back all the same when the controller is killed while it fails', async () => {
    const [old, before] = [await onlyPod(), await ids()];
    moveToWrongNetwork();
    await until('the old pod is stopped', isOld(old));
    await restart();
    await until('one of them goes back, or is back already', async () =>
      (await members()).some(({ phase }) => GOES_BACK.has(phase)),
    );
    await restart();
    await until('the members are back', allAre('RolledBack'));
    await until('the new pod is gone', async () => (await pods()).length === 1);
    expect(await onlyPod()).toBe(old);
    expect(await ids()).toEqual(before);
    expect(await answers(ports[2])).toBe(true);
  });
});

const groupText = (namespace: string, port: number): string => `
apiVersion: rookery.dev/v1alpha1
kind: PodGroup
metadata: {name: duo, namespace: ${namespace}}
spec:
  networks: []
  ports: [{name: http, containerPort: 8080, hostPort: ${port}}]
`;

const networkText = (namespace: string): string => `
apiVersion: rookery.dev/v1alpha1
kind: Network
metadata: {name: other, namespace: ${namespace}}
`;
