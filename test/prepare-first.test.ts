import { beforeEach, describe, expect, test } from 'vitest';
import { PodmanError } from '../src/podman/errors.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const phaseIs = (name: string, phase: string) => (): boolean => host.status(name)?.phase === phase;
const writes = (): string[] =>
  host.podman.controls.calls
    .map(({ method }) => method)
    .filter((method) => /^(start|stop|kill|remove|rename|update|connect|disconnect)/.test(method));
const condition = (type: string) => host.status('twin')?.conditions.find((one) => one.type === type);
const image = (containerfile: string): object => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'Image',
  metadata: { name: 'base', namespace: NAMESPACE },
  spec: { tag: 'localhost/base:1', build: { context: './base', containerfile } },
});

const deploy = async (...more: object[]): Promise<void> => {
  await host.apply(agentManifest('twin'), ...more);
  await host.start();
  await host.until(phaseIs('twin', 'Healthy'), 60_000);
  host.podman.controls.calls = [];
};

const expectUntouched = (reason: string, words: string): void => {
  expect(writes()).toEqual([]);
  expect(condition('Ready')?.status).toBe('True');
  expect(condition('Synced')).toMatchObject({ status: 'False', reason });
  expect(condition('Synced')?.message).toContain(words);
  expect(host.status('twin')).toMatchObject({ ready: true, reason });
};

describe('an update that cannot be had leaves what serves untouched, and says which part', () => {
  test('an image whose build fails', async () => {
    await deploy();
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'buildImage') throw new PodmanError('BuildFailed', 'step 2 exited with 1');
    };
    await host.apply(image('Containerfile'), agentManifest('twin', { image: 'localhost/base:1' }));
    await host.clock.advance(30_000);
    expectUntouched('BuildFailed', 'Image base');
    expect(host.status('twin')?.observedGeneration).toBe(1);
    host.podman.controls.beforeCall = () => undefined;
    await host.apply(image('Containerfile.fixed'));
    await host.clock.advance(1_000);
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(condition('Synced')?.status).toBe('True');
  });

  test('a volume that cannot be made for the time being', async () => {
    await deploy();
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'createVolume') throw new PodmanError('NoSpace', 'no space left on device');
    };
    const volume = {
      apiVersion: 'rookery.dev/v1alpha1',
      kind: 'Volume',
      metadata: { name: 'data', namespace: NAMESPACE },
      spec: {},
    };
    const withVolume = agentManifest('twin', {
      volumes: [{ name: 'data', volume: { claimName: 'data' } }],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    });
    await host.apply(volume, withVolume);
    await host.clock.advance(10_000);
    expectUntouched('Retrying', 'no space left on device');
    host.podman.controls.beforeCall = () => undefined;
    await host.clock.advance(60_000);
    await host.until(phaseIs('twin', 'Healthy'), 60_000);
    expect(condition('Synced')?.status).toBe('True');
  });

  test('a candidate that cannot be created: the disk is full', async () => {
    await deploy();
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'createContainer') throw new PodmanError('NoSpace', 'no space left on device');
    };
    await host.apply(agentManifest('twin', {}, { V: '2' }));
    await host.clock.advance(1_000);
    expectUntouched('DiskFull', 'no space left on device');
    await host.until(phaseIs('twin', 'RolledBack'), 600_000);
    expectUntouched('DiskFull', 'no space left on device');
  });

  test('and a restart of the controller, which waits a moment for its inputs, is no such news', async () => {
    await deploy();
    const before = condition('Synced');
    host.crash();
    await host.start();
    await host.clock.advance(10_000);
    expect(condition('Synced')).toEqual(before);
  });
});
