import { describe, expect, test } from 'vitest';
import { containerSpec, podSpec, resourcesSpec, signalNumber } from '../src/podman/spec.ts';
import type { ContainerTemplate } from '../src/state/template.ts';

const template: ContainerTemplate = {
  image: { reference: 'localhost/a:1', id: 'abc' },
  env: { A: 'b' },
  secretEnv: { TOKEN: 'secret-1' },
  mounts: [],
  network: { mode: 'none' },
  ports: [],
  resources: {},
  devices: [],
  security: {
    groups: ['44'],
    addCapabilities: ['NET_ADMIN', 'cap_chown'],
    dropCapabilities: ['ALL'],
    readOnlyRootFilesystem: true,
    noNewPrivileges: true,
    privileged: false,
  },
  stopGraceSeconds: 30,
};

const specOf = (changes: Partial<ContainerTemplate> = {}) =>
  containerSpec({
    name: 'c',
    template: { ...template, ...changes },
    labels: { l: '1' },
    annotations: { n: '2' },
  });

describe('the spec that Podman is given', () => {
  test('has the image by id, and leaves restarts, probes and readiness to us', () => {
    expect(specOf()).toMatchObject({
      name: 'c',
      image: 'abc',
      labels: { l: '1' },
      annotations: { n: '2' },
      env: { A: 'b' },
      secret_env: { TOKEN: 'secret-1' },
      restart_policy: 'no',
      healthconfig: { Test: ['NONE'] },
      sdnotifyMode: 'ignore',
      stop_timeout: 30,
      netns: { nsmode: 'none' },
      cap_add: ['CAP_NET_ADMIN', 'CAP_CHOWN'],
      cap_drop: ['ALL'],
      groups: ['44'],
    });
  });

  test('says nothing of what the template leaves to the image', () => {
    const absent = ['entrypoint', 'command', 'work_dir', 'stop_signal', 'user', 'hostname', 'devices'];
    for (const field of absent) expect(specOf()).not.toHaveProperty(field);
  });

  test.each([
    ['command and args', { command: ['a'], args: ['b'] }, { entrypoint: ['a'], command: ['b'] }],
    [
      'command alone silences the image’s own arguments',
      { command: ['a'] },
      { entrypoint: ['a'], command: [] },
    ],
    ['args alone', { args: ['b'] }, { command: ['b'] }],
  ])('%s', (_, changes, expected) => {
    const { entrypoint, command } = specOf(changes);
    expect({ ...(entrypoint ? { entrypoint } : {}), command }).toEqual(expected);
  });

  test('each mount goes where Podman looks for its kind', () => {
    const spec = specOf({
      mounts: [
        { type: 'bind', source: '/src', target: '/b', readOnly: true },
        { type: 'volume', name: 'v', target: '/v', readOnly: false },
        { type: 'volume', name: 'w', target: '/w', subPath: 'x', readOnly: true },
        { type: 'tmpfs', target: '/t', mode: 0o1777, sizeBytes: 4_096 },
        { type: 'secret', secret: 's', target: '/s', mode: 0o400, uid: 1, gid: 2 },
      ],
    });
    expect(spec).toMatchObject({
      mounts: [
        { type: 'bind', source: '/src', destination: '/b', options: ['rbind', 'ro'] },
        { type: 'tmpfs', destination: '/t', options: ['rw', 'nosuid', 'nodev', 'mode=1777', 'size=4096'] },
      ],
      volumes: [
        { Name: 'v', Dest: '/v', Options: ['rw'] },
        { Name: 'w', Dest: '/w', Options: ['ro'], SubPath: 'x' },
      ],
      secrets: [{ source: 's', target: '/s', mode: 0o400, uid: 1, gid: 2 }],
    });
  });

  test('a bridge has its networks and ports, a pod member only its pod', () => {
    const port = { containerPort: 80, hostPort: 8_080, hostIP: '127.0.0.1', protocol: 'tcp' } as const;
    const networks = [
      { name: 'n', ip: '10.0.0.9', aliases: ['a', 'a.ns'] },
      { name: 'm', aliases: [] },
    ];
    expect(specOf({ network: { mode: 'bridge', networks }, ports: [port] })).toMatchObject({
      netns: { nsmode: 'bridge' },
      Networks: {
        n: { aliases: ['a', 'a.ns'], static_ips: ['10.0.0.9'], static_mac: '0a:58:0a:00:00:09' },
        m: { aliases: [] },
      },
      portmappings: [{ container_port: 80, host_port: 8_080, host_ip: '127.0.0.1', protocol: 'tcp' }],
    });
    const member = specOf({ network: { mode: 'pod', pod: 'p' }, ports: [port] });
    expect(member).toMatchObject({ pod: 'p' });
    expect(member).not.toHaveProperty('netns');
    expect(member).not.toHaveProperty('portmappings');
    expect(specOf({ network: { mode: 'host' } })).toMatchObject({ netns: { nsmode: 'host' } });
  });

  test.each([
    [{}, {}],
    [{ cpus: 1.5 }, { cpu: { quota: 150_000, period: 100_000 } }],
    [{ cpus: 0.001 }, { cpu: { quota: 1_000, period: 100_000 } }],
    [{ cpuShares: 512 }, { cpu: { shares: 512 } }],
    [{ memoryBytes: 64 }, { memory: { limit: 64, swap: 64 } }],
    [{ pids: 9 }, { pids: { limit: 9 } }],
  ])('limits %j', (limits, expected) => {
    expect(resourcesSpec(limits)).toEqual(expected);
  });

  test.each([
    ['SIGINT', 2],
    ['term', 15],
    ['9', 9],
    ['34', 34],
    ['SIGWINCH', 28],
    ['SIGSYS', 31],
    ['SIGRTMIN+3', 37],
  ])('stop signal %s', (signal, number) => {
    expect(signalNumber(signal)).toBe(number);
    expect(specOf({ stopSignal: signal })).toMatchObject({ stop_signal: number });
  });

  test.each(['SIGNONSENSE', '0', '65', '1.5', ''])('stop signal %j is refused', (signal) => {
    expect(() => signalNumber(signal)).toThrow(/unknown stop signal/);
  });

  test('a pod outlives its members', () => {
    const network = { mode: 'bridge', networks: [{ name: 'n', aliases: ['g'] }] } as const;
    const pod = { network, ports: [], hostname: 'g', sharedNamespaces: ['net'], mounts: [] };
    expect(podSpec('p', pod, { l: '1' })).toMatchObject({
      name: 'p',
      labels: { l: '1' },
      hostname: 'g',
      shared_namespaces: ['net'],
      exit_policy: 'continue',
      netns: { nsmode: 'bridge' },
      Networks: { n: { aliases: ['g'] } },
    });
  });
});
