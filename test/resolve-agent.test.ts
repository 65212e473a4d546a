import { describe, expect, test } from 'vitest';
import { type Kind, kinds } from '../src/api/kinds.ts';
import { type KeyString, keyString } from '../src/api/key.ts';
import { chooseAddress } from '../src/state/addresses.ts';
import type { DesiredObject, ResolvedInputs } from '../src/state/desired.ts';
import { hostsFile, ownersOn } from '../src/state/hosts.ts';
import { secretName } from '../src/state/names.ts';
import type { Provision, ProvisionFacts } from '../src/state/provision.ts';
import { type Resolution, resolveAgent } from '../src/state/resolve.ts';
import type { ResolutionContext } from '../src/state/resolver.ts';
import { secretValue } from '../src/state/secret-values.ts';
import { agentManifest, NAMESPACE } from './fakes/simulated-host.ts';

const installation = { id: 'here', hmacKey: new Uint8Array(32) };
const IMAGE = { reference: 'localhost/agent:1', id: 'sha256:1' };
const NO_INPUTS: ResolvedInputs = { paths: {}, digests: {}, baseImages: [] };

function desired(input: object, inputs = NO_INPUTS): DesiredObject {
  const { kind } = input as { kind: Kind };
  const manifest = kinds[kind].schema.parse(input);
  const { namespace, name } = manifest.metadata;
  return {
    key: { kind, namespace, name },
    manifest,
    position: { file: 'x', line: 1, column: 1 },
    specHash: name,
    inputs,
  };
}

const core = (kind: string, name: string, rest: object): object => ({
  apiVersion: kind === 'ConfigMap' || kind === 'Secret' ? 'v1' : 'rookery.dev/v1alpha1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  ...rest,
});
const settings = desired(
  core('ConfigMap', 'settings', { data: { level: 'INFO', size: '3' }, binaryData: { blob: 'AAE=' } }),
);
const set = desired(core('ConfigMap', 'set', { data: {} }));
const barred = desired(core('ConfigMap', 'barred', { data: {} }));
const slow = desired(core('ConfigMap', 'slow', { data: { level: 'INFO' } }));
const password = desired(
  core('Secret', 'password', { data: { old: 'b2xk' }, stringData: { token: 'hush' } }),
);
const id = (kind: string, name: string): KeyString => keyString({ kind, namespace: NAMESPACE, name });
const ready = (facts: ProvisionFacts): Provision => ({ ready: true, facts });
const tokenName = secretName(installation, password.key, 'token', Buffer.from('hush'));

const PROVISIONS = new Map<KeyString, Provision>([
  [
    id('Network', 'default'),
    ready({
      kind: 'Network',
      podmanName: 'sim.default',
      gateway: '10.0.0.1',
      addresses: { twin: '10.0.0.9' },
      hostsFile: '/hosts',
    }),
  ],
  [
    id('ConfigMap', 'settings'),
    ready({ kind: 'ConfigMap', directory: '/c/1', liveDirectory: '/c/live', digest: 'd1' }),
  ],
  [
    id('ConfigMap', 'set'),
    ready({ kind: 'ConfigMap', directory: '/c/2', liveDirectory: '/c/2', digest: 'd2' }),
  ],
  [id('ConfigMap', 'barred'), { ready: false, reason: 'Conflict', message: 'is not ours', terminal: true }],
  [id('Secret', 'password'), ready({ kind: 'Secret' })],
  [id('Volume', 'data'), ready({ kind: 'Volume', podmanName: 'sim.data' })],
  [id('PodGroup', 'core'), ready({ kind: 'PodGroup', podName: 'sim.core-1', move: { type: 'None' } })],
  [
    id('PodGroup', 'named'),
    ready({ kind: 'PodGroup', podName: 'sim.named-1', move: { type: 'None' }, hostsFile: '/hosts' }),
  ],
  [id('Volume', 'broken'), { ready: false, reason: 'Conflict', message: 'is not ours', terminal: true }],
]);

function resolve(spec: object, inputs = NO_INPUTS): Resolution {
  const agent = desired(
    { ...agentManifest('twin'), spec: { image: IMAGE.reference, ...spec } },
    inputs,
  ) as never;
  const objects = new Map(
    [settings, set, barred, slow, password].map((object) => [keyString(object.key), object]),
  );
  return resolveAgent({ agent, objects, provisions: PROVISIONS, installation }, IMAGE);
}

const template = (spec: object, inputs?: ResolvedInputs) => {
  const { template: found, missing } = resolve(spec, inputs);
  expect(missing).toBeUndefined();
  return found;
};
const missing = (spec: object): string[] =>
  (resolve(spec).missing ?? []).map(({ reason, message }) => `${reason}: ${message}`);

describe('the environment', () => {
  test('comes from envFrom in order, then from env; the later wins, also over a secret', () => {
    const found = template({
      envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'S_', secretRef: { name: 'password' } }],
      env: [
        { name: 'level', value: 'DEBUG' },
        { name: 'S_old', value: 'plain' },
        { name: 'size', valueFrom: { secretKeyRef: { name: 'password', key: 'token' } } },
        { name: 'ALSO', valueFrom: { configMapKeyRef: { name: 'settings', key: 'level' } } },
        { name: 'EMPTY' },
      ],
    });
    expect(found?.env).toEqual({ level: 'DEBUG', S_old: 'plain', ALSO: 'INFO', EMPTY: '' });
    expect(found?.secretEnv).toEqual({ S_token: tokenName, size: tokenName });
  });

  test('goes on without what is optional', () => {
    const optional = { optional: true };
    const found = template({
      envFrom: [
        { configMapRef: { name: 'none', ...optional } },
        { secretRef: { name: 'none', ...optional } },
      ],
      env: [
        { name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'no', ...optional } } },
        { name: 'B', valueFrom: { secretKeyRef: { name: 'password', key: 'no', ...optional } } },
      ],
    });
    expect(found).toMatchObject({ env: {}, secretEnv: {} });
  });

  test.each([
    [{ envFrom: [{ configMapRef: { name: 'none' } }] }, 'ConfigMapNotReady: there is no ConfigMap none'],
    [{ envFrom: [{ secretRef: { name: 'none' } }] }, 'SecretNotReady: there is no Secret none'],
    [
      { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'settings', key: 'no' } } }] },
      'MissingKey: ConfigMap settings has no key "no"; add it or mark the reference optional',
    ],
    [
      { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'password', key: 'no' } } }] },
      'MissingKey: Secret password has no key "no"; add it or mark the reference optional',
    ],
  ])('says what is missing: %j', (spec, expected) => {
    expect(missing(spec)).toEqual([expected]);
  });
});

describe('a mount', () => {
  const mounted = (source: object, mount: object = {}, spec: object = {}, inputs = NO_INPUTS) =>
    template(
      {
        volumes: [{ name: 'it', ...source }],
        volumeMounts: [{ name: 'it', mountPath: '/mnt', ...mount }],
        securityContext: { readOnlyRootFilesystem: false },
        ...spec,
      },
      inputs,
    )?.mounts.filter(({ target }) => target !== '/etc/hosts');
  const bind = { type: 'bind', readOnly: true };

  test('of a volume is the volume of that name in Podman', () => {
    expect(mounted({ volume: { claimName: 'data' } }, { subPath: 'sub' })).toEqual([
      { type: 'volume', name: 'sim.data', target: '/mnt', readOnly: false, subPath: 'sub' },
    ]);
  });

  test('is of the volume that it names, among several', () => {
    const spec = {
      volumes: [
        { name: 'first', emptyDir: {} },
        { name: 'second', volume: { claimName: 'data' } },
      ],
      volumeMounts: [{ name: 'second', mountPath: '/mnt' }],
    };
    expect(template(spec)?.mounts.map((mount) => `${mount.type} ${mount.target}`)).toEqual([
      'volume /mnt',
      'tmpfs /tmp',
      'tmpfs /run',
      'bind /etc/hosts',
    ]);
    const [tmp] = template({})?.mounts ?? [];
    expect(tmp).toEqual({ type: 'tmpfs', target: '/tmp', mode: 0o1777 });
  });

  test('of a config map is a directory named by its content', () => {
    expect(mounted({ configMap: { name: 'settings' } })).toEqual([
      { ...bind, source: '/c/1', target: '/mnt', contentDigest: 'd1' },
    ]);
    expect(mounted({ configMap: { name: 'settings' } }, { subPath: 'level' })).toEqual([
      { ...bind, source: '/c/1/level', target: '/mnt', contentDigest: 'd1' },
    ]);
    const items = [
      { key: 'level', path: 'a/b' },
      { key: 'blob', path: 'c' },
    ];
    expect(mounted({ configMap: { name: 'settings', items } })).toEqual([
      { ...bind, source: '/c/1/level', target: '/mnt/a/b', contentDigest: 'd1' },
      { ...bind, source: '/c/1/blob', target: '/mnt/c', contentDigest: 'd1' },
    ]);
  });

  test('of a config map is one living directory for an agent that reloads', () => {
    const reload = { reload: { signal: 'HUP' } };
    expect(mounted({ configMap: { name: 'settings' } }, {}, reload)).toEqual([
      { ...bind, source: '/c/live', target: '/mnt' },
    ]);
  });

  test('of a secret belongs to the user that reads it', () => {
    const secret = { secret: { secretName: 'password', items: [{ key: 'token', path: 't' }] } };
    const file = { type: 'secret', secret: tokenName, target: '/mnt/t', mode: 0o440 };
    expect(mounted(secret)).toEqual([{ ...file, uid: 0, gid: 0 }]);
    const runAs = { securityContext: { runAsUser: 5, fsGroup: 6, readOnlyRootFilesystem: false } };
    expect(mounted(secret, {}, runAs)).toEqual([{ ...file, uid: 5, gid: 6 }]);
    const all = { secret: { secretName: 'password', defaultMode: 0o400 } };
    expect(mounted(all)?.map(({ target }) => target)).toEqual(['/mnt/old', '/mnt/token']);
    expect(mounted(all, { subPath: 'token' })).toEqual([
      { ...file, target: '/mnt', mode: 0o400, uid: 0, gid: 0 },
    ]);
  });

  test('of a path of the host carries the digest of its contents', () => {
    const inputs = { paths: { './conf': '/abs/conf' }, digests: { './conf': 'abc' }, baseImages: [] };
    const source = { hostPath: { path: './conf' } };
    expect(mounted(source, { readOnly: true }, {}, inputs)).toMatchObject([
      { ...bind, source: '/abs/conf', contentDigest: 'abc' },
    ]);
    const made = mounted({ hostPath: { path: './conf', type: 'DirectoryOrCreate' } }, {}, {}, inputs);
    expect(made).toEqual([
      { ...bind, readOnly: false, source: '/abs/conf', target: '/mnt', contentDigest: 'abc', create: true },
    ]);
    expect(mounted(source, {}, {}, { ...inputs, digests: {} })).toEqual([
      { ...bind, readOnly: false, source: '/abs/conf', target: '/mnt' },
    ]);
    const reloading = mounted(source, { readOnly: true }, { reload: 'None' }, inputs);
    expect(reloading?.[0]).not.toHaveProperty('contentDigest');
  });

  test('of an empty directory is in memory, and so is what a read-only root needs to be written', () => {
    expect(mounted({ emptyDir: { sizeLimit: '1Mi' } })).toEqual([
      { type: 'tmpfs', target: '/mnt', mode: 0o1777, sizeBytes: 1_048_576 },
    ]);
    expect(mounted({ emptyDir: {} })).toEqual([{ type: 'tmpfs', target: '/mnt', mode: 0o1777 }]);
    const readOnly = { securityContext: {}, volumeMounts: [{ name: 'it', mountPath: '/tmp' }] };
    expect(mounted({ emptyDir: {} }, {}, readOnly)?.map(({ target }) => target)).toEqual(['/tmp', '/run']);
  });

  test.each([
    [{ volume: { claimName: 'none' } }, 'VolumeNotReady: there is no Volume none'],
    [{ volume: { claimName: 'broken' } }, 'Conflict: Volume broken: is not ours'],
    [{ configMap: { name: 'none' } }, 'ConfigMapNotReady: there is no ConfigMap none'],
    [{ secret: { secretName: 'none' } }, 'SecretNotReady: there is no Secret none'],
    [
      { configMap: { name: 'settings', items: [{ key: 'no', path: 'x' }] } },
      'MissingKey: ConfigMap settings has no key "no"; add it or mark the reference optional',
    ],
    [
      { secret: { secretName: 'password', items: [{ key: 'no', path: 'x' }] } },
      'MissingKey: Secret password has no key "no"; add it or mark the reference optional',
    ],
    [{ hostPath: { path: './gone' } }, 'PathNotAllowed: hostPath ./gone could not be resolved'],
  ])('that cannot be says why: %j', (source, expected) => {
    const spec = { volumes: [{ name: 'it', ...source }], volumeMounts: [{ name: 'it', mountPath: '/mnt' }] };
    expect(missing(spec)).toEqual([expected]);
  });

  test('names one missing object once, however often it is used', () => {
    const key = (name: string) => ({ name, valueFrom: { configMapKeyRef: { name: 'none', key: name } } });
    expect(new Set(missing({ env: [key('A'), key('B')] })).size).toBe(1);
  });

  test('asks a person for one key of an object at a time, and of each object', () => {
    const key = (name: string, ref: object) => ({ name, valueFrom: ref });
    const env = [
      key('A', { configMapKeyRef: { name: 'settings', key: 'A' } }),
      key('B', { configMapKeyRef: { name: 'settings', key: 'B' } }),
      key('C', { secretKeyRef: { name: 'password', key: 'C' } }),
    ];
    expect(missing({ env })).toEqual([
      'MissingKey: ConfigMap settings has no key "A"; add it or mark the reference optional',
      'MissingKey: Secret password has no key "C"; add it or mark the reference optional',
    ]);
  });

  test('asks for a key of an object whose name begins another one', () => {
    const key = (name: string) => ({ name, valueFrom: { configMapKeyRef: { name, key: 'no' } } });
    expect(missing({ env: [key('settings'), key('set')] })).toEqual([
      'MissingKey: ConfigMap settings has no key "no"; add it or mark the reference optional',
      'MissingKey: ConfigMap set has no key "no"; add it or mark the reference optional',
    ]);
  });

  test.each([
    ['is not ready', 'slow', 'ConfigMapNotReady: ConfigMap slow is not ready yet'],
    ['is not ours', 'barred', 'Conflict: ConfigMap barred: is not ours'],
  ])('asks for no key of an object that %s', (_, name, expected) => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name, key: 'no' } } }];
    expect(missing({ env })).toEqual([expected]);
  });

  test.each<[string, object, boolean]>([
    ['an object may come yet', { configMap: { name: 'none' } }, false],
    ['so may one that is not ready', { configMap: { name: 'slow' } }, false],
    [
      'a key will not by itself',
      { configMap: { name: 'settings', items: [{ key: 'no', path: 'x' }] } },
      true,
    ],
    ['nor will a path', { hostPath: { path: './gone' } }, true],
    ['nor what is not ours', { volume: { claimName: 'broken' } }, true],
  ])('%s', (_, source, terminal) => {
    const found = resolve({
      volumes: [{ name: 'it', ...source }],
      volumeMounts: [{ name: 'it', mountPath: '/mnt' }],
    });
    expect(found.missing?.map((one) => one.terminal)).toEqual([terminal]);
  });

  test('that is there and not ready is waited for, optional or not', () => {
    const ref = { configMapRef: { name: 'slow', optional: true } };
    const expected = ['ConfigMapNotReady: ConfigMap slow is not ready yet'];
    expect(missing({ envFrom: [ref] })).toEqual(expected);
    const key = { configMapKeyRef: { name: 'slow', key: 'no' } };
    expect(missing({ env: [{ name: 'A', valueFrom: key }] })).toEqual(expected);
  });
});

describe('the network', () => {
  test('is the default one, with a stable address, names, and a hosts file', () => {
    const found = template({
      ports: [{ containerPort: 80, hostPort: 8080, protocol: 'UDP' }, { containerPort: 81 }],
    });
    expect(found?.network).toEqual({
      mode: 'bridge',
      networks: [{ name: 'sim.default', ip: '10.0.0.9', aliases: ['twin', 'twin.sim'] }],
    });
    expect(found?.hostname).toBe('twin');
    expect(found?.ports).toEqual([
      { containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1', protocol: 'udp' },
    ]);
    expect(found?.mounts).toContainEqual({
      type: 'bind',
      source: '/hosts',
      target: '/etc/hosts',
      readOnly: true,
    });
  });

  test('of the host has no hosts file of ours', () => {
    expect(template({ hostNetwork: true })?.mounts.map(({ target }) => target)).toEqual(['/tmp', '/run']);
  });

  test('of the host publishes nothing and has no name of its own', () => {
    const found = template({ hostNetwork: true, ports: [{ containerPort: 80, hostPort: 80 }] });
    expect(found).toMatchObject({ network: { mode: 'host' }, ports: [] });
    expect(found).not.toHaveProperty('hostname');
  });

  test.each<[string, object]>([
    ['BlueGreen', { rollout: { strategy: 'BlueGreen' } }],
    ['Canary', { replicas: 3, rollout: { strategy: 'Canary' } }],
    ['several replicas', { replicas: 2 }],
  ])('%s gives the name, the address and the ports to a holder', (_, spec) => {
    const ports = [{ containerPort: 80, hostPort: 8080 }];
    const resolution = resolve({ ...spec, ports });
    if (resolution.missing) throw new Error('all of it is there');
    const { template: found, holder } = resolution;
    expect(found.network).toEqual({ mode: 'bridge', networks: [{ name: 'sim.default', aliases: [] }] });
    expect(found.ports).toEqual([]);
    expect(found).not.toHaveProperty('hostname');
    expect(holder).toEqual({
      networks: [{ name: 'sim.default', ip: '10.0.0.9', aliases: ['twin', `twin.${NAMESPACE}`] }],
      ports: [{ containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1', protocol: 'tcp' }],
    });
  });

  test.each<[string, object]>([
    ['Recreate with one replica', {}],
    ['host networking', { hostNetwork: true }],
    ['a pod group', { podGroup: 'named' }],
  ])('%s has no holder', (_, spec) => {
    expect(resolve(spec)).not.toHaveProperty('holder');
  });

  test('of a pod group is its pod, with its hosts file where it has one', () => {
    expect(template({ podGroup: 'core' })?.network).toEqual({ mode: 'pod', pod: 'sim.core-1' });
    const targets = (group: string) => template({ podGroup: group })?.mounts.map(({ target }) => target);
    expect(targets('core')).not.toContain('/etc/hosts');
    expect(targets('named')).toContain('/etc/hosts');
  });

  test.each([
    [{ networks: ['none'] }, 'NetworkNotReady: there is no Network none'],
    [{ podGroup: 'none' }, 'PodGroupNotReady: there is no PodGroup none'],
  ])('that is not there is waited for: %j', (spec, expected) => {
    expect(missing(spec)).toEqual([expected]);
  });
});

describe('limits and privileges', () => {
  test('are as strict as can be where nothing is said', () => {
    expect(template({})).toMatchObject({
      resources: {},
      security: {
        groups: [],
        addCapabilities: [],
        dropCapabilities: ['ALL'],
        readOnlyRootFilesystem: true,
        noNewPrivileges: true,
        privileged: false,
      },
    });
    expect(template({})?.security).not.toHaveProperty('user');
  });

  test('become what Podman takes', () => {
    const found = template({
      resources: { limits: { cpu: '500m', memory: '1Gi', pids: 7 }, requests: { cpu: '1m' } },
      securityContext: {
        runAsUser: 1,
        runAsGroup: 2,
        fsGroup: 3,
        supplementalGroups: [4],
        capabilities: { add: ['NET_ADMIN'], drop: ['KILL'] },
      },
      command: ['run'],
      args: ['-v'],
      workingDir: '/w',
      stopSignal: 'SIGINT',
    });
    expect(found).toMatchObject({
      resources: { cpus: 0.5, cpuShares: 2, memoryBytes: 1_073_741_824, pids: 7 },
      security: {
        user: '1:2',
        groups: ['3', '4'],
        addCapabilities: ['NET_ADMIN'],
        dropCapabilities: ['KILL'],
      },
      command: ['run'],
      args: ['-v'],
      workingDir: '/w',
      stopSignal: 'SIGINT',
    });
  });

  test('a request of CPU is a share of 1024', () => {
    expect(template({ resources: { requests: { cpu: '500m' } } })?.resources).toEqual({ cpuShares: 512 });
  });

  test.each([
    [{ runAsUser: 5 }, '5'],
    [{ runAsGroup: 6 }, '0:6'],
  ])('run as whom the manifest names: %j', (securityContext, user) => {
    expect(template({ securityContext })?.security.user).toBe(user);
  });

  test('of a privileged agent drop nothing', () => {
    expect(template({ securityContext: { privileged: true } })?.security).toMatchObject({
      privileged: true,
      dropCapabilities: [],
      noNewPrivileges: false,
    });
  });
});

describe('from the same inputs', () => {
  const agent = desired({ ...agentManifest('twin'), spec: { image: IMAGE.reference } }) as never;
  const same = { agent, objects: new Map<KeyString, DesiredObject>(), provisions: PROVISIONS, installation };

  test('it is the same object, so that its hashes are known', () => {
    expect(resolveAgent(same, IMAGE)).toBe(resolveAgent({ ...same }, { ...IMAGE }));
  });

  test.each<[string, Partial<ResolutionContext>, Partial<typeof IMAGE>]>([
    ['another image', {}, { id: 'sha256:2' }],
    ['another name of the image', {}, { reference: 'localhost/agent:2' }],
    ['other objects', { objects: new Map() }, {}],
    ['other provisions', { provisions: new Map(PROVISIONS) }, {}],
    ['another installation', { installation: { ...installation } }, {}],
  ])('and from %s it is made anew', (_, context, image) => {
    const before = resolveAgent(same, IMAGE);
    expect(resolveAgent({ ...same, ...context }, { ...IMAGE, ...image })).not.toBe(before);
  });
});

describe('the value of a secret', () => {
  const all = { objects: new Map([[keyString(password.key), password]]) } as never;
  test('is found by its content name, and by no other', () => {
    expect(Buffer.from(secretValue(all, installation, tokenName) ?? []).toString()).toBe('hush');
    expect(secretValue(all, installation, 'rookery-here-0000')).toBeUndefined();
  });
});

describe('names and addresses on a network', () => {
  const agent = (name: string, spec: object = {}) => desired({ ...agentManifest(name, spec) }) as never;
  const group = (name: string, spec: object = {}) => desired(core('PodGroup', name, { spec })) as never;
  const onDefault = { namespace: NAMESPACE, network: 'default' };

  test('belong to agents, to pod groups and through them to their members, and to the host for those on it', () => {
    const agents = [
      agent('zed'),
      agent('away', { networks: ['extra'] }),
      agent('member', { podGroup: 'core' }),
      agent('lost', { podGroup: 'far' }),
      agent('hosted', { hostNetwork: true }),
      desired({ ...agentManifest('stranger'), metadata: { name: 'stranger', namespace: 'other' } }) as never,
    ];
    const groups = [
      group('core'),
      group('far', { networks: ['extra'] }),
      group('bare', { hostNetwork: true }),
      desired({ ...core('PodGroup', 'alien', {}), metadata: { name: 'alien', namespace: 'other' } }) as never,
    ];
    const owners = ownersOn({ ...onDefault, agents, groups });
    expect(owners).toEqual([
      { name: 'core', address: 'Own' },
      { name: 'hosted', address: 'Host' },
      { name: 'member', address: { group: 'core' } },
      { name: 'zed', address: 'Own' },
    ]);
    const addresses = { core: '10.0.0.5', zed: '10.0.0.6' };
    const lines = (gateway?: string) =>
      hostsFile({ namespace: NAMESPACE, owners, addresses, gateway }).split('\n');
    expect(lines('10.0.0.1')).toEqual([
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost',
      '10.0.0.5\tcore core.sim',
      '10.0.0.1\thosted hosted.sim',
      '10.0.0.5\tmember member.sim',
      '10.0.0.6\tzed zed.sim',
      '',
    ]);
    expect(lines()).toEqual([
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost',
      '10.0.0.5\tcore core.sim',
      '10.0.0.5\tmember member.sim',
      '10.0.0.6\tzed zed.sim',
      '',
    ]);
  });

  test('of another namespace are not told', () => {
    expect(ownersOn({ namespace: 'other', network: 'default', agents: [agent('twin')], groups: [] })).toEqual(
      [],
    );
  });

  test('are given out from the top, past the gateway and what is taken', () => {
    const subnet = { cidr: '10.0.0.0/30', gateway: '10.0.0.2' };
    expect(chooseAddress(subnet, new Set())).toBe('10.0.0.1');
    expect(() => chooseAddress(subnet, new Set(['10.0.0.1']))).toThrow('no address is free in 10.0.0.0/30');
    expect(() => chooseAddress({ cidr: 'fd00::/64', gateway: '' }, new Set())).toThrow('need an IPv4 subnet');
  });
});
