import { beforeEach, describe, expect, test } from 'vitest';
import type { ActRequest } from '../src/api/act-request.ts';
import { HOLDER_ROLE, labels } from '../src/api/labels.ts';
import { PodmanError } from '../src/podman/errors.ts';
import { type Answers, answering, ask } from './fakes/client.ts';
import type { Program } from './fakes/fake-podman.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

const REPLICAS = 3;
const TIMES = { minHealthySeconds: 2, monitorSeconds: 10, healthyDeadlineSeconds: 60, drainSeconds: 3 };
const NEVER: Program = { readyAfterMs: 1e9 };
const CRASHES: Program = { exitAfterMs: 50, readyAfterMs: 1_000, exitCode: 1 };

let host: SimulatedHost;
/** What each version is like; the manifest names the version. */
let programs: Record<string, Program>;

beforeEach(async () => {
  host = await createSimulatedHost();
  programs = {};
  host.programs.set('web', ({ env }) => programs[env['V'] ?? ''] ?? {});
});

const status = () => {
  const found = host.status('web');
  if (!found) throw new Error('web has no status');
  return found;
};
const phaseIs = (phase: string) => (): boolean => host.status('web')?.phase === phase;
const replicas = () =>
  host.podman.controls
    .containers()
    .filter(({ labels: found }) => found[labels.name] === 'web' && found[labels.role] !== HOLDER_ROLE);
const runningOf = (): string[] =>
  replicas()
    .filter(({ state }) => state === 'running')
    .map(({ labels: found }) => found[labels.revision] ?? '');
const answeredBy = async (): Promise<string[]> => [
  ...new Set((await answering(host, 'web')).map((one) => one?.labels[labels.revision] ?? 'nobody')),
];

/** Somebody asks throughout: an update never costs a request, and nobody who has not proved himself answers. */
const until = (condition: () => boolean, limitMs = 900_000): Promise<Answers> =>
  ask(host, 'web', { until: condition, limitMs });

async function act(request: ActRequest): Promise<string> {
  const answer = host.engine().backend.act(NAMESPACE, 'web', request);
  answer.catch(() => undefined);
  await host.clock.settle();
  return answer;
}

describe.each([
  ['BlueGreen', {}],
  ['Canary', { canary: { replicas: 1 } }],
])('%s', (strategy, more) => {
  const web = (version: string, spec: object = {}, rollout: object = {}): object =>
    agentManifest(
      'web',
      { replicas: REPLICAS, ...spec, rollout: { ...TIMES, strategy, ...more, ...rollout } },
      { V: version },
    );
  const deploy = async (): Promise<string> => {
    await host.apply(web('1'));
    await host.start();
    await host.until(phaseIs('Healthy'), 60_000);
    return status().currentRevision ?? '';
  };
  /** All of one revision, and nothing left of any other. */
  const expectAlone = async (revision: string): Promise<void> => {
    await host.clock.advance(15_000);
    expect(runningOf()).toEqual(Array.from({ length: REPLICAS }, () => revision));
    expect(replicas()).toHaveLength(REPLICAS);
    expect(await answeredBy()).toEqual([revision]);
    expect(status()).toMatchObject({ ready: true, readyReplicas: REPLICAS, currentRevision: revision });
  };
  const isUpdated = (before: string) => (): boolean =>
    phaseIs('Healthy')() && status().currentRevision !== before;
  const lastOutcome = () => status().rollouts?.at(-1);

  describe('what cannot be had', () => {
    const expectUntouched = async (before: string, seen: Answers): Promise<void> => {
      expect(seen).toMatchObject({ revisions: [before], failures: 0 });
      await expectAlone(before);
    };

    test('an image that does not exist', async () => {
      const before = await deploy();
      const old = replicas();
      await host.apply(web('2', { image: 'localhost/missing:1' }));
      const seen = await until(phaseIs('RolledBack'));
      expect(status().reason).toBe('ImageNotFound');
      await expectUntouched(before, seen);
      expect(replicas()).toEqual(old);
    });

    test('a build that fails', async () => {
      const before = await deploy();
      const old = replicas();
      host.podman.controls.beforeCall = ({ method }) => {
        if (method === 'buildImage') throw new PodmanError('BuildFailed', 'step 2 exited with 1');
      };
      const image = {
        apiVersion: 'rookery.dev/v1alpha1',
        kind: 'Image',
        metadata: { name: 'base', namespace: NAMESPACE },
        spec: { tag: 'localhost/base:1', build: { context: './base' } },
      };
      await host.apply(image, web('2', { image: 'localhost/base:1' }));
      const seen = await until(() => host.clock.now() > 0 && status().reason === 'BuildFailed');
      await expectUntouched(before, seen);
      expect(replicas()).toEqual(old);
    });
  });

  describe('an update', () => {
    test('that crashes at the start never answers, and is thrown away', async () => {
      const before = await deploy();
      programs['2'] = CRASHES;
      await host.apply(web('2'));
      const seen = await until(phaseIs('RolledBack'));
      expect(seen).toMatchObject({ revisions: [before], failures: 0 });
      expect(status().revisions.at(-1)?.failure?.reason).toBe('CrashLoop');
      await expectAlone(before);
    });

    test('that turns bad after it took over goes back', async () => {
      const before = await deploy();
      programs['2'] = { unreadyAfterMs: 45_000 };
      await host.apply(web('2', {}, { monitorSeconds: 60 }));
      await until(phaseIs('Monitoring'));
      await host.until(phaseIs('RolledBack'), 120_000);
      expect(status().revisions.at(-1)?.failure?.reason).toBe('UnhealthyAfterPromotion');
      await expectAlone(before);
    });

    test('that starts slowly gets its time', async () => {
      const before = await deploy();
      programs['2'] = { readyAfterMs: 20_000 };
      await host.apply(web('2'));
      const seen = await until(isUpdated(before));
      expect(seen.failures).toBe(0);
      await expectAlone(status().currentRevision ?? '');
    });

    test('that fails, with no old one that starts again, keeps what runs best', async () => {
      await deploy();
      programs['2'] = { unreadyAfterMs: 45_000 };
      await host.apply(web('2', {}, { monitorSeconds: 60 }));
      await until(phaseIs('Monitoring'));
      await host.clock.advance(TIMES.drainSeconds * 1_000);
      const target = status().targetRevision ?? '';
      programs['1'] = CRASHES;
      await host.until(phaseIs('Failed'), 900_000);
      await host.clock.advance(60_000);
      expect(await answeredBy()).toEqual([target]);
      expect(status()).toMatchObject({ phase: 'Failed', ready: false });
      programs['1'] = {};
      await host.until(phaseIs('RolledBack'), 900_000);
      await expectAlone(status().currentRevision ?? '');
      expect(status().currentRevision).not.toBe(target);
    });

    test('by a new manifest in the middle begins anew', async () => {
      const before = await deploy();
      programs['2'] = NEVER;
      await host.apply(web('2'));
      await host.until(phaseIs('Verifying'), 60_000);
      await host.apply(web('3'));
      const seen = await until(isUpdated(before));
      expect(seen).toMatchObject({ revisions: [before, status().currentRevision], failures: 0 });
      await expectAlone(status().currentRevision ?? '');
      expect(status().rollouts?.map(({ outcome }) => outcome)).toEqual(['Stable', 'Superseded', 'Stable']);
    });

    test('by a new manifest after it took over goes on from there', async () => {
      const before = await deploy();
      await host.apply(web('2'));
      await until(phaseIs('Monitoring'));
      await host.apply(web('3'));
      const second = status().currentRevision;
      const seen = await until(() => isUpdated(before)() && status().currentRevision !== second);
      expect(seen.failures).toBe(0);
      await expectAlone(status().currentRevision ?? '');
    });
  });

  describe('a person', () => {
    test('aborts while it is tried: the old ones were never touched', async () => {
      const before = await deploy();
      const old = replicas();
      programs['2'] = NEVER;
      await host.apply(web('2'));
      await host.until(phaseIs('Verifying'), 60_000);
      await expect(act({ action: 'abort' })).resolves.toBe(`web goes back to revision ${before}`);
      const seen = await until(phaseIs('RolledBack'));
      expect(seen).toMatchObject({ revisions: [before], failures: 0 });
      await expectAlone(before);
      expect(replicas()).toEqual(old);
      expect(status().revisions.at(-1)?.failure?.reason).toBe('AbortedByUser');
    });

    test('aborts after it took over: the old ones are started, and nobody fails', async () => {
      const before = await deploy();
      await host.apply(web('2', {}, { monitorSeconds: 600 }));
      await until(phaseIs('Monitoring'));
      await host.clock.advance(10_000);
      await act({ action: 'abort' });
      const seen = await until(phaseIs('RolledBack'));
      expect(seen.failures).toBe(0);
      await expectAlone(before);
    });

    test('has what was aborted tried again', async () => {
      const before = await deploy();
      programs['2'] = NEVER;
      await host.apply(web('2'));
      await host.until(phaseIs('Verifying'), 60_000);
      await act({ action: 'abort' });
      await until(phaseIs('RolledBack'));
      programs['2'] = {};
      await expect(act({ action: 'retry' })).resolves.toBe('web tries again');
      const seen = await until(isUpdated(before));
      expect(seen.failures).toBe(0);
      await expectAlone(status().currentRevision ?? '');
      expect(lastOutcome()).toMatchObject({ trigger: 'Retry', outcome: 'Stable' });
    });

    test('takes it back when it is stable', async () => {
      const before = await deploy();
      await host.apply(web('2'));
      await until(isUpdated(before));
      await act({ action: 'undo' });
      const isBack = (): boolean => phaseIs('Healthy')() && status().currentRevision === before;
      const seen = await until(isBack);
      expect(seen.failures).toBe(0);
      await expectAlone(before);
      expect(lastOutcome()).toMatchObject({ trigger: 'Undo', outcome: 'Stable' });
    });

    test('takes it back while it is tried', async () => {
      await deploy();
      await host.apply(web('2'));
      await until(() => phaseIs('Healthy')() && status().rollouts?.length === 2);
      const second = status().currentRevision ?? '';
      programs['3'] = NEVER;
      await host.apply(web('3'));
      await host.until(phaseIs('Verifying'), 60_000);
      await act({ action: 'undo', toRevision: second });
      const seen = await until(phaseIs('Healthy'));
      expect(seen).toMatchObject({ revisions: [second], failures: 0 });
      await expectAlone(second);
    });

    test('holds it and lets it go, over a restart of the controller', async () => {
      const before = await deploy();
      programs['2'] = { readyAfterMs: 3_000 };
      await host.apply(web('2'));
      await host.until(phaseIs('Verifying'), 60_000);
      await expect(act({ action: 'pause' })).resolves.toBe('web is paused in Verifying');
      await host.clock.advance(300_000);
      await host.stop();
      await host.start();
      await host.clock.advance(300_000);
      expect(status()).toMatchObject({ phase: 'Paused', reason: 'PausedByUser', ready: true });
      expect(await answeredBy()).toEqual([before]);
      await act({ action: 'resume' });
      const seen = await until(isUpdated(before));
      expect(seen.failures).toBe(0);
      await expectAlone(status().currentRevision ?? '');
    });

    test('has all of them made anew', async () => {
      const before = await deploy();
      const old = new Set(replicas().map(({ id }) => id));
      await expect(act({ action: 'restart' })).resolves.toBe('web restarts');
      const seen = await until(isUpdated(before));
      expect(seen.failures).toBe(0);
      await expectAlone(status().currentRevision ?? '');
      expect(replicas().filter(({ id }) => old.has(id))).toEqual([]);
      expect(lastOutcome()).toMatchObject({ trigger: 'Restart', changes: [], outcome: 'Stable' });
    });
  });
});

describe('Canary that waits for approval', () => {
  const canary = { replicas: 1, promotion: 'Manual' };
  const web = (version: string): object =>
    agentManifest(
      'web',
      { replicas: REPLICAS, rollout: { ...TIMES, strategy: 'Canary', canary } },
      { V: version },
    );
  const deployAndUpdate = async (): Promise<string> => {
    await host.apply(web('1'));
    await host.start();
    await host.until(phaseIs('Healthy'), 60_000);
    const before = status().currentRevision ?? '';
    await host.apply(web('2'));
    await until(phaseIs('AwaitingApproval'));
    return before;
  };

  test.each<[string, ActRequest, string]>([
    ['approved, goes on', { action: 'approve' }, 'Healthy'],
    ['aborted, goes back', { action: 'abort' }, 'RolledBack'],
  ])('%s', async (_, request, phase) => {
    const before = await deployAndUpdate();
    const target = status().targetRevision ?? '';
    await act(request);
    const seen = await until(phaseIs(phase));
    expect(seen.failures).toBe(0);
    await host.clock.advance(20_000);
    const wanted = phase === 'Healthy' ? target : before;
    expect(runningOf()).toEqual([wanted, wanted, wanted]);
    expect(replicas()).toHaveLength(REPLICAS);
  });

  test('held, is not promoted by an approval before it is let go', async () => {
    await deployAndUpdate();
    const target = status().targetRevision ?? '';
    await act({ action: 'pause' });
    await act({ action: 'approve' });
    await host.clock.advance(300_000);
    expect(runningOf().filter((one) => one === target)).toHaveLength(1);
    await act({ action: 'resume' });
    const seen = await until(phaseIs('Healthy'));
    expect(seen.failures).toBe(0);
    expect(status().currentRevision).toBe(target);
  });
});
