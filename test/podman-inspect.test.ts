import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  bareId,
  containerSummary,
  observedContainer,
  observedImage,
  observedNetwork,
  observedPod,
} from '../src/podman/observe.ts';
import type { WireContainer } from '../src/podman/wire.ts';

const recorded = (name: string): WireContainer =>
  JSON.parse(readFileSync(new URL(`fixtures/podman/${name}.json`, import.meta.url), 'utf8')) as WireContainer;

const COMMON = {
  name: 'demo.agent-3f9c21ab-1-0',
  labels: { 'rookery.dev/managed-by': 'rookery', 'rookery.dev/name': 'agent' },
  oomKilled: false,
  error: '',
  hostNetwork: false,
  ports: expect.arrayContaining([
    { containerPort: 5570, hostPort: 15570, hostIP: '127.0.0.1', protocol: 'tcp' },
    { containerPort: 53, hostPort: 15353, hostIP: '127.0.0.1', protocol: 'udp' },
  ]) as unknown,
  resources: { cpus: 1.5, cpuShares: 512, memoryBytes: 67_108_864, pids: 64 },
};

describe('what inspect tells, as recorded', () => {
  test.each([
    [
      '4.3.1',
      {
        pid: 5816,
        createdAtMs: Date.UTC(2026, 10, 24, 2, 48, 2, 578),
        startedAtMs: Date.UTC(2026, 10, 24, 2, 48, 2, 750),
        networks: { 'demo-default': '10.147.1.2' },
      },
    ],
    [
      '5.4.2',
      {
        pid: 6011,
        createdAtMs: Date.UTC(2026, 10, 24, 2, 48, 3, 892),
        startedAtMs: Date.UTC(2026, 10, 24, 2, 48, 4, 87),
        networks: { 'demo-default': '10.100.0.2' },
      },
    ],
  ])('a running container of %s', (version, own) => {
    const container = observedContainer(recorded(`container-running-${version}`));
    expect(container).toMatchObject({ ...COMMON, ...own, state: 'running', exitCode: 0, finishedAtMs: 0 });
    expect(container.annotations['rookery.dev/spec']).toBe('{}');
    expect(container.imageId).toMatch(/^[0-9a-f]{64}$/);
    expect(container).not.toHaveProperty('podId');
  });

  test.each(['4.3.1', '5.4.2'])('a killed container of %s', (version) => {
    const container = observedContainer(recorded(`container-exited-${version}`));
    expect(container).toMatchObject({ ...COMMON, state: 'exited', exitCode: 137, pid: 0, networks: {} });
    expect(container.finishedAtMs).toBeGreaterThan(container.startedAtMs);
  });

  test.each([
    ['stopped', 'exited'],
    ['configured', 'created'],
    ['removing', 'removing'],
    ['unheard-of', 'unknown'],
  ])('Podman’s %s is our %s', (Status, state) => {
    expect(observedContainer({ Id: 'a', Name: 'b', State: { Status } }).state).toBe(state);
  });

  test('null and absent are empty', () => {
    const bare = observedContainer({
      Id: 'a',
      Name: 'b',
      Config: { Labels: null },
      NetworkSettings: { Networks: null },
    });
    expect(bare).toMatchObject({
      labels: {},
      annotations: {},
      networks: {},
      ports: [],
      resources: {},
      startedAtMs: 0,
      state: 'unknown',
    });
    expect(containerSummary({ Id: 'a', StartedAt: -62_135_596_800 })).toMatchObject({
      name: '',
      startedAtMs: 0,
      labels: {},
    });
    expect(observedNetwork({ name: 'n', id: 'i' })).toMatchObject({
      subnets: [],
      dnsEnabled: false,
      options: {},
      labels: {},
    });
    expect(observedImage({ Id: 'sha256:ab', RepoTags: null, Labels: null })).toEqual({
      id: 'ab',
      references: [],
      labels: {},
    });
    expect(bareId('ab')).toBe('ab');
  });

  test('a pod without its infra container', () => {
    const pod = observedPod(
      { Id: 'p', Name: 'group', State: 'Degraded', Containers: [{ Id: 'x' }] },
      undefined,
    );
    expect(pod).toMatchObject({
      infraId: '',
      infraState: 'unknown',
      infraPid: 0,
      containerIds: ['x'],
      networks: {},
    });
  });
});
