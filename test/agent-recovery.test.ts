import { beforeEach, describe, expect, test } from 'vitest';
import { keyString } from '../src/api/key.ts';
import { agentsOn } from './fakes/simulated-agents.ts';
import {
  agentManifest,
  NAMESPACE,
  type SimulatedHost,
  createSimulatedHost,
  IMAGE,
} from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const { phaseIs, containersOf, upOf, writes, healthy } = agentsOn(() => host);
const manifest = (kind: string, name: string, rest: object): object => ({
  apiVersion: kind === 'ConfigMap' || kind === 'Secret' ? 'v1' : 'rookery.dev/v1alpha1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  ...rest,
});

describe('a failed update', () => {
  test('whose last words cannot be read is rolled back all the same', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { exitAfterMs: 50, exitCode: 1 } : {}));
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'logs') throw new Error('the log is gone');
    };
    await host.apply(agentManifest('twin', {}, { BAD: '1' }));
    await host.until(phaseIs('twin', 'RolledBack'), 60_000);
    expect(host.status('twin')?.revisions[1]?.failure?.logTail).toEqual(['(its logs could not be read)']);
  });

  test('goes back although somebody removed the kept container: it is made again from its revision', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    const [old] = containersOf('twin');
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : {}));
    await host.apply(agentManifest('twin', {}, { BAD: '1' }));
    await host.until(phaseIs('twin', 'Verifying'), 60_000);
    await host.podman.removeContainer(old?.id ?? '');
    await host.until(phaseIs('twin', 'RolledBack'), 120_000);
    expect(host.status('twin')?.ready).toBe(true);
    expect(upOf('twin')).toEqual([old?.name]);
  });

  test('is tried again when its probes are corrected, though the container would be the same', async () => {
    const bad = { startupProbe: { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 2 } };
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    host.programs.set('twin', ({ env }) => (env['V'] ? { readyAfterMs: 8_000 } : {}));
    await host.apply(agentManifest('twin', bad, { V: '2' }));
    await host.until(phaseIs('twin', 'RolledBack'), 120_000);
    await host.apply(agentManifest('twin', {}, { V: '2' }));
    await host.until(phaseIs('twin', 'Healthy'), 120_000);
    expect(host.status('twin')?.currentRevision).toBe(host.status('twin')?.targetRevision);
  });

  test('to an image that was missing is tried again when the image appears', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    await host.apply(agentManifest('twin', { image: 'localhost/late:1' }));
    await host.until(phaseIs('twin', 'RolledBack'), 600_000);
    host.podman.controls.addImage('localhost/late:1');
    await host.until(phaseIs('twin', 'Healthy'), 600_000);
    expect(containersOf('twin')).toHaveLength(1);
  });

  test('never leaves two running, when there is nothing stable to go back to', async () => {
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : {}));
    await host.apply(agentManifest('twin', { rollout: { minHealthySeconds: 2, monitorSeconds: 300 } }));
    await host.start();
    await host.until(phaseIs('twin', 'Monitoring'), 60_000);
    const [first] = upOf('twin');
    await host.apply(agentManifest('twin', { rollout: { healthyDeadlineSeconds: 30 } }, { BAD: '1' }));
    await host.until(phaseIs('twin', 'RolledBack'), 300_000);
    expect(upOf('twin')).toEqual([first]);
  });

  test('of a job goes back to the one that had ended, without running it again, and is no success', async () => {
    const job = { restartPolicy: 'OnFailure', rollout: { minHealthySeconds: 2, healthyDeadlineSeconds: 30 } };
    host.programs.set('job', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : { exitAfterMs: 3_000 }));
    await host.apply(agentManifest('job', job));
    await host.start();
    await host.until(phaseIs('job', 'Completed'), 60_000);
    const before = host.status('job')?.currentRevision;
    await host.apply(agentManifest('job', job, { BAD: '1' }));
    await host.until(phaseIs('job', 'RolledBack'), 120_000);
    expect(host.status('job')).toMatchObject({ currentRevision: before, stableRevision: before });
    expect(upOf('job')).toEqual([]);
  });
});

describe('a first deploy without its image', () => {
  test('fails, says so, and goes on as soon as the image is there', async () => {
    await host.apply(agentManifest('twin', { image: 'localhost/late:1' }));
    await host.start();
    await host.until(phaseIs('twin', 'Failed'), 600_000);
    expect(host.status('twin')?.reason).toBe('ImageNotFound');
    host.podman.controls.addImage('localhost/late:1');
    await host.until(phaseIs('twin', 'Healthy'), 600_000);
  });
});

describe('in every state on the way', () => {
  const slow = { terminationGracePeriodSeconds: 5, rollout: { minHealthySeconds: 10, monitorSeconds: 20 } };
  const meet = async (state: string): Promise<void> => {
    host.programs.set('twin', () => ({ readyAfterMs: 3_000, stopAfterMs: 2_000 }));
    await host.apply(
      agentManifest('twin', slow),
      agentManifest('other'),
      agentManifest('third'),
      agentManifest('fourth'),
    );
    await host.start();
    await healthy('twin', 'other');
    host.latency = () => ({ thereMs: 500, backMs: 500 });
    await host.apply(agentManifest('twin', slow, { V: '2' }));
    const inState = (): boolean =>
      host.store().records.get({ kind: 'Agent', namespace: NAMESPACE, name: 'twin' })?.state === state;
    await host.until(inState, 120_000);
  };
  const STATES = ['Preparing', 'StoppingOld', 'Starting', 'Verifying', 'Monitoring'];

  test.each(STATES)('%s: another manifest takes over, and one container is left', async (state) => {
    await meet(state);
    await host.apply(agentManifest('twin', slow, { V: '3' }));
    await host.until(() => phaseIs('twin', 'Healthy')() && containersOf('twin').length === 1, 300_000);
    expect(containersOf('twin')[0]?.state).toBe('running');
    expect(host.status('twin')?.revisions.at(-1)?.cause).toContain('V');
  });

  test.each(STATES)('%s: the manifest is deleted, and nothing is left', async (state) => {
    await meet(state);
    await host.remove('Agent', 'twin');
    await host.until(() => containersOf('twin').length === 0, 120_000);
    await host.clock.advance(60_000);
    expect(
      host
        .store()
        .inventory.list()
        .map(({ key }) => key.name),
    ).not.toContain('twin');
  });

  test.each(STATES)('%s: suspended, nothing moves, and then it goes on', async (state) => {
    await meet(state);
    await host.apply(agentManifest('twin', { ...slow, suspend: true }, { V: '2' }));
    await host.clock.advance(20_000);
    host.podman.controls.calls = [];
    await host.clock.advance(600_000);
    expect(writes()).toEqual([]);
    await host.apply(agentManifest('twin', slow, { V: '2' }));
    await host.until(() => phaseIs('twin', 'Healthy')() && containersOf('twin').length === 1, 300_000);
  });
});

describe('deleted and put back', () => {
  test('while its container is still being stopped, it comes again', async () => {
    host.programs.set('twin', () => ({ stopAfterMs: 20_000 }));
    await host.apply(agentManifest('twin'), agentManifest('other'));
    await host.start();
    await healthy('twin', 'other');
    await host.remove('Agent', 'twin');
    await host.clock.advance(15_000);
    expect(host.store().records.get({ kind: 'Agent', namespace: NAMESPACE, name: 'twin' })?.state).toBe(
      'Terminating',
    );
    await host.apply(agentManifest('twin'));
    await host.until(phaseIs('twin', 'Healthy'), 120_000);
    expect(upOf('twin')).toHaveLength(1);
  });
});

describe('a foreign container', () => {
  test('with the name that we need is a conflict, never touched, and when it goes we go on', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    const [ours] = containersOf('twin');
    const template = {
      ...JSON.parse(Object.values(ours?.annotations ?? {})[0] ?? '{}'),
      env: {},
      secretEnv: {},
      mounts: [],
      ports: [],
    };
    host.crash();
    await host.podman.removeContainer(ours?.id ?? '');
    await host.podman.createContainer({ name: ours?.name ?? '', template, labels: {}, annotations: {} });
    const stranger = containersOf('twin')[0]?.id;
    await host.start();
    await host.clock.advance(300_000);
    expect(containersOf('twin').map(({ id, state }) => [id, state])).toEqual([[stranger, 'created']]);
    expect(host.status('twin')?.conditions.find(({ type }) => type === 'Stalled')?.status).toBe('True');
    await host.podman.removeContainer(stranger ?? '');
    await host.until(phaseIs('twin', 'Healthy'), 300_000);
  });
});

describe('reload', () => {
  test('signals once for each content, and never restarts', async () => {
    const reloading = {
      reload: { signal: 'HUP' },
      volumes: [{ name: 'file', configMap: { name: 'settings' } }],
      volumeMounts: [{ name: 'file', mountPath: '/etc/agent' }],
    };
    const settings = (level: string): object => manifest('ConfigMap', 'settings', { data: { level } });
    await host.apply(settings('1'), agentManifest('twin', reloading));
    await host.start();
    await healthy('twin');
    await host.apply(settings('2'));
    await host.clock.advance(60_000);
    expect(writes()).toEqual(['killContainer']);
    host.crash();
    await host.start();
    await host.clock.advance(60_000);
    await host.apply(settings('3'));
    await host.clock.advance(60_000);
    expect(writes()).toEqual(['killContainer', 'killContainer']);
  });
});

describe('a network that was lost in a start that was cut off', () => {
  test('is given back to a pod', async () => {
    await host.apply(manifest('PodGroup', 'core', { spec: {} }), agentManifest('left', { podGroup: 'core' }));
    await host.start();
    await healthy('left');
    const [pod] = await host.podman.listPods({});
    const [network = ''] = Object.keys(pod?.networks ?? {});
    await host.podman.controls.byHand.disconnectNetwork(network, pod?.infraId ?? '');
    await host.clock.advance(60_000);
    expect(await host.podman.listPods({})).toEqual([pod]);
  });

  test('is given back to the holder of a name', async () => {
    await host.apply(agentManifest('twin', { rollout: { strategy: 'BlueGreen' } }));
    await host.start();
    await healthy('twin');
    const holder = () => host.podman.controls.containers().find(({ name }) => name.endsWith('-holder'));
    const before = holder();
    const [network = ''] = Object.keys(before?.networks ?? {});
    await host.podman.controls.byHand.disconnectNetwork(network, before?.id ?? '');
    await host.clock.advance(60_000);
    expect(holder()).toEqual(before);
  });
});

describe('one change to many', () => {
  test('updates four at a time', async () => {
    const reader = (name: string): object =>
      agentManifest(name, {
        env: [
          { name: 'AGENT', value: name },
          { name: 'LEVEL', valueFrom: { configMapKeyRef: { name: 'settings', key: 'level' } } },
        ],
      });
    const names = Array.from({ length: 10 }, (_, index) => `reader${index}`);
    for (const name of names) host.programs.set(name, () => ({ readyAfterMs: 3_000 }));
    await host.apply(manifest('ConfigMap', 'settings', { data: { level: '1' } }), ...names.map(reader));
    await host.start();
    await healthy(...names);
    let fewest = names.length;
    host.podman.controls.afterCall = ({ method }) => {
      if (method === 'stopContainer') fewest = Math.min(fewest, host.running().length);
    };
    await host.apply(manifest('ConfigMap', 'settings', { data: { level: '2' } }));
    await host.clock.advance(1_000);
    await host.until(() => names.every((name) => phaseIs(name, 'Healthy')()), 300_000);
    expect(fewest).toBe(names.length - 4);
  });

  test('of two agents: the upper one waits until the lower one is promoted', async () => {
    const upper = (env = {}): object => agentManifest('upper', { dependsOn: [{ name: 'lower' }] }, env);
    host.programs.set('lower', () => ({ readyAfterMs: 5_000 }));
    await host.apply(agentManifest('lower'), upper());
    await host.start();
    await healthy('lower', 'upper');
    await host.apply(upper({ V: '2' }), agentManifest('lower', {}, { V: '2' }));
    await host.until(phaseIs('lower', 'Monitoring'), 60_000);
    const order = host.podman.controls.calls
      .filter(({ method }) => method === 'createContainer')
      .map(({ args }) => (args[0] as { name: string }).name.split('-')[0]);
    expect(order[0]).toBe(`${NAMESPACE}.lower`);
    await host.until(phaseIs('upper', 'Healthy'), 120_000);
    expect(host.running()).toHaveLength(2);
  });
});

describe('a job', () => {
  const job = (policy: string): object => agentManifest('job', { restartPolicy: policy });

  test.each(['OnFailure', 'Never'])(
    'with %s that ended well is completed, and lets through who waited',
    async (policy) => {
      host.programs.set('job', () => ({ exitAfterMs: 5_000 }));
      await host.apply(
        job(policy),
        agentManifest('after', { dependsOn: [{ name: 'job', condition: 'Completed' }] }),
      );
      await host.start();
      await host.clock.advance(3_000);
      expect(upOf('after')).toEqual([]);
      await host.until(phaseIs('after', 'Healthy'), 120_000);
      expect(host.status('job')).toMatchObject({ phase: 'Completed', restarts: 0 });
      host.podman.controls.calls = [];
      await host.clock.advance(600_000);
      expect(writes()).toEqual([]);
    },
  );

  test('with Never that ended badly has failed, and is not started again', async () => {
    host.programs.set('job', () => ({ exitAfterMs: 5_000, exitCode: 2 }));
    await host.apply(job('Never'));
    await host.start();
    await host.until(phaseIs('job', 'Failed'), 120_000);
    host.podman.controls.calls = [];
    await host.clock.advance(600_000);
    expect(writes()).toEqual([]);
  });

  test('with OnFailure that ended badly is started again until it ends well', async () => {
    let runs = 0;
    host.programs.set('job', () => {
      runs += 1;
      return { exitAfterMs: 200, exitCode: runs > 1 ? 0 : 2 };
    });
    await host.apply(job('OnFailure'));
    await host.start();
    await host.until(phaseIs('job', 'Completed'), 120_000);
    expect(host.status('job')?.restarts).toBe(1);
  });
});

describe('manifests that cannot be read', () => {
  test('freeze: a removed container is not made again, a crashed one is started', async () => {
    await host.apply(agentManifest('twin'), agentManifest('other'));
    await host.start();
    await healthy('twin', 'other');
    await host.loseRoot('the directory is gone');
    const [twin] = upOf('twin');
    host.podman.controls.kill(twin ?? '', 1);
    await host.podman.removeContainer(upOf('other')[0] ?? '');
    await host.clock.advance(120_000);
    expect(upOf('twin')).toEqual([twin]);
    expect(containersOf('other')).toEqual([]);
    await host.loseRoot(undefined);
    await host.until(phaseIs('other', 'Healthy'), 120_000);
  });
});

describe('an image that is rebuilt', () => {
  test('rolls the agents that run from it', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    const before = host.status('twin')?.currentRevision;
    host.podman.controls.addImage('localhost/other:1');
    const image = await host.podman.inspectImage('localhost/other:1');
    await host.podman.tagImage(image?.id ?? '', IMAGE);
    await host.clock.advance(1_000);
    await host.until(phaseIs('twin', 'Healthy'), 120_000);
    expect(host.status('twin')?.currentRevision).not.toBe(before);
    expect(keyString({ kind: 'Agent', namespace: NAMESPACE, name: 'twin' })).toContain('twin');
    expect(containersOf('twin')).toHaveLength(1);
  });
});

describe('a container that does not do well', () => {
  test('is killed when its startup probe fails, and given up after the second restart', async () => {
    host.programs.set('twin', () => ({ readyAfterMs: 1e9, stopExitCode: 0 }));
    const startupProbe = { tcpSocket: { port: 'rpc' }, periodSeconds: 1, failureThreshold: 2 };
    const ports = [{ name: 'rpc', containerPort: 5000 }, { containerPort: 5001 }];
    await host.apply(agentManifest('twin', { startupProbe, ports }));
    await host.start();
    await host.until(phaseIs('twin', 'Failed'), 60_000);
    expect(host.status('twin')).toMatchObject({ reason: 'CrashLoop' });
    expect(host.log.entries.map(({ fields }) => JSON.stringify(fields)).join()).toContain(
      'its startup probe failed',
    );
  });

  test('is killed when its liveness probe fails, whatever its exit code says', async () => {
    host.programs.set('twin', () => ({ unreadyAfterMs: 60_000, stopExitCode: 0 }));
    const livenessProbe = { tcpSocket: { port: 5000 }, periodSeconds: 2, failureThreshold: 2 };
    await host.apply(agentManifest('twin', { livenessProbe, restartPolicy: 'OnFailure' }));
    await host.start();
    await healthy('twin');
    await host.until(() => host.status('twin')?.restarts === 1, 120_000);
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
  });

  test('has recovered when it ran for ten minutes: its next crash is a first one', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    const [name = ''] = upOf('twin');
    for (let crash = 0; crash < 4; crash += 1) {
      host.podman.controls.kill(name, 1);
      await host.until(() => upOf('twin').length === 1, 60_000);
      await host.clock.advance(100);
    }
    host.podman.controls.kill(name, 1);
    await host.clock.advance(5_000);
    expect(upOf('twin')).toEqual([]);
    await host.clock.advance(700_000);
    host.podman.controls.kill(name, 1);
    await host.clock.advance(100);
    expect(upOf('twin')).toEqual([name]);
  });

  test('is told by its probes when it runs and is not well', async () => {
    host.programs.set('twin', () => ({ unreadyAfterMs: 60_000 }));
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    await host.until(phaseIs('twin', 'Degraded'), 120_000);
    const told = host
      .store()
      .events.list()
      .map(({ message }) => message);
    expect(told).toContain('it runs, but its probes fail');
  });
});

describe('a reboot in the middle of an update', () => {
  const updating = async (phase: string): Promise<void> => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    host.programs.set('twin', () => ({ readyAfterMs: 3_000 }));
    await host.apply(agentManifest('twin', {}, { VERSION: '2' }));
    await host.until(phaseIs('twin', phase));
    await host.clock.advance(1_000);
  };

  test.each(['Verifying', 'Monitoring'])('that was %s is held against nobody', async (phase) => {
    await updating(phase);
    const offMs = 400_000;
    host.crash();
    host.podman.controls.reboot();
    await host.clock.advance(offMs);
    await host.reboot();
    await host.until(() => !host.isBooting() && phaseIs('twin', 'Healthy')(), 100_000);
    expect(upOf('twin')).toEqual([expect.stringMatching(/-2-0$/)]);
    expect(
      host
        .store()
        .records.list()[0]
        ?.revisions.map(({ outcome }) => outcome),
    ).not.toContain('Failed');
  });

  test('is held against a revision that does not come up again', async () => {
    await updating('Monitoring');
    host.programs.set('twin', ({ env }) => (env['VERSION'] === '2' ? { readyAfterMs: 1e12 } : {}));
    await host.reboot();
    await host.until(() => !host.isBooting() && phaseIs('twin', 'RolledBack')(), 300_000);
  });

  test('is held against a revision that crashes when it comes up again', async () => {
    await updating('Monitoring');
    host.programs.set('twin', ({ env }) => (env['VERSION'] === '2' ? { exitAfterMs: 500, exitCode: 1 } : {}));
    await host.reboot();
    await host.until(() => !host.isBooting() && phaseIs('twin', 'RolledBack')(), 30_000);
  });
});

describe('a wall clock that is set', () => {
  const HOUR_MS = 3_600_000;

  test.each([
    ['back', -HOUR_MS],
    ['forward', HOUR_MS],
  ])('%s in the middle of an update neither fails it nor holds it up', async (_way, byMs) => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    await host.apply(agentManifest('twin', {}, { VERSION: '2' }));
    await host.until(phaseIs('twin', 'Verifying'));
    host.jump(byMs);
    await host.until(phaseIs('twin', 'Healthy'), 30_000);
    expect(upOf('twin')).toEqual([expect.stringMatching(/-2-0$/)]);
  });

  test.each([
    ['back', -HOUR_MS],
    ['forward', HOUR_MS],
  ])('%s between a look at an agent and the decision about it counts for nobody', async (_way, byMs) => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await healthy('twin');
    await host.apply(agentManifest('twin', {}, { VERSION: '2' }));
    await host.until(phaseIs('twin', 'Verifying'));
    const startedAtMs = host.clock.now();
    host.latency = (method) => ({ thereMs: method === 'inspectImage' ? 200 : 0, backMs: 0 });
    await host.podman.controls.byHand.tagImage(IMAGE, 'localhost/agent:also');
    await host.until(() => host.podman.controls.calls.some(({ method }) => method === 'inspectImage'));
    await host.clock.advance(100);
    host.jump(byMs);
    await host.until(phaseIs('twin', 'Monitoring'), 5_000);
    expect(host.clock.now() - startedAtMs).toBeGreaterThanOrEqual(2_000);
    await host.until(phaseIs('twin', 'Healthy'), 12_000);
  });

  test('back does not keep a container down that crashed before', async () => {
    host.programs.set('twin', () => ({ exitAfterMs: 1_000, exitCode: 1 }));
    await host.apply(agentManifest('twin', { rollout: { minHealthySeconds: 0, monitorSeconds: 0 } }));
    await host.start();
    await host.until(() => upOf('twin').length === 0 && containersOf('twin').length === 1);
    await host.until(() => upOf('twin').length === 1);
    await host.until(() => upOf('twin').length === 0);
    host.jump(-HOUR_MS);
    await host.until(() => upOf('twin').length === 1, 60_000);
  });

  test('back while the controller is away does not stretch what it had begun', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(phaseIs('twin', 'Monitoring'));
    host.crash();
    host.jump(-HOUR_MS);
    host.launch();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
  });
});
