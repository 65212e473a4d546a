import { beforeEach, describe, expect, test } from 'vitest';
import { agentManifest, NAMESPACE, type SimulatedHost, createSimulatedHost } from './fakes/simulated-host.ts';
import { PodmanError } from '../src/podman/errors.ts';
import type { Kind } from '../src/api/kinds.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const manifest = (kind: string, name: string, rest: object): object => ({
  apiVersion:
    kind === 'ConfigMap' || kind === 'Secret' || kind === 'ResourceQuota' ? 'v1' : 'rookery.dev/v1alpha1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  ...rest,
});
const phaseIs = (name: string, phase: string) => (): boolean => host.status(name)?.phase === phase;
const callsTo = (method: string): unknown[] =>
  host.podman.controls.calls.filter((call) => call.method === method).map(({ args }) => args[0]);
const condition = (kind: Kind, name: string, type: string) => {
  const object = host.engine().backend.objects.get(kind, NAMESPACE, name);
  return (
    object?.status as
      | { conditions: { type: string; status: string; reason: string; message: string }[] }
      | undefined
  )?.conditions.find((candidate) => candidate.type === type);
};
const deployed = async (...manifests: object[]): Promise<void> => {
  await host.apply(...manifests);
  await host.start();
  await host.clock.advance(60_000);
};

test('what is gone while the manifests cannot be read is made again once they can', async () => {
  await deployed(manifest('Volume', 'data', { spec: {} }));
  const [name = ''] = callsTo('createVolume').map((call) => (call as { name: string }).name);
  await host.loseRoot('the directory is gone');
  await host.podman.removeVolume(name);
  await host.clock.advance(120_000);
  expect(callsTo('createVolume')).toHaveLength(1);
  await host.loseRoot(undefined);
  await host.clock.advance(10_000);
  expect(callsTo('createVolume')).toHaveLength(2);
});

test('twenty new agents on a network cost one list of pods', async () => {
  const agents = Array.from({ length: 20 }, (_, index) => agentManifest(`agent-${index}`));
  await deployed(...agents);
  await host.until(phaseIs('agent-19', 'Healthy'), 120_000);
  expect(callsTo('listPods').length).toBeLessThanOrEqual(3);
});

describe('an image', () => {
  const BASE = 'localhost/base:1';
  const context = (name: string, digest: string, baseImages: string[] = []): void => {
    host.inputs.set(name, {
      paths: { './ctx': `/nowhere/${name}` },
      digests: { './ctx': digest },
      baseImages,
    });
  };
  const base = (): object => manifest('Image', 'base', { spec: { tag: BASE, build: { context: './ctx' } } });
  const built = agentManifest('twin', { build: { context: './ctx' } });
  const builtWithoutImage = (): object => {
    const { spec, ...rest } = built as { spec: { image?: string } };
    const { image: _, ...others } = spec;
    return { ...rest, spec: others };
  };

  test('is built before the agents that are built from it, and they follow when it changes', async () => {
    context('base', 'one');
    context('twin', 'own', [BASE]);
    await deployed(builtWithoutImage(), base());
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(callsTo('buildImage')).toHaveLength(2);
    expect(condition('Image', 'base', 'Ready')?.status).toBe('True');
    const before = host.status('twin')?.currentRevision;
    context('base', 'two');
    await host.apply(base());
    await host.clock.advance(1_000);
    await host.until(
      () => phaseIs('twin', 'Healthy')() && host.status('twin')?.currentRevision !== before,
      120_000,
    );
    expect(callsTo('buildImage')).toHaveLength(4);
  });

  test('may stand on one that is none of ours, and stop at a stage', async () => {
    context('twin', 'own', ['docker.io/library/debian:12']);
    const build = { context: './ctx', target: 'small' };
    await deployed(builtWithoutImage(), agentManifest('other', { image: 'localhost/agent:1' }));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    const { spec, ...rest } = builtWithoutImage() as { spec: object };
    await host.apply({ ...rest, spec: { ...spec, build } });
    await host.clock.advance(30_000);
    expect(callsTo('buildImage')).toMatchObject([{ contextDir: '/nowhere/twin' }, { target: 'small' }]);
  });

  test('that an agent runs from is waited for, and never pulled', async () => {
    context('base', 'one');
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'buildImage') throw new Error('no space in the kitchen');
    };
    await deployed(agentManifest('twin', { image: BASE }), base());
    expect(host.status('twin')).toMatchObject({ phase: 'Blocked', reason: 'Retrying' });
    expect(host.status('twin')?.message).toContain('Image base: no space in the kitchen');
    host.podman.controls.beforeCall = () => undefined;
    await host.until(phaseIs('twin', 'Healthy'), 300_000);
    expect(callsTo('pullImage')).toEqual([]);
  });

  test('is pulled under a tag of its own, and only once', async () => {
    host.podman.controls.serveImage('registry.example/agent:7');
    await deployed(
      manifest('Image', 'base', { spec: { tag: BASE, pull: { reference: 'registry.example/agent:7' } } }),
      agentManifest('twin', { image: BASE }),
    );
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    host.crash();
    await host.start();
    await host.clock.advance(60_000);
    expect(callsTo('pullImage')).toEqual(['registry.example/agent:7']);
  });

  test('of a root file system that is not there says so', async () => {
    await deployed(manifest('Image', 'base', { spec: { tag: BASE, rootfs: { tar: './root.tar' } } }));
    expect(condition('Image', 'base', 'Stalled')).toMatchObject({ status: 'True', reason: 'FileNotFound' });
  });

  test('of a root file system is imported with the labels that say whose it is', async () => {
    host.inputs.set('base', {
      paths: { './root.tar': import.meta.filename },
      digests: { './root.tar': 'abc' },
      baseImages: [],
    });
    await deployed(manifest('Image', 'base', { spec: { tag: BASE, rootfs: { tar: './root.tar' } } }));
    expect(callsTo('importImage')).toHaveLength(1);
    expect((await host.podman.inspectImage(BASE))?.labels).toMatchObject({ 'rookery.dev/name': 'base' });
  });

  test('stays when its manifest goes: kept revisions may stand on it', async () => {
    context('base', 'one');
    await deployed(base(), agentManifest('twin'));
    await host.remove('Image', 'base');
    await host.clock.advance(60_000);
    expect(await host.podman.inspectImage(BASE)).toBeDefined();
    expect(host.engine().backend.objects.get('Image', NAMESPACE, 'base')).toBeUndefined();
  });
});

describe('a policy of pulling', () => {
  test('Always looks for a newer image at every change of the manifest', async () => {
    host.podman.controls.serveImage('registry.example/agent:7');
    const spec = { image: 'registry.example/agent:7', imagePullPolicy: 'Always' };
    await deployed(agentManifest('twin', spec));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(callsTo('pullImage')).toHaveLength(1);
    await host.apply(agentManifest('twin', spec, { V: '2' }));
    await host.clock.advance(1_000);
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(callsTo('pullImage')).toHaveLength(2);
  });

  test('Never leaves it to a person', async () => {
    await deployed(agentManifest('twin', { image: 'localhost/late:1', imagePullPolicy: 'Never' }));
    expect(callsTo('pullImage')).toEqual([]);
    host.podman.controls.addImage('localhost/late:1');
    await host.until(phaseIs('twin', 'Healthy'), 600_000);
  });
});

describe('a volume', () => {
  const volume = (spec: object): object => manifest('Volume', 'data', { spec });
  const volumes = async (): Promise<string[]> => (await host.podman.listVolumes({})).map(({ name }) => name);

  test('stays when its manifest goes', async () => {
    await deployed(volume({}), agentManifest('twin'));
    await host.remove('Volume', 'data');
    await host.clock.advance(60_000);
    expect(await volumes()).toEqual(['sim.data']);
  });

  test('that says Delete is exported first, after the agents that mounted it are gone', async () => {
    const mounting = {
      volumes: [{ name: 'd', volume: { claimName: 'data' } }],
      volumeMounts: [{ name: 'd', mountPath: '/d' }],
    };
    host.programs.set('twin', () => ({ stopAfterMs: 5_000 }));
    await deployed(volume({ retention: 'Delete' }), agentManifest('twin', mounting), agentManifest('other'));
    host.podman.controls.calls = [];
    await host.remove('Volume', 'data');
    await host.remove('Agent', 'twin');
    await host.clock.advance(120_000);
    const order = host.podman.controls.calls
      .map(({ method }) => method)
      .filter((method) => ['removeContainer', 'exportVolume', 'removeVolume'].includes(method));
    expect(order).toEqual(['removeContainer', 'exportVolume', 'removeVolume']);
  });

  test("that is somebody else's is a conflict, and is left alone", async () => {
    await host.podman.createVolume({ name: 'sim.data', driver: 'local', options: {}, labels: {} });
    await deployed(volume({ retention: 'Delete' }), agentManifest('twin'));
    expect(condition('Volume', 'data', 'Stalled')).toMatchObject({ status: 'True', reason: 'Conflict' });
    await host.remove('Volume', 'data');
    await host.clock.advance(60_000);
    expect(await volumes()).toEqual(['sim.data']);
  });

  test('that is gone already is no trouble', async () => {
    await deployed(volume({ retention: 'Delete' }), agentManifest('twin'));
    await host.podman.removeVolume('sim.data');
    await host.remove('Volume', 'data');
    await host.clock.advance(60_000);
    expect(
      host
        .store()
        .inventory.list()
        .map(({ key }) => key.kind),
    ).not.toContain('Volume');
  });
});

describe('a network', () => {
  test("that is somebody else's is a conflict, and its agents wait", async () => {
    await host.podman.createNetwork({
      name: 'sim.default',
      driver: 'bridge',
      subnets: [],
      internal: false,
      dns: true,
      options: {},
      labels: {},
    });
    await deployed(agentManifest('twin'));
    expect(host.status('twin')).toMatchObject({ phase: 'Blocked', reason: 'Conflict' });
  });

  test('goes with its manifest, and an agent that leaves it is disconnected without a restart', async () => {
    const extra = manifest('Network', 'extra', { spec: {} });
    await deployed(extra, agentManifest('twin', { networks: ['default', 'extra'] }), agentManifest('other'));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    host.podman.controls.calls = [];
    await host.apply(agentManifest('twin'));
    await host.clock.advance(60_000);
    expect(callsTo('disconnectNetwork')).toEqual(['sim.extra']);
    await host.remove('Network', 'extra');
    await host.clock.advance(60_000);
    expect(callsTo('removeNetwork')).toEqual(['sim.extra']);
    expect(callsTo('createContainer')).toEqual([]);
  });
});

describe('a network that cannot change in place', () => {
  test('says what would have to, and goes on as it is', async () => {
    const network = (spec: object): object => manifest('Network', 'extra', { spec });
    await deployed(
      network({ subnets: [{ cidr: '10.77.0.0/24' }] }),
      agentManifest('twin', { networks: ['extra'] }),
    );
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    await host.apply(network({ subnets: [{ cidr: '10.78.0.0/24' }], driver: 'macvlan', internal: true }));
    await host.clock.advance(30_000);
    const { reason, message } = condition('Network', 'extra', 'Stalled') ?? {};
    expect(reason).toBe('ImmutableField');
    expect(message).toContain('driver bridge → macvlan');
    expect(message).toContain('internal false → true');
    expect(message).toContain('subnets 10.77.0.0/24 → 10.78.0.0/24');
    expect(host.running()).toHaveLength(1);
  });
});

describe('a field whose behaviour comes later', () => {
  test.each([
    [{ runtime: 'External' }, 'runtime External'],
    [
      { volumes: [{ name: 'files', configMap: { name: 'settings', defaultMode: 0o600 } }] },
      'defaultMode of a configMap volume',
    ],
  ])('is never passed over in silence: %j', async (spec, words) => {
    await deployed(agentManifest('twin', spec));
    expect(host.status('twin')).toMatchObject({ phase: 'Blocked', reason: 'NotYetSupported' });
    expect(host.status('twin')?.message).toContain(`${words} is not supported`);
  });
});

describe('a pod group', () => {
  test('with the network of the host has no address', async () => {
    await deployed(
      manifest('PodGroup', 'core', { spec: { hostNetwork: true } }),
      agentManifest('twin', { podGroup: 'core' }),
    );
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(host.status('twin')).not.toHaveProperty('address');
  });

  test('goes with its manifest', async () => {
    await deployed(manifest('PodGroup', 'core', { spec: {} }), agentManifest('twin'));
    expect(await host.podman.listPods({})).toHaveLength(1);
    await host.remove('PodGroup', 'core');
    await host.clock.advance(60_000);
    expect(await host.podman.listPods({})).toEqual([]);
  });

  test("whose pod's name is somebody else's is a conflict", async () => {
    await deployed(manifest('PodGroup', 'core', { spec: {} }), agentManifest('twin'));
    const [pod] = await host.podman.listPods({});
    host.crash();
    await host.podman.removePod(pod?.id ?? '');
    const template = {
      network: { mode: 'none' },
      ports: [],
      hostname: 'x',
      sharedNamespaces: [],
      mounts: [],
    } as const;
    await host.podman.createPod(pod?.name ?? '', template, {});
    await host.start();
    await host.clock.advance(60_000);
    expect(condition('PodGroup', 'core', 'Stalled')).toMatchObject({ status: 'True', reason: 'Conflict' });
  });
});

describe('a secret', () => {
  const secret = (token: string): object => manifest('Secret', 'password', { stringData: { token } });
  const reader = agentManifest('twin', {
    env: [
      { name: 'AGENT', value: 'twin' },
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'password', key: 'token' } } },
    ],
  });
  const secrets = (): Promise<string[]> => host.podman.listSecrets('rookery-');

  test('of a new value is a new one, and the agent that reads it follows; its value is in no record', async () => {
    await deployed(secret('one'), reader);
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    const [first] = await secrets();
    await host.apply(secret('two'));
    await host.clock.advance(1_000);
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(await secrets()).toHaveLength(2);
    expect(await secrets()).toContain(first);
    expect(JSON.stringify(host.store().records.list())).not.toMatch(/"(one|two)"/);
  });

  test('that nothing refers to any more is removed', async () => {
    await deployed(secret('one'), agentManifest('twin'));
    expect(await secrets()).toHaveLength(1);
    await host.remove('Secret', 'password');
    await host.clock.advance(60_000);
    await host.apply(manifest('Secret', 'other', { stringData: { token: 'x' } }));
    await host.clock.advance(60_000);
    expect(await secrets()).toHaveLength(1);
  });

  test('that Podman cannot remove keeps nobody waiting, and no other from being removed', async () => {
    await deployed(secret('one'), agentManifest('twin'));
    const [stuck] = await secrets();
    host.podman.controls.beforeCall = ({ method, args }) => {
      if (method === 'removeSecret' && args[0] === stuck)
        throw new PodmanError('Other', 'deleting secret: no secret data with ID');
    };
    for (const value of ['two', 'three']) {
      await host.apply(secret(value));
      await host.clock.advance(1_000);
    }
    expect(await secrets()).toHaveLength(2);
    await host.apply(reader);
    await host.until(phaseIs('twin', 'Monitoring'), 60_000);
    expect(condition('Secret', 'password', 'Ready')?.status).toBe('True');
    host.podman.controls.beforeCall = () => undefined;
    await host.clock.advance(300_000);
    expect(await secrets()).toHaveLength(1);
  });
});

describe('a quota', () => {
  test('says that it is not supported yet', async () => {
    await deployed(
      manifest('ResourceQuota', 'all', { spec: { hard: { pods: '3' } } }),
      agentManifest('twin'),
    );
    expect(condition('ResourceQuota', 'all', 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'NotYetSupported',
    });
  });
});

describe('trouble with Podman', () => {
  test.each([
    ['Unreachable', 'Stalled', 'False'],
    ['BadRequest', 'Stalled', 'True'],
    ['Other', 'Stalled', 'False'],
  ] as const)('of kind %s while a volume is made: %s is %s', async (kind, type, status) => {
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'createVolume') throw new PodmanError(kind, 'made up');
    };
    await deployed(manifest('Volume', 'data', { spec: {} }), agentManifest('twin'));
    expect(condition('Volume', 'data', type)?.status).toBe(status);
    expect(condition('Volume', 'data', 'Ready')?.status).toBe('False');
  });
});

describe('a look that Podman does not answer', () => {
  const unanswered = async (method: string): Promise<void> => {
    host.podman.controls.beforeCall = (call) => {
      if (call.method === method) throw new PodmanError('Unreachable', 'socket hang up');
    };
  };
  const token = { stringData: { token: 'x' } };

  test.each([
    ['Network', 'inspectNetwork', { spec: {} }],
    ['Volume', 'inspectVolume', { spec: {} }],
    ['Secret', 'listSecrets', token],
    ['PodGroup', 'listPods', { spec: {} }],
  ] as const)(
    'for a %s is no failure of it: it comes soon after the answer, however late that is',
    async (kind, method, rest) => {
      await deployed();
      await unanswered(method);
      await host.apply(manifest(kind, 'thing', rest));
      await host.clock.advance(180_000);
      expect(condition(kind, 'thing', 'Ready')).toMatchObject({
        status: 'False',
        reason: 'PodmanUnreachable',
        message: expect.stringContaining('socket hang up') as unknown,
      });
      host.podman.controls.beforeCall = () => undefined;
      await host.clock.advance(1_000);
      expect(condition(kind, 'thing', 'Ready')?.status).toBe('True');
    },
  );

  test('for what is to go holds up its removal no longer than that', async () => {
    await deployed(manifest('PodGroup', 'thing', { spec: {} }), agentManifest('twin'));
    await unanswered('listPods');
    await host.remove('PodGroup', 'thing');
    await host.clock.advance(180_000);
    expect(callsTo('removePod')).toEqual([]);
    host.podman.controls.beforeCall = () => undefined;
    await host.clock.advance(1_000);
    expect(callsTo('removePod')).toHaveLength(1);
  });
});

describe('a preview of the plan', () => {
  const changes = async (): Promise<string[]> =>
    (await host.engine().backend.plan()).changes.map(
      ({ object, operation, cause }) => `${object}: ${operation} (${cause})`,
    );

  test('of a converged world is empty', async () => {
    await deployed(agentManifest('twin'));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(await host.engine().backend.plan()).toMatchObject({ changes: [], problems: [] });
  });

  test('tells what a container that was stopped, an update under way and a missing input lead to', async () => {
    await deployed(agentManifest('twin'), agentManifest('done', { suspend: true }));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    host.programs.set('twin', () => ({ readyAfterMs: 30_000 }));
    await host.apply(agentManifest('twin', {}, { V: '2' }));
    await host.until(phaseIs('twin', 'Verifying'), 60_000);
    expect(await changes()).toContain('Agent/sim/twin: under way (Verifying) (env V added 2)');
    expect(await changes()).toContain('Agent/sim/done: create container (first deploy)');
  });

  test('tells of updates that wait for somebody, and of an image that is not there yet', async () => {
    const upper = (name: string, spec: object = {}, env = {}): object =>
      agentManifest(name, { dependsOn: [{ name: 'lower' }], ...spec }, env);
    await deployed(agentManifest('lower'), upper('left'), upper('right'));
    await host.until(() => phaseIs('left', 'Healthy')() && phaseIs('right', 'Healthy')(), 120_000);
    host.programs.set('lower', () => ({ readyAfterMs: 50_000 }));
    await host.apply(
      agentManifest('lower', {}, { V: '2' }),
      upper('left', {}, { V: '2' }),
      upper('right', { image: 'localhost/late:1' }),
    );
    const told = await changes();
    expect(told).toContain('Agent/sim/left: recreate container (env V added 2)');
    expect(told.find((line) => line.startsWith('Agent/sim/right'))).toMatch(
      /build or pull image, recreate container/,
    );
  });

  test.each([
    ['more replicas', { replicas: 3 }, { replicas: 5 }, ['scale up to 5 (replicas changed 3 → 5)']],
    ['fewer replicas', { replicas: 3 }, { replicas: 1 }, ['scale down to 1 (replicas changed 3 → 1)']],
    ['none', { replicas: 3 }, { replicas: 0 }, ['scale down to 0 (replicas changed 3 → 0)']],
    ['some again', { replicas: 0 }, { replicas: 2 }, ['scale up to 2 (replicas changed 0 → 2)']],
    ['none as before', { replicas: 0 }, { replicas: 0 }, []],
    [
      'other ports under a holder',
      { replicas: 2, ports: [{ containerPort: 80, hostPort: 8080 }] },
      { replicas: 2, ports: [{ containerPort: 80, hostPort: 8081 }] },
      ['replace the holder of its name (port 80/tcp changed 127.0.0.1:8080 → 127.0.0.1:8081)'],
    ],
    [
      'a new image and more replicas',
      { replicas: 2 },
      { replicas: 3, workingDir: '/srv' },
      ['recreate container (workingDir changed none → /srv)', 'scale up to 3 (replicas changed 2 → 3)'],
    ],
  ])('tells of %s, though no revision changes', async (_, before, after, expected) => {
    const rollout = { strategy: 'BlueGreen' };
    await deployed(agentManifest('twin', { ...before, rollout }));
    await host.until(phaseIs('twin', 'Healthy'), 120_000);
    expect(await changes()).toEqual([]);
    await host.apply(agentManifest('twin', { ...after, rollout, suspend: true }));
    expect(await changes()).toEqual(expected.map((line) => `Agent/sim/twin: ${line}`));
  });

  test('tells what goes, and why nothing can be told', async () => {
    host.programs.set('twin', () => ({ stopAfterMs: 20_000 }));
    await deployed(agentManifest('twin'), agentManifest('other'));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    await host.remove('Agent', 'twin');
    await host.clock.advance(15_000);
    expect(await changes()).toEqual(['Agent/sim/twin: remove (its manifest is gone)']);
    await host.loseRoot('the directory is gone');
    expect((await host.engine().backend.plan()).problems).toEqual(['the directory is gone']);
  });

  test('tells of a conflict, and of an agent that gave up', async () => {
    await host.podman.createVolume({ name: 'sim.data', driver: 'local', options: {}, labels: {} });
    host.programs.set('twin', () => ({ exitAfterMs: 10, exitCode: 1 }));
    await deployed(manifest('Volume', 'data', { spec: {} }), agentManifest('twin'));
    const { problems } = await host.engine().backend.plan();
    expect(problems[0]).toContain('Volume/sim/data: volume sim.data exists and is not ours');
  });
});
