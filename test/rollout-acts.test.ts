import { beforeEach, describe, expect, test } from 'vitest';
import type { ActRequest } from '../src/api/act-request.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
  host.programs.set('twin', ({ env }) => (env['BAD'] ? { exitAfterMs: 50, exitCode: 1 } : {}));
});

const phaseIs = (phase: string) => (): boolean => host.status('twin')?.phase === phase;
const twin = (version: string, spec: object = {}, env: Record<string, string> = {}): object =>
  agentManifest('twin', spec, { VERSION: version, ...env });
const status = () => {
  const found = host.status('twin');
  if (!found) throw new Error('no status');
  return found;
};
const runningEnv = (): (string | undefined)[] =>
  host.podman.controls
    .containers()
    .filter(({ state }) => state === 'running')
    .map(
      ({ annotations }) => /"VERSION":"(\w+)"/.exec(JSON.stringify(annotations).replaceAll('\\', ''))?.[1],
    );
const annotations = (): Readonly<Record<string, string>> =>
  host.engine().backend.objects.get('Agent', NAMESPACE, 'twin')?.metadata.annotations ?? {};
const condition = (type: string) => status().conditions.find((one) => one.type === type);

async function act(request: ActRequest): Promise<string> {
  const answer = host.engine().backend.act(NAMESPACE, 'twin', request);
  answer.catch(() => undefined);
  await host.clock.settle();
  return answer;
}

async function deploy(...versions: string[]): Promise<void> {
  await host.apply(twin('v0'));
  await host.start();
  await host.until(phaseIs('Healthy'));
  for (const version of versions) {
    await host.apply(twin(version));
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === version);
  }
}

describe('undo', () => {
  test('goes back to the stable revision before, holds over a restart, and ends with the next manifest', async () => {
    await deploy('v1');
    await expect(act({ action: 'undo' })).resolves.toMatch(/^twin goes back to revision/);
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v0');
    expect(status()).toMatchObject({ reason: 'UndoneByUser', ready: true });
    expect(condition('Synced')).toMatchObject({ status: 'False', reason: 'UndoneByUser' });
    expect(status().rollouts?.at(-1)).toMatchObject({ trigger: 'Undo', outcome: 'Stable' });
    expect(Object.keys(annotations())).toContain('rookery.dev/undo-to-revision');
    await host.stop();
    await host.start();
    await host.clock.advance(600_000);
    expect(runningEnv()).toEqual(['v0']);
    await host.apply(twin('v2'));
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v2');
    expect(condition('Synced')?.status).toBe('True');
    expect(annotations()).toEqual({});
    expect(host.store().annotations.list()).toEqual([]);
  });

  test('ends with resume, and the manifest is followed again', async () => {
    await deploy('v1');
    await act({ action: 'undo' });
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v0');
    await expect(act({ action: 'resume' })).resolves.toBe('twin follows its manifest again');
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v1');
    expect(condition('Synced')?.status).toBe('True');
  });

  test('of an undo follows the manifest again', async () => {
    await deploy('v1');
    await act({ action: 'undo' });
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v0');
    await expect(act({ action: 'undo' })).resolves.toMatch(/follows its manifest again/);
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v1');
    expect(annotations()).toEqual({});
  });

  test('to a named revision', async () => {
    await deploy('v1', 'v2');
    const [first] = status().revisions;
    await act({ action: 'undo', toRevision: first?.id.slice(0, 6) ?? '' });
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v0');
    expect(status().currentRevision).toBe(first?.id);
  });

  test('of an update that is under way gives it up', async () => {
    await deploy();
    await host.apply(twin('v1', { rollout: { minHealthySeconds: 600, healthyDeadlineSeconds: 3_600 } }));
    await host.until(phaseIs('Verifying'));
    await act({ action: 'undo' });
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v0');
    expect(status().rollouts?.map(({ outcome }) => outcome)).toContain('Superseded');
  });

  test('that fails is rolled back once, and not tried again', async () => {
    await deploy('v1');
    host.programs.set('twin', ({ env }) => (env['VERSION'] === 'v0' ? { exitAfterMs: 50, exitCode: 9 } : {}));
    await act({ action: 'undo' });
    await host.until(phaseIs('RolledBack'));
    await host.clock.advance(3_600_000);
    expect(runningEnv()).toEqual(['v1']);
    expect(phaseIs('RolledBack')()).toBe(true);
    expect(status().rollouts).toHaveLength(3);
  });

  test('touches nothing when its image is gone', async () => {
    await deploy();
    host.podman.controls.addImage('localhost/agent:2');
    await host.apply(agentManifest('twin', { image: 'localhost/agent:2' }, { VERSION: 'v1' }));
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v1');
    const image = await host.podman.inspectImage('localhost/agent:1');
    for (const reference of image?.references ?? []) await host.podman.removeImage(reference);
    host.podman.controls.calls = [];
    await expect(act({ action: 'undo' })).rejects.toThrow(
      /cannot run again: its image localhost\/agent:1 is not in/,
    );
    await host.clock.advance(60_000);
    expect(
      host.podman.controls.calls.filter(({ method }) => /^(create|start|stop|remove)/.test(method)),
    ).toEqual([]);
    expect(annotations()).toEqual({});
  });

  test.each([
    [{}, /has no earlier revision that proved itself; see: rookery rollout history twin -n sim/],
    [{ toRevision: 'abcd1234' }, /has no kept revision abcd1234/],
  ])('without a way back is refused: %j', async (more, message) => {
    await deploy();
    await expect(act({ action: 'undo', ...more })).rejects.toThrow(message);
  });

  test('to what failed, or runs, is refused', async () => {
    await deploy();
    const { currentRevision = '' } = status();
    await host.apply(twin('v1', {}, { BAD: '1' }));
    await host.until(phaseIs('RolledBack'));
    const failed = status().targetRevision ?? '';
    await expect(act({ action: 'undo', toRevision: failed })).rejects.toThrow(
      /which failed; to try it again/,
    );
    await host.apply(twin('v0'));
    await host.until(phaseIs('Healthy'));
    await expect(act({ action: 'undo', toRevision: currentRevision })).rejects.toThrow(
      /runs revision .* already/,
    );
  });
});

describe('pause and resume', () => {
  test('hold the update in its soak, across a restart of the controller', async () => {
    await deploy();
    await host.apply(twin('v1', { rollout: { minHealthySeconds: 5, healthyDeadlineSeconds: 30 } }));
    await host.until(phaseIs('Verifying'));
    await expect(act({ action: 'pause' })).resolves.toBe('twin is paused in Verifying');
    await host.clock.advance(600_000);
    expect(status()).toMatchObject({ phase: 'Paused', reason: 'PausedByUser' });
    await host.stop();
    await host.start();
    await host.clock.advance(600_000);
    expect(phaseIs('Paused')()).toBe(true);
    await expect(act({ action: 'pause' })).rejects.toThrow('twin is paused already');
    await act({ action: 'resume' });
    await host.until(phaseIs('Healthy'));
    expect(runningEnv()).toEqual(['v1']);
    expect(annotations()).toEqual({});
  });

  test('make no sense while nothing happens', async () => {
    await deploy();
    await expect(act({ action: 'pause' })).rejects.toThrow(
      /no rollout under way \(Healthy\).*rookery suspend twin/,
    );
    await expect(act({ action: 'resume' })).rejects.toThrow(/neither paused nor/);
    await expect(act({ action: 'abort' })).rejects.toThrow(/no rollout under way.*rookery rollout undo twin/);
    await expect(act({ action: 'approve' })).rejects.toThrow(/needs no approval/);
    await expect(act({ action: 'retry' })).rejects.toThrow(
      /nothing that failed.*rookery rollout restart twin/,
    );
  });
});

describe('abort', () => {
  test('goes back and quarantines; retry tries it again', async () => {
    await deploy();
    await host.apply(twin('v1', { rollout: { minHealthySeconds: 60, healthyDeadlineSeconds: 300 } }));
    await host.until(phaseIs('Verifying'));
    await act({ action: 'abort' });
    await host.until(phaseIs('RolledBack'));
    expect(runningEnv()).toEqual(['v0']);
    expect(status().revisions.at(-1)).toMatchObject({
      outcome: 'Failed',
      failure: { reason: 'AbortedByUser' },
    });
    await host.clock.advance(3_600_000);
    expect(phaseIs('RolledBack')()).toBe(true);
    await expect(act({ action: 'restart' })).rejects.toThrow(/is RolledBack; try the update again/);
    await act({ action: 'retry' });
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v1');
    expect(status().rollouts?.map(({ trigger, outcome }) => `${trigger} ${outcome}`)).toEqual([
      'Manifest Stable',
      'Manifest RolledBack',
      'Retry Stable',
    ]);
  });

  test('has nowhere to go on a first deploy', async () => {
    await host.apply(twin('v0', { rollout: { minHealthySeconds: 60 } }));
    await host.start();
    await host.until(phaseIs('Verifying'));
    await expect(act({ action: 'abort' })).rejects.toThrow(/no earlier revision to go back to/);
  });
});

describe('retry', () => {
  test('of what fails again is rolled back again, once', async () => {
    await deploy();
    await host.apply(twin('v1', {}, { BAD: '1' }));
    await host.until(phaseIs('RolledBack'));
    await act({ action: 'retry' });
    await host.until(() => status().rollouts?.length === 3 && phaseIs('RolledBack')());
    await host.clock.advance(3_600_000);
    expect(status().rollouts).toHaveLength(3);
    expect(runningEnv()).toEqual(['v0']);
  });
});

describe('restart', () => {
  test('makes one new container of the same template, through the normal rollout', async () => {
    await deploy();
    const before = status();
    await expect(act({ action: 'restart' })).resolves.toBe('twin restarts');
    await host.until(() => phaseIs('Healthy')() && status().currentRevision !== before.currentRevision);
    expect(status().containerName).not.toBe(before.containerName);
    expect(status().rollouts?.at(-1)).toMatchObject({ trigger: 'Restart', changes: [], outcome: 'Stable' });
    expect(status().revisions.at(-1)?.cause).toBe('restarted by a person');
    host.podman.controls.calls = [];
    await host.stop();
    await host.start();
    await host.clock.advance(600_000);
    expect(
      host.podman.controls.calls.filter(({ method }) => /^(create|start|stop|remove)/.test(method)),
    ).toEqual([]);
    expect(condition('Synced')?.status).toBe('True');
  });
});

describe('suspend', () => {
  test('holds everything until its time, and then the manifest is followed', async () => {
    await deploy();
    const message = await act({ action: 'suspend', forSeconds: 7_200, reason: 'a look at its disk' });
    expect(message).toMatch(/^twin is suspended until \d{4}-/);
    expect(status()).toMatchObject({ phase: 'Suspended', reason: 'SuspendedByUser' });
    expect(status().message).toContain('(a look at its disk); it goes on with: rookery resume twin -n sim');
    expect(annotations()['rookery.dev/suspend-reason']).toBe('a look at its disk');
    await expect(act({ action: 'restart' })).rejects.toThrow(/is suspended.*rookery resume twin -n sim/);
    const [container] = host.podman.controls.containers();
    await host.podman.removeContainer(container?.id ?? '');
    await host.stop();
    await host.start();
    await host.clock.advance(7_000_000);
    expect(host.running()).toEqual([]);
    await host.clock.advance(201_000);
    expect(host.running()).toHaveLength(1);
    expect(phaseIs('Suspended')()).toBe(false);
    expect(host.store().annotations.list()).toEqual([]);
  });

  test('ends with resume, and with a new manifest', async () => {
    await deploy();
    await act({ action: 'suspend' });
    await expect(act({ action: 'unsuspend' })).resolves.toBe('twin goes on');
    await expect(act({ action: 'unsuspend' })).rejects.toThrow('twin is not suspended');
    await act({ action: 'suspend' });
    await host.apply(twin('v1'));
    await host.until(() => phaseIs('Healthy')() && runningEnv()[0] === 'v1');
  });

  test('by the manifest is ended there', async () => {
    await host.apply(twin('v0', { suspend: true }));
    await host.start();
    await expect(act({ action: 'unsuspend' })).rejects.toThrow(/set spec.suspend to false in twin.yaml:1/);
    await expect(act({ action: 'restart' })).rejects.toThrow(/set spec.suspend to false in twin.yaml:1/);
  });
});

test('who has no manifest is acted on by nobody', async () => {
  await host.start();
  await expect(act({ action: 'restart' })).rejects.toThrow('its manifest is gone');
});
