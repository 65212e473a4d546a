import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PodTemplate } from '../../src/state/template.ts';
import { freePort } from '../fakes/ports.ts';
import { type Bench, subjects } from './subjects.ts';

describe.each(subjects())('pods on $name', (subject) => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await subject.open();
    await bench.podman.createNetwork({
      name: bench.name('net'),
      driver: 'bridge',
      subnets: [],
      internal: false,
      dns: true,
      options: {},
      labels: bench.labels,
    });
  });
  afterAll(() => bench?.cleanUp());

  const podTemplate = (changes: Partial<PodTemplate> = {}): PodTemplate => ({
    network: { mode: 'bridge', networks: [{ name: bench.name('net'), aliases: ['group'] }] },
    ports: [],
    hostname: 'group',
    sharedNamespaces: ['net', 'ipc'],
    mounts: [],
    ...changes,
  });

  const createPod = async (suffix: string, changes?: Partial<PodTemplate>): Promise<string> => {
    const name = bench.name(suffix);
    await bench.podman.createPod(name, podTemplate(changes), bench.labels);
    return name;
  };

  const inPod = (pod: string) => ({ network: { mode: 'pod', pod } }) as const;

  test('a pod is made once, with an infra container that is not listed', async () => {
    const { podman, labels } = bench;
    const name = await createPod('pod');
    const pod = await podman.inspectPod(name);
    expect(pod).toMatchObject({
      name,
      labels,
      state: 'Created',
      infraState: 'created',
      containerIds: [],
      networks: {},
    });
    expect(pod?.infraId).toMatch(/^[0-9a-f]{64}$/);
    expect((await podman.listPods(labels)).map((each) => each.name)).toEqual([name]);
    expect(await podman.listContainers(labels)).toEqual([]);
    await expect(createPod('pod')).rejects.toMatchObject({ kind: 'NameInUse' });
    await podman.removePod(name);
    await podman.removePod(name);
    expect(await podman.inspectPod(name)).toBeUndefined();
  });

  test('the first member to start brings the pod up; without it the pod is degraded', async () => {
    const { podman } = bench;
    const name = await createPod('group');
    const member = await bench.create('member', 'server', inPod(name));
    await bench.serve(member);
    const running = await podman.inspectPod(name);
    const container = await podman.inspectContainer(member);
    expect(running).toMatchObject({ state: 'Running', infraState: 'running', containerIds: [container?.id] });
    expect(running?.infraPid).toBeGreaterThan(0);
    expect(Object.keys(running?.networks ?? {})).toEqual([bench.name('net')]);
    expect(container).toMatchObject({ podId: running?.id, networks: {}, hostNetwork: false });
    await podman.stopContainer(member, 20);
    expect((await podman.inspectPod(name))?.state).toBe('Degraded');
    await podman.removePod(name);
    expect(await podman.inspectContainer(member)).toBeUndefined();
  });

  test('a pod cannot be made on a network that is not there, and nothing stays behind', async () => {
    const network = { mode: 'bridge', networks: [{ name: bench.name('nowhere'), aliases: [] }] } as const;
    await expect(createPod('lost', { network })).rejects.toMatchObject({ kind: 'NotFound' });
    expect(await bench.podman.inspectPod(bench.name('lost'))).toBeUndefined();
  });

  test('a member needs its pod', async () => {
    const lost = bench.create('podless', 'server', inPod(bench.name('nothing')));
    await expect(lost).rejects.toMatchObject({ kind: 'NotFound' });
  });

  test('a pod gives way to one with its address and port, is kept stopped, and comes back with its member', async () => {
    const { podman } = bench;
    const [subnet] = (await podman.inspectNetwork(bench.name('net')))?.subnets ?? [];
    const ip = subnet?.cidr.replace(/0\/\d+$/, '77') ?? '';
    const network = { mode: 'bridge', networks: [{ name: bench.name('net'), ip, aliases: [] }] } as const;
    const ports = [
      { containerPort: 80, hostPort: await freePort(), hostIP: '127.0.0.1', protocol: 'tcp' },
    ] as const;
    const [old, next] = [
      await createPod('old', { network, ports }),
      await createPod('next', { network, ports }),
    ];
    const before = await bench.create('before', 'server', inPod(old));
    await bench.serve(before);
    const after = await bench.create('after', 'server', inPod(next));
    const infraOf = async (pod: string): Promise<string> => (await podman.inspectPod(pod))?.infraId ?? '';
    const swap = async (from: readonly [string, string], to: readonly [string, string]): Promise<void> => {
      await podman.stopContainer(from[1], 20);
      await podman.stopContainer(await infraOf(from[0]), 10);
      expect(await podman.inspectPod(from[0])).toMatchObject({ infraState: 'exited', networks: {} });
      await podman.startContainer(await infraOf(to[0]));
      await bench.serve(to[1]);
      expect(await podman.inspectPod(to[0])).toMatchObject({
        state: 'Running',
        networks: { [bench.name('net')]: ip },
      });
    };
    await swap([old, before], [next, after]);
    expect((await podman.inspectContainer(before))?.state).toBe('exited');
    await swap([next, after], [old, before]);
    await podman.removePod(next);
    expect((await podman.inspectContainer(before))?.state).toBe('running');
    await podman.removePod(old);
  });

  test('a pod’s published port is taken like any other', async () => {
    const { podman } = bench;
    const ports = [
      { containerPort: 80, hostPort: await freePort(), hostIP: '127.0.0.1', protocol: 'tcp' },
    ] as const;
    const first = await bench.create('first', 'server', inPod(await createPod('ports1', { ports })));
    const second = await bench.create('second', 'server', inPod(await createPod('ports2', { ports })));
    await podman.startContainer(first);
    await expect(podman.startContainer(second)).rejects.toThrow();
    expect((await podman.inspectContainer(second))?.state).not.toBe('running');
  });
});
