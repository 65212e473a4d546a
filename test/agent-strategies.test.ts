import { beforeEach, describe, expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import { HOLDER_ROLE, labels } from '../src/api/labels.ts';
import { formatActs } from '../src/state/acts.ts';
import { answering, ask, labelsOf } from './fakes/client.ts';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const phaseIs = (name: string, phase: string) => (): boolean => host.status(name)?.phase === phase;
const replicasOf = (name: string) =>
  host.podman.controls
    .containers()
    .filter(({ labels: found }) => found[labels.name] === name && found[labels.role] !== HOLDER_ROLE);
const up = (name: string): string[] =>
  replicasOf(name)
    .filter(({ state }) => state === 'running')
    .map((container) => container.name.replace(`${NAMESPACE}.${name}-`, ''))
    .sort();
const rollout = { minHealthySeconds: 2, monitorSeconds: 10, healthyDeadlineSeconds: 60, drainSeconds: 3 };
const web = (spec: object, env: Record<string, string> = {}): object =>
  agentManifest('web', { ...spec, rollout: { ...rollout, ...(spec as { rollout?: object }).rollout } }, env);
const revision = (): string => host.status('web')?.currentRevision ?? '';

/** Programs that differ by the version that the environment names. */
const behave = (programs: Record<string, object>): void => {
  host.programs.set('web', ({ env }) => programs[env['V'] ?? '1'] ?? {});
};

const deploy = async (spec: object): Promise<string> => {
  await host.apply(web(spec, { V: '1' }));
  await host.start();
  await host.until(phaseIs('web', 'Healthy'), 60_000);
  return revision();
};
const update = (spec: object, version = '2'): Promise<void> => host.apply(web(spec, { V: version }));

describe('BlueGreen', () => {
  const spec = { rollout: { strategy: 'BlueGreen' } };

  test('moves the name to a revision that is proven; nobody fails, and nobody is answered by it before', async () => {
    const before = await deploy(spec);
    await update(spec);
    const seen = await ask(host, 'web', {
      until: () => phaseIs('web', 'Healthy')() && revision() !== before,
    });
    expect(revision()).not.toBe(before);
    expect(seen).toMatchObject({ revisions: [before, revision()], failures: 0 });
    expect(seen.since[revision()]).toBe('Promoting');
    expect(up('web')).toHaveLength(1);
    expect(replicasOf('web')).toHaveLength(1);
  });

  test('stops the old one when it has had its time for the requests under way, and keeps it until all is stable', async () => {
    const before = await deploy(spec);
    await update(spec);
    await host.until(phaseIs('web', 'Promoting'), 60_000);
    const movedAt = host.clock.now();
    await host.until(phaseIs('web', 'Monitoring'), 60_000);
    expect(host.clock.now() - movedAt).toBeGreaterThanOrEqual(3_000);
    await host.clock.advance(1_000);
    const kept = replicasOf('web').find((one) => one.labels[labels.revision] === before);
    expect(kept?.state).toBe('exited');
  });

  test.each([
    ['crashes at the start', { exitAfterMs: 50, exitCode: 1 }, 'CrashLoop'],
    ['is never ready', { readyAfterMs: 1e9 }, 'DeadlineExceeded'],
    ['cannot run', { cannotRun: 'exec: "agent": not found' }, undefined],
  ])('throws a candidate away that %s; the old one is never touched', async (_, program, reason) => {
    const before = await deploy(spec);
    const [old] = replicasOf('web');
    behave({ 2: program });
    await update(spec);
    const seen = await ask(host, 'web', { until: phaseIs('web', 'RolledBack') });
    expect(seen).toMatchObject({ revisions: [before], failures: 0 });
    await host.clock.advance(5_000);
    expect(replicasOf('web')).toEqual([old]);
    expect(host.status('web')).toMatchObject({ ready: true, currentRevision: before });
    if (reason) expect(host.status('web')?.revisions.at(-1)?.failure?.reason).toBe(reason);
  });

  test('goes back to the old one when the new one turns bad after the move', async () => {
    const before = await deploy(spec);
    behave({ 2: { unreadyAfterMs: 8_000 } });
    await update(spec);
    await host.until(phaseIs('web', 'Monitoring'), 60_000);
    await ask(host, 'web', { until: phaseIs('web', 'RolledBack') });
    await host.clock.advance(5_000);
    expect(revision()).toBe(before);
    expect(replicasOf('web')).toHaveLength(1);
    expect((await answering(host, 'web')).map((one) => one?.labels[labels.revision])).toEqual([before]);
  });

  test('to an image that is not there leaves everything as it is', async () => {
    const before = await deploy(spec);
    const [old] = replicasOf('web');
    await update({ ...spec, image: 'localhost/missing:1' });
    const seen = await ask(host, 'web', { until: phaseIs('web', 'RolledBack'), limitMs: 900_000 });
    expect(seen).toMatchObject({ revisions: [before], failures: 0 });
    expect(replicasOf('web')).toEqual([old]);
  });

  test('gives a slow start its time', async () => {
    await deploy(spec);
    behave({ 2: { readyAfterMs: 20_000 } });
    await update(spec);
    const seen = await ask(host, 'web', { until: phaseIs('web', 'Healthy') });
    expect(seen.failures).toBe(0);
  });

  test('a new manifest in the middle throws the candidate away and begins anew', async () => {
    const before = await deploy(spec);
    behave({ 2: { readyAfterMs: 1e9 } });
    await update(spec);
    await host.until(phaseIs('web', 'Verifying'), 60_000);
    await update(spec, '3');
    const seen = await ask(host, 'web', { until: phaseIs('web', 'Healthy') });
    expect(seen.failures).toBe(0);
    expect(seen.revisions).toEqual([before, revision()]);
    expect(replicasOf('web')).toHaveLength(1);
  });

  test('an edit that is taken back changes nothing', async () => {
    const before = await deploy(spec);
    const [old] = replicasOf('web');
    behave({ 2: { readyAfterMs: 1e9 } });
    await update(spec);
    await host.until(phaseIs('web', 'Verifying'), 60_000);
    await update(spec, '1');
    await host.until(phaseIs('web', 'Healthy'), 60_000);
    await host.clock.advance(10_000);
    expect(replicasOf('web')).toEqual([old]);
    expect(revision()).toBe(before);
  });

  test('goes on looking after the old one while it tries the new one', async () => {
    await deploy(spec);
    behave({ 2: { readyAfterMs: 20_000 } });
    const [old] = up('web');
    await update(spec);
    await host.until(phaseIs('web', 'Verifying'), 60_000);
    host.podman.controls.kill(`${NAMESPACE}.web-${old}`, 137);
    await host.clock.advance(1_500);
    expect(up('web')).toContain(old);
    await host.until(phaseIs('web', 'Healthy'), 60_000);
    expect(host.status('web')?.restarts).toBe(1);
  });

  test('a restart of the controller in every state of it changes nothing', async () => {
    await deploy(spec);
    behave({ 2: { readyAfterMs: 3_000 } });
    await update(spec);
    for (const phase of ['Verifying', 'Promoting', 'Monitoring']) {
      await host.until(phaseIs('web', phase), 60_000);
      host.crash();
      await host.start();
    }
    const seen = await ask(host, 'web', { until: phaseIs('web', 'Healthy') });
    expect(seen.failures).toBe(0);
    expect(replicasOf('web')).toHaveLength(1);
  });

  test('a controller that dies as it stops the old one does not doubt the new one when it is back', async () => {
    const quick = { rollout: { strategy: 'BlueGreen', minHealthySeconds: 0, drainSeconds: 0 } };
    const before = await deploy(quick);
    let died = false;
    host.podman.controls.beforeCall = ({ method }) => {
      if (method !== 'stopContainer' || died) return;
      died = true;
      host.crash();
    };
    await update(quick);
    await host.until(() => died, 60_000);
    await host.start();
    await host.until(phaseIs('web', 'Healthy'), 60_000);
    expect(revision()).not.toBe(before);
    expect(host.status('web')?.revisions.map(({ outcome }) => outcome)).not.toContain('Failed');
  });

  test('waits for a person where the manifest says so, the old one serving', async () => {
    const paused = { rollout: { strategy: 'BlueGreen', onFailure: 'Pause' } };
    const before = await deploy(paused);
    behave({ 2: { exitAfterMs: 50, exitCode: 1 } });
    await update(paused);
    const seen = await ask(host, 'web', { until: phaseIs('web', 'Paused') });
    expect(seen).toMatchObject({ revisions: [before], failures: 0 });
    expect(host.status('web')).toMatchObject({ ready: true });
  });
});

/** As `rookery rollout approve` does. */
async function approve(): Promise<void> {
  const key = agentKey(NAMESPACE, 'web');
  const record = host.store().records.get(key);
  const { specHash = '', targetRevision: approvedRevision = '' } = record ?? {};
  await host.store().annotations.put({ key, values: formatActs({ specHash, approvedRevision }) });
  await host.clock.advance(30_000);
}

describe('replicas', () => {
  const spec = { replicas: 3 };

  test('run under one name, each with its ordinal', async () => {
    await deploy(spec);
    expect(up('web')).toEqual([0, 1, 2].map((ordinal) => `${revision()}-1-${ordinal}`));
    expect(host.status('web')).toMatchObject({ replicas: 3, readyReplicas: 3, updatedReplicas: 3 });
    expect(await answering(host, 'web')).toHaveLength(3);
  });

  test('scaled up and down replace nobody, and who goes gets no request any more', async () => {
    const before = await deploy(spec);
    const three = up('web');
    await host.apply(web({ replicas: 5 }, { V: '1' }));
    const more = await ask(host, 'web', { until: () => host.status('web')?.readyReplicas === 5 });
    expect(more.failures).toBe(0);
    expect(up('web')).toEqual([...three, `${before}-1-3`, `${before}-1-4`]);
    await host.until(phaseIs('web', 'Healthy'), 60_000);
    await host.apply(web({ replicas: 2 }, { V: '1' }));
    const fewer = await ask(host, 'web', { until: () => up('web').length === 2 });
    expect(fewer).toMatchObject({ failures: 0, ordinals: [0, 1] });
    expect(up('web')).toEqual(three.slice(0, 2));
    expect(host.status('web')).toMatchObject({ phase: 'Healthy', currentRevision: before });
  });

  test('that crash have a back-off of their own, and the others answer for them', async () => {
    await deploy(spec);
    const [, second = ''] = up('web');
    const kill = (): void => host.podman.controls.kill(`${NAMESPACE}.web-${second}`, 137);
    kill();
    await host.clock.advance(1_000);
    expect(up('web')).toContain(second);
    kill();
    await host.clock.advance(500);
    expect(up('web')).not.toContain(second);
    expect(await labelsOf(host, 'web', labels.ordinal)).toEqual(['0', '2']);
    expect(host.status('web')).toMatchObject({
      phase: 'Degraded',
      ready: false,
      readyReplicas: 2,
      restarts: 2,
    });
    await host.until(phaseIs('web', 'Healthy'), 60_000);
    expect(await answering(host, 'web')).toHaveLength(3);
  });

  test('that are not ready get no request; when none is, those that answer go on', async () => {
    let program: object = { readyAfterMs: 4_000 };
    host.programs.set('web', () => program);
    await deploy(spec);
    host.podman.controls.kill(`${NAMESPACE}.web-${up('web')[1]}`, 1);
    await host.clock.advance(2_000);
    expect(up('web')).toHaveLength(3);
    expect(await answering(host, 'web')).toHaveLength(2);
    await host.clock.advance(4_000);
    expect(await answering(host, 'web')).toHaveLength(3);
    program = { readyAfterMs: 1e9 };
    await host.clock.advance(30_000);
    expect(host.status('web')).toMatchObject({ readyReplicas: 0, phase: 'Degraded' });
    expect(await answering(host, 'web')).toHaveLength(3);
  });

  test('under Recreate are all replaced at once; one that fails brings all of the old back', async () => {
    const before = await deploy(spec);
    await update(spec);
    await host.until(() => phaseIs('web', 'Healthy')() && revision() !== before, 120_000);
    expect(up('web').every((name) => name.startsWith(revision()))).toBe(true);
    expect(replicasOf('web')).toHaveLength(3);
    const second = revision();
    host.programs.set('web', ({ env }) => (env['V'] === '3' ? { exitAfterMs: 100, exitCode: 1 } : {}));
    await update(spec, '3');
    await host.until(phaseIs('web', 'RolledBack'), 120_000);
    expect(up('web').map((name) => name.slice(0, 8))).toEqual([second, second, second]);
    await host.clock.advance(10_000);
    expect(await answering(host, 'web')).toHaveLength(3);
  });

  test('can be none', async () => {
    await deploy(spec);
    await host.apply(web({ replicas: 0, rollout: { strategy: 'BlueGreen' } }, { V: '1' }));
    await host.until(() => up('web').length === 0, 60_000);
    await host.clock.advance(30_000);
    expect(host.status('web')).toMatchObject({ phase: 'Healthy', replicas: 0 });
    await host.apply(web({ replicas: 2, rollout: { strategy: 'BlueGreen' } }, { V: '1' }));
    await host.until(() => host.status('web')?.readyReplicas === 2, 60_000);
  });

  test('after a restart of the controller, and after a reboot, are the same', async () => {
    await deploy(spec);
    const three = up('web');
    host.crash();
    host.podman.controls.calls = [];
    await host.start();
    await host.clock.advance(60_000);
    expect(
      host.podman.controls.calls.filter(({ method }) => /^(create|start|stop|remove)/.test(method)),
    ).toEqual([]);
    await host.reboot();
    await host.until(() => host.status('web')?.readyReplicas === 3, 60_000);
    expect(up('web')).toEqual(three);
    expect(host.status('web')?.restarts).toBe(0);
  });

  test('that ignore SIGTERM are stopped at once when all go, four at a time', async () => {
    host.programs.set('web', () => ({ ignoresTerm: true }));
    await host.apply(agentManifest('other'));
    await deploy({ replicas: 6 });
    await host.remove('Agent', 'web');
    await host.until(phaseIs('web', 'Terminating'), 60_000);
    const startedAtMs = host.clock.now();
    await host.clock.advance(31_000);
    expect(replicasOf('web').filter(({ state }) => state === 'exited')).toHaveLength(4);
    await host.until(() => host.podman.controls.containers().length === 1, 120_000);
    expect(host.clock.now() - startedAtMs).toBeLessThan(62_000);
  });

  test('are removed with their holder when the manifest is', async () => {
    await host.apply(agentManifest('other'));
    await deploy(spec);
    await host.remove('Agent', 'web');
    await host.until(() => host.podman.controls.containers().length === 1, 60_000);
    expect(host.status('web')).toBeUndefined();
  });
});

describe('Canary', () => {
  const spec = { replicas: 3, rollout: { strategy: 'Canary', canary: { replicas: 1 } } };
  const manual = {
    replicas: 3,
    rollout: { strategy: 'Canary', canary: { replicas: 1, promotion: 'Manual' } },
  };
  const done = (before: string) => () => phaseIs('web', 'Healthy')() && revision() !== before;

  test('tries one, lets it serve beside the others, then replaces the others one by one', async () => {
    const before = await deploy(spec);
    await update(spec);
    const trying = await ask(host, 'web', { until: phaseIs('web', 'Promoting') });
    expect(trying.since[host.status('web')?.targetRevision ?? '']).toMatch(/^(Promoting|undefined)$/);
    expect(up('web')).toHaveLength(4);
    const share = await ask(host, 'web', { until: phaseIs('web', 'AwaitingApproval') });
    expect(share.failures).toBe(0);
    expect(await labelsOf(host, 'web', labels.revision)).toEqual(
      [before, before, host.status('web')?.targetRevision ?? ''].sort(),
    );
    const rest = await ask(host, 'web', { until: done(before) });
    expect(rest.failures).toBe(0);
    expect(up('web')).toEqual([0, 1, 2].map((ordinal) => `${revision()}-2-${ordinal}`));
    expect(replicasOf('web')).toHaveLength(3);
  });

  test('waits for a person, and says how to agree', async () => {
    const before = await deploy(manual);
    await update(manual);
    await host.until(phaseIs('web', 'AwaitingApproval'), 60_000);
    await host.clock.advance(600_000);
    expect(host.status('web')).toMatchObject({
      phase: 'AwaitingApproval',
      message: expect.stringContaining('rookery rollout approve web -n sim'),
      currentRevision: before,
      updatedReplicas: 1,
      ready: true,
    });
    await approve();
    const rest = await ask(host, 'web', { until: done(before) });
    expect(rest.failures).toBe(0);
  });

  test.each([
    ['at the start', { exitAfterMs: 50, exitCode: 1 }],
    ['while it serves beside the others', { unreadyAfterMs: 6_000 }],
    ['while the others are replaced', { unreadyAfterMs: 16_000 }],
  ])('that fails %s brings every replica of the old back', async (_, program) => {
    const before = await deploy(spec);
    const three = up('web');
    behave({ 2: program });
    await update(spec);
    await host.until(phaseIs('web', 'RolledBack'), 120_000);
    await host.clock.advance(10_000);
    expect(up('web')).toEqual(three);
    expect(replicasOf('web')).toHaveLength(3);
    expect(await answering(host, 'web')).toHaveLength(3);
    expect(revision()).toBe(before);
  });

  test('a new manifest while it waits begins anew, with all of the old', async () => {
    const before = await deploy(manual);
    await update(manual);
    await host.until(phaseIs('web', 'AwaitingApproval'), 60_000);
    await update(manual, '3');
    const seen = await ask(host, 'web', { until: phaseIs('web', 'AwaitingApproval') });
    expect(seen.failures).toBe(0);
    expect(host.status('web')).toMatchObject({ currentRevision: before, updatedReplicas: 1 });
    await approve();
    await ask(host, 'web', { until: done(before) });
    expect(replicasOf('web')).toHaveLength(3);
  });

  test('goes on after a restart of the controller while it waits', async () => {
    const before = await deploy(manual);
    await update(manual);
    await host.until(phaseIs('web', 'AwaitingApproval'), 60_000);
    await host.clock.advance(30_000);
    host.crash();
    await host.start();
    await host.clock.advance(30_000);
    expect(host.status('web')?.phase).toBe('AwaitingApproval');
    await approve();
    const rest = await ask(host, 'web', { until: done(before) });
    expect(rest.failures).toBe(0);
  });

  test('scaled while it waits goes on with the new number', async () => {
    const before = await deploy(manual);
    await update(manual);
    await host.until(phaseIs('web', 'AwaitingApproval'), 60_000);
    await host.apply(web({ ...manual, replicas: 2 }, { V: '2' }));
    await host.clock.advance(30_000);
    expect(host.status('web')?.phase).toBe('AwaitingApproval');
    await approve();
    await ask(host, 'web', { until: done(before) });
    expect(replicasOf('web')).toHaveLength(2);
  });
});

describe('a change of the strategy', () => {
  const own = { rollout: { strategy: 'Recreate' } };
  const shared = { rollout: { strategy: 'BlueGreen' } };
  const ports = { ports: [{ containerPort: 80, hostPort: 7200 }] };
  const holders = () =>
    host.podman.controls.containers().filter((one) => one.labels[labels.role] === HOLDER_ROLE);

  test.each([
    ['to one with a holder', { ...own, ...ports }, { ...shared, ...ports }, 1],
    ['and back', { ...shared, ...ports }, { ...own, ...ports }, 0],
  ])('%s goes through with an interruption, and leaves nothing over', async (_, from, to, count) => {
    const before = await deploy(from);
    await host.apply(web(to, { V: '1' }));
    await host.until(() => phaseIs('web', 'Healthy')() && revision() !== before, 120_000);
    expect(holders()).toHaveLength(count);
    expect(replicasOf('web')).toHaveLength(1);
  });

  test.each([
    ['to one with a holder', { ...own, ...ports }, { ...shared, ...ports }, 0],
    ['and back', { ...shared, ...ports }, { ...own, ...ports }, 1],
  ])('%s that fails goes back', async (_, from, to, count) => {
    const before = await deploy(from);
    host.programs.set('web', ({ env }) => (env['V'] === '2' ? { exitAfterMs: 100, exitCode: 1 } : {}));
    await host.apply(web(to, { V: '2' }));
    await host.until(phaseIs('web', 'RolledBack'), 120_000);
    await host.clock.advance(10_000);
    expect(revision()).toBe(before);
    expect(holders()).toHaveLength(count);
    expect(up('web')).toHaveLength(1);
    expect(host.status('web')?.ready).toBe(true);
  });
});
