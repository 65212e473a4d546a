import { beforeEach, describe, expect, test } from 'vitest';
import { PodmanError } from '../src/podman/errors.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const phaseIs = (name: string, phase: string) => (): boolean => host.status(name)?.phase === phase;
const callsTo = (method: string): string[] =>
  host.podman.controls.calls
    .filter((call) => call.method === method)
    .map(({ args }) => JSON.stringify(args[0]));
const writes = (): string[] =>
  host.podman.controls.calls
    .map(({ method }) => method)
    .filter((method) => /^(create|start|stop|kill|remove|rename|update|connect|disconnect)/.test(method));

describe('the first deploy', () => {
  test('goes from nothing to healthy, and stays at rest', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(host.status('twin')).toMatchObject({ ready: true, restarts: 0 });
    host.podman.controls.calls = [];
    await host.clock.advance(600_000);
    expect(writes()).toEqual([]);
  });

  test('a dependent starts only once its dependency is ready, and as soon as it is', async () => {
    host.programs.set('twin', () => ({ readyAfterMs: 5_000 }));
    await host.apply(
      agentManifest('model', { dependsOn: [{ name: 'twin' }] }),
      agentManifest('twin', { rollout: { minHealthySeconds: 30, monitorSeconds: 60 } }),
    );
    await host.start();
    await host.clock.advance(3_000);
    expect(host.running().map((name) => name.split('-')[0])).toEqual([`${NAMESPACE}.twin`]);
    expect(host.status('model')).toMatchObject({ phase: 'Blocked', reason: 'WaitingForDependency' });
    await host.clock.advance(4_000);
    expect(host.running()).toHaveLength(2);
    expect(host.status('twin')?.phase).toBe('Verifying');
  });

  test('a required agent waits for every required agent of the layers below, an optional one blocks nobody', async () => {
    host.programs.set('never', () => ({ readyAfterMs: 1e9 }));
    await host.apply(
      agentManifest('infra', { layer: 0 }),
      agentManifest('never', { layer: 0, required: false }),
      agentManifest('core', { layer: 1 }),
    );
    await host.start();
    await host.until(phaseIs('core', 'Healthy'), 60_000);
    const starts = callsTo('startContainer').map((name) => name.replace(/-.*/, ''));
    expect(starts.indexOf(`"${NAMESPACE}.infra`)).toBeLessThan(starts.indexOf(`"${NAMESPACE}.core`));
  });

  test('a crash loop fails after two restarts, says why with its last words, and recovers when it can', async () => {
    host.programs.set('bad', () => ({
      exitAfterMs: 100,
      readyAfterMs: 1_000,
      exitCode: 3,
      output: [{ stream: 'stderr', text: 'no model' }],
    }));
    await host.apply(agentManifest('bad'), agentManifest('above', { dependsOn: [{ name: 'bad' }] }));
    await host.start();
    await host.until(phaseIs('bad', 'Failed'), 60_000);
    expect(host.status('bad')).toMatchObject({ reason: 'CrashLoop' });
    expect(host.status('bad')?.revisions[0]?.failure?.logTail).toContain('no model');
    await host.until(() => host.status('above')?.reason === 'DependencyFailed', 10_000);
    expect(host.status('above')?.message).toContain('bad is Failed: CrashLoop');
    host.programs.set('bad', () => ({}));
    await host.until(phaseIs('above', 'Healthy'), 600_000);
    expect(host.status('bad')?.phase).toBe('Healthy');
  });
});

describe('an update', () => {
  const deploy = async (env: Record<string, string> = {}): Promise<void> => {
    await host.apply(agentManifest('twin', {}, env), agentManifest('other'));
    await host.start();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    await host.until(phaseIs('other', 'Healthy'), 60_000);
    host.podman.controls.calls = [];
  };

  test('recreates exactly the agent that changed, and says what changed', async () => {
    await deploy({ LOG_LEVEL: 'INFO' });
    await host.apply(agentManifest('twin', {}, { LOG_LEVEL: 'DEBUG' }));
    await host.until(phaseIs('twin', 'Monitoring'), 60_000);
    expect(writes()).toEqual(['createContainer', 'stopContainer', 'startContainer']);
    const [old, current] = host.status('twin')?.revisions ?? [];
    expect(current?.cause).toBe('env LOG_LEVEL changed INFO → DEBUG');
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(writes().at(-1)).toBe('removeContainer');
    expect(old?.id).not.toBe(current?.id);
  });

  test('that crashes goes back to the stable revision by itself, and is never called a success', async () => {
    await deploy();
    const before = host.status('twin')?.stableRevision;
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { exitAfterMs: 50, exitCode: 1 } : {}));
    await host.apply(agentManifest('twin', {}, { BAD: '1' }));
    await host.until(phaseIs('twin', 'RolledBack'), 60_000);
    const status = host.status('twin');
    expect(status).toMatchObject({ ready: true, currentRevision: before, stableRevision: before });
    expect(status?.revisions.map(({ outcome }) => outcome)).toEqual(['Stable', 'Failed']);
    expect(status?.restarts).toBe(3);
    expect(condition('twin', 'Synced')).toBe('False');
    expect(condition('twin', 'Stalled')).toBe('True');
    expect(status?.conditions.find(({ type }) => type === 'Stalled')?.reason).toBe('RolledBack');
    expect(status?.conditions.find(({ type }) => type === 'Ready')?.message).toBe('');
    expect(status?.lastPlan?.some((line) => line.includes('(rollback: exited 3 times'))).toBe(true);
    const { problems } = await host.engine().backend.plan();
    expect(problems[0]).toContain('Agent/sim/twin is RolledBack: exited 3 times');
    host.podman.controls.calls = [];
    await host.clock.advance(3_600_000);
    expect(writes()).toEqual([]);
  });

  test('that turns unhealthy after promotion is rolled back within the monitor window', async () => {
    await deploy();
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { unreadyAfterMs: 6_000 } : {}));
    await host.apply(agentManifest('twin', {}, { BAD: '1' }));
    await host.until(phaseIs('twin', 'Monitoring'), 60_000);
    await host.until(phaseIs('twin', 'RolledBack'), 60_000);
    expect(host.status('twin')?.revisions[1]?.failure?.reason).toBe('UnhealthyAfterPromotion');
  });

  test('to an image that is not there leaves the old one untouched', async () => {
    await deploy();
    await host.apply(agentManifest('twin', { image: 'localhost/missing:1' }));
    await host.until(phaseIs('twin', 'RolledBack'), 600_000);
    expect(writes()).toEqual([]);
    expect(host.status('twin')).toMatchObject({ ready: true, reason: 'ImageNotFound' });
  });

  test('to an image that is not there waits for a person where the manifest says so, the old one serving', async () => {
    await deploy();
    const asks = { image: 'localhost/none:1', rollout: { onFailure: 'Pause' } };
    await host.apply(agentManifest('top', { dependsOn: [{ name: 'twin' }] }));
    await host.until(() => host.status('top')?.phase === 'Healthy', 60_000);
    await host.apply(agentManifest('twin', { ...asks, imagePullPolicy: 'Never' }));
    await host.until(() => host.status('twin')?.phase === 'Paused', 300_000);
    expect(host.status('twin')).toMatchObject({ ready: true, readyReplicas: 1, reason: 'ErrImageNeverPull' });
    await host.clock.advance(1_000);
    const below = host.status('top')?.conditions.find(({ type }) => type === 'DependenciesReady');
    expect(below?.status).toBe('True');
  });

  test('to a port that is taken leaves the old one serving and says so', async () => {
    await deploy();
    host.takenPorts.add(7120);
    await host.apply(agentManifest('twin', { ports: [{ containerPort: 7120, hostPort: 7120 }] }));
    await host.clock.advance(20_000);
    expect(host.status('twin')).toMatchObject({ ready: true, reason: 'PortInUse' });
    expect(writes()).toEqual([]);
    host.takenPorts.clear();
    await host.until(phaseIs('twin', 'Healthy'), 600_000);
  });

  test('that is taken back before it was tried changes nothing', async () => {
    await deploy();
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : {}));
    await host.apply(agentManifest('twin', {}, { BAD: '1' }));
    await host.until(phaseIs('twin', 'Verifying'), 60_000);
    await host.apply(agentManifest('twin'));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(host.running().filter((name) => name.includes('twin'))).toHaveLength(1);
    expect(host.podman.controls.containers().filter(({ name }) => name.includes('twin'))).toHaveLength(1);
  });

  test('of probes alone restarts nothing', async () => {
    await deploy();
    await host.apply(
      agentManifest('twin', { readinessProbe: { tcpSocket: { port: 5001 }, periodSeconds: 2 } }),
    );
    await host.clock.advance(60_000);
    expect(writes()).toEqual([]);
  });

  test('while a dependency is away is not judged', async () => {
    await host.apply(agentManifest('twin'), agentManifest('model', { dependsOn: [{ name: 'twin' }] }));
    await host.start();
    await host.until(phaseIs('model', 'Healthy'), 120_000);
    host.programs.set('model', ({ env }) => (env['V'] ? { unreadyAfterMs: 5_000, readyAfterMs: 1_000 } : {}));
    await host.apply(agentManifest('model', { dependsOn: [{ name: 'twin' }] }, { V: '2' }));
    await host.until(phaseIs('model', 'Monitoring'), 60_000);
    host.programs.set('twin', () => ({ readyAfterMs: 120_000 }));
    host.podman.controls.kill(host.running().find((name) => name.includes('twin')) ?? '', 137);
    await host.clock.advance(30_000);
    expect(host.status('model')?.phase).toBe('Monitoring');
  });
});

describe('behind our back', () => {
  const settle = async (spec: object = {}): Promise<string> => {
    await host.apply(agentManifest('twin', spec));
    await host.start();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    host.podman.controls.calls = [];
    return host.running()[0] ?? '';
  };

  test('a killed container is started again at once, the next ones after a back-off', async () => {
    const name = await settle();
    host.podman.controls.kill(name, 137);
    await host.clock.advance(1_000);
    expect(host.running()).toEqual([name]);
    host.podman.controls.kill(name, 137);
    await host.clock.advance(500);
    expect(host.running()).toEqual([]);
    await host.clock.advance(1_500);
    expect(host.running()).toEqual([name]);
    expect(host.status('twin')).toMatchObject({ restarts: 2 });
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
  });

  test('a removed container is made again', async () => {
    const name = await settle();
    await host.podman.removeContainer(name);
    await host.clock.advance(1_000);
    expect(host.running()).toEqual([name]);
  });

  test('a stopped container is started again', async () => {
    const name = await settle();
    await host.podman.stopContainer(name, 0);
    await host.clock.advance(2_000);
    expect(host.running()).toEqual([name]);
  });

  test('a renamed container gets its name back', async () => {
    const name = await settle();
    await host.podman.renameContainer(name, 'mine-now');
    await host.clock.advance(60_000);
    expect(host.running()).toEqual([name]);
    expect(callsTo('createContainer')).toEqual([]);
  });

  test('a call that fails again and again waits for its back-off, whichever call it is', async () => {
    const name = await settle();
    let calls = 0;
    await host.podman.renameContainer(name, 'mine-now');
    host.podman.controls.beforeCall = ({ method }) => {
      if (method !== 'renameContainer') return;
      calls += 1;
      throw new PodmanError('Other', 'cannot be renamed now');
    };
    await host.clock.advance(60_000);
    expect(calls).toBeGreaterThan(1);
    expect(calls).toBeLessThan(12);
  });

  test('drift is only told with driftPolicy Report', async () => {
    const name = await settle({ driftPolicy: 'Report' });
    await host.podman.renameContainer(name, 'mine-now');
    await host.clock.advance(60_000);
    expect(host.running()).toEqual(['mine-now']);
    expect(condition('twin', 'Synced')).toBe('False');
  });

  test('a foreign container with our name is a conflict and never touched', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    const mine = host.podman.controls.containers()[0];
    await host.stop();
    expect(mine).toBeDefined();
  });
});

describe('the controller itself', () => {
  test('restarted, adopts the running world and touches nothing', async () => {
    await host.apply(agentManifest('twin'), agentManifest('model', { dependsOn: [{ name: 'twin' }] }));
    await host.start();
    await host.until(phaseIs('model', 'Healthy'), 120_000);
    host.crash();
    host.podman.controls.calls = [];
    await host.start();
    await host.clock.advance(60_000);
    expect(writes()).toEqual([]);
    expect(host.phases()).toEqual({ twin: 'Healthy', model: 'Healthy' });
  });

  test('after a reboot starts in the order of the dependencies', async () => {
    host.programs.set('twin', () => ({ readyAfterMs: 5_000 }));
    await host.apply(agentManifest('twin'), agentManifest('model', { dependsOn: [{ name: 'twin' }] }));
    await host.start();
    await host.until(phaseIs('model', 'Healthy'), 120_000);
    await host.reboot();
    await host.clock.advance(3_000);
    expect(host.running().filter((name) => name.includes('model'))).toEqual([]);
    await host.until(() => host.running().length === 2, 20_000);
    expect(host.status('twin')?.restarts).toBe(0);
  });

  test('does not take an outage of Podman for the death of everything', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    host.podman.controls.calls = [];
    host.podman.controls.down();
    await host.clock.advance(120_000);
    expect(host.status('twin')?.phase).toBe('Unknown');
    host.podman.controls.up();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(writes()).toEqual([]);
  });

  test('notices a Podman that hangs with its event stream open', async () => {
    await host.apply(agentManifest('twin'));
    await host.start();
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'listContainers') throw new PodmanError('Timeout', 'no answer within 30 s');
    };
    await host.clock.advance(40_000);
    expect(host.engine().backend.readiness()).toContainEqual({
      check: 'podman',
      ok: false,
      message: 'no answer within 30 s',
    });
    host.podman.controls.beforeCall = () => undefined;
    await host.clock.advance(40_000);
    expect(host.engine().backend.readiness()[0]).toMatchObject({ check: 'podman', ok: true });
    expect(host.status('twin')?.phase).toBe('Healthy');
  });

  test('removes what left the manifests after two looks, and keeps what it cannot read', async () => {
    await host.apply(
      agentManifest('twin'),
      agentManifest('model', { dependsOn: [{ name: 'twin' }] }),
      agentManifest('third'),
    );
    await host.start();
    await host.until(phaseIs('model', 'Healthy'), 120_000);
    await host.loseRoot('gone');
    await host.clock.advance(60_000);
    expect(host.running()).toHaveLength(3);
    await host.loseRoot(undefined);
    await host.remove('Agent', 'model');
    await host.clock.advance(5_000);
    expect(host.running()).toHaveLength(3);
    await host.clock.advance(10_000);
    expect(host.running().filter((name) => name.includes('model'))).toEqual([]);
    expect(host.podman.controls.containers()).toHaveLength(2);
  });

  test('suspended, does nothing, and goes on afterwards', async () => {
    await host.apply(agentManifest('twin', { suspend: true }));
    await host.start();
    await host.clock.advance(60_000);
    expect(host.running()).toEqual([]);
    expect(host.status('twin')?.phase).toBe('Suspended');
    await host.apply(agentManifest('twin'));
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
  });

  test('says NotYetSupported for what it does not do yet', async () => {
    await host.apply(agentManifest('twin', { runtime: 'Process' }));
    await host.start();
    await host.clock.advance(10_000);
    expect(host.status('twin')).toMatchObject({ phase: 'Blocked', reason: 'NotYetSupported' });
  });
});

const condition = (name: string, type: string): string | undefined =>
  host.status(name)?.conditions.find((candidate) => candidate.type === type)?.status;
