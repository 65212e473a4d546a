import { beforeEach, describe, expect, test } from 'vitest';
import {
  agentManifest,
  createSimulatedHost,
  IMAGE,
  NAMESPACE,
  type SimulatedHost,
} from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const phaseIs = (phase: string) => (): boolean => host.status('twin')?.phase === phase;
const calls = (): string[] => host.podman.controls.calls.map(({ method }) => method);
const told = () =>
  host
    .store()
    .events.list()
    .filter(({ reason }) => reason === 'RollbackUnavailable');
const deployed = async (replicas = 1): Promise<void> => {
  await host.apply(agentManifest('twin', { replicas }));
  await host.start();
  await host.until(phaseIs('Healthy'), 60_000);
  await host.clock.advance(15_000);
  host.podman.controls.calls = [];
};
/** As `podman system prune --all` would: every stopped container, then every image that none uses. */
const prune = async (): Promise<void> => {
  for (const { id, state } of host.podman.controls.containers())
    if (state !== 'running') await host.podman.removeContainer(id);
  const used = new Set(host.podman.controls.containers().map(({ imageId }) => imageId));
  for (const { id, references } of await host.podman.listImages({})) {
    if (used.has(id)) continue;
    for (const reference of references) await host.podman.removeImage(reference);
  }
};
const OTHER = 'localhost/other:1';

describe('a way back that is missing', () => {
  /** On a second revision, from another image, that has not proved itself; the first is pruned away. */
  const pruned = async (): Promise<void> => {
    await deployed();
    host.podman.controls.addImage(OTHER);
    await host.apply(agentManifest('twin', { image: OTHER, rollout: SLOW }));
    await host.until(phaseIs('Monitoring'), 60_000);
    await prune();
    host.podman.controls.calls = [];
  };
  const SLOW = { minHealthySeconds: 2, monitorSeconds: 300, healthyDeadlineSeconds: 30 };

  test('is told before anything is touched, in an event and a condition, and the update goes on', async () => {
    await pruned();
    const stop = new Promise<number>((resolve) => {
      host.podman.controls.beforeCall = ({ method }) => {
        if (method === 'createContainer') resolve(told().length);
      };
    });
    await host.apply(agentManifest('twin', { image: OTHER, rollout: SLOW }, { V: '3' }));
    await host.until(phaseIs('Verifying'), 60_000);
    expect(await stop).toBe(1);
    expect(told()[0]?.message).toContain(`container and image ${IMAGE}`);
    const progressing = host.status('twin')?.conditions.find(({ type }) => type === 'Progressing');
    expect(progressing).toMatchObject({ status: 'True', reason: 'RollbackUnavailable' });
    await host.until(phaseIs('Healthy'), 600_000);
    expect(told()).toHaveLength(1);
  });

  test('is not tried: what served before, though it had not proved itself, serves again', async () => {
    await pruned();
    const before = host.status('twin')?.currentRevision;
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { exitAfterMs: 50, exitCode: 1 } : {}));
    await host.apply(agentManifest('twin', { image: OTHER, rollout: SLOW }, { BAD: '1' }));
    await host.until(phaseIs('RolledBack'), 120_000);
    expect(host.status('twin')).toMatchObject({ ready: true, currentRevision: before, reason: 'CrashLoop' });
  });

  test('that goes in the middle of the update is not tried either: the candidate runs on, as best it can', async () => {
    await deployed();
    host.podman.controls.addImage(OTHER);
    host.programs.set('twin', ({ env }) => (env['BAD'] ? { readyAfterMs: 1e9 } : {}));
    await host.apply(agentManifest('twin', { image: OTHER, rollout: SLOW }, { BAD: '1' }));
    await host.until(phaseIs('Verifying'), 60_000);
    await prune();
    await host.until(phaseIs('Failed'), 120_000);
    expect(host.running()).toHaveLength(1);
    host.programs.set('twin', () => ({}));
    await host.until(phaseIs('Healthy'), 600_000);
  });

  test('is not tried while one of the new replicas still serves', async () => {
    await deployed(2);
    host.podman.controls.addImage(OTHER);
    await host.apply(agentManifest('twin', { image: OTHER, replicas: 2, rollout: SLOW }));
    await host.until(phaseIs('Monitoring'), 120_000);
    await prune();
    host.podman.controls.calls = [];
    const one = host.running().find((name) => name.endsWith('-0')) ?? '';
    host.programs.set('twin', () => ({ exitAfterMs: 50, exitCode: 1 }));
    host.podman.controls.kill(one, 1);
    await host.until(phaseIs('Failed'), 120_000);
    expect(calls()).not.toContain('stopContainer');
    await host.until(() => host.status('twin')?.readyReplicas === 1, 60_000);
  });

  test('is no news of an update that has one', async () => {
    await deployed();
    await host.apply(agentManifest('twin', {}, { V: '2' }));
    await host.until(phaseIs('Monitoring'), 60_000);
    expect(told()).toEqual([]);
  });

  test('is told of a secret too, that a start reads again', async () => {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'token', namespace: NAMESPACE },
      stringData: { a: 'hush' },
    };
    const env = [
      { name: 'AGENT', value: 'twin' },
      { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'token', key: 'a' } } },
    ];
    await host.apply(secret, agentManifest('twin', { env }));
    await host.start();
    await host.until(phaseIs('Healthy'), 60_000);
    for (const name of await host.podman.listSecrets('rookery-')) await host.podman.removeSecret(name);
    await host.apply(agentManifest('twin'));
    await host.until(phaseIs('Monitoring'), 60_000);
    expect(told()[0]?.message).toMatch(/secret rookery-\w+-\w+ are gone/);
  });
});

describe('while the image of the stable revision is only dangling', () => {
  test('a name of ours keeps it', async () => {
    await deployed();
    const before = await host.podman.inspectImage(IMAGE);
    await host.podman.removeImage(IMAGE);
    expect((await host.podman.inspectImage(before?.id ?? ''))?.references).toEqual([
      expect.stringMatching(/^localhost\/rookery\/kept-\w{8}:[0-9a-f]{64}$/),
    ]);
    expect(calls().filter((method) => method === 'listImages').length).toBeLessThan(3);
  });
});
