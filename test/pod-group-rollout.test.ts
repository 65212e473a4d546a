import { beforeEach, describe, expect, test } from 'vitest';
import { agentManifest, createSimulatedHost, NAMESPACE, type SimulatedHost } from './fakes/simulated-host.ts';

let host: SimulatedHost;

beforeEach(async () => {
  host = await createSimulatedHost();
});

const group = (hostPort: number): object => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'PodGroup',
  metadata: { name: 'core', namespace: NAMESPACE },
  spec: { ports: [{ containerPort: 80, hostPort }] },
});
const ROLLOUT = { minHealthySeconds: 2, monitorSeconds: 10, healthyDeadlineSeconds: 60 };
const MEMBERS = ['base', 'web', 'side'];
const member = (name: string, spec: object = {}, env: Record<string, string> = {}): object =>
  agentManifest(
    name,
    { podGroup: 'core', ...(name === 'web' && { dependsOn: [{ name: 'base' }] }), ...spec },
    env,
  );
const all =
  (phase: string, names = MEMBERS) =>
  (): boolean =>
    names.every((name) => host.status(name)?.phase === phase);
const pods = (): Promise<readonly { readonly name: string; readonly infraState: string }[]> =>
  host.podman.listPods({});
const running = async (): Promise<string[]> =>
  (await pods()).filter(({ infraState }) => infraState === 'running').map(({ name }) => name);
const podStatus = () => host.engine().backend.objects.get('PodGroup', NAMESPACE, 'core')?.status;
const events = (reason: string): string[] =>
  host
    .store()
    .events.list()
    .filter((event) => event.reason === reason)
    .map(({ involvedObject, message }) => `${involvedObject.name}: ${message}`);
/** Names of the running containers, without what tells their revisions apart. */
const up = (): string[] =>
  host.running().map((name) => name.replace(`${NAMESPACE}.`, '').split('-')[0] ?? '');
const upName = (name: string): string => host.running().find((one) => one.includes(`.${name}-`)) ?? '';
const ids = (): string[] =>
  host.podman.controls
    .containers()
    .map(({ id }) => id)
    .sort();
const deployed = async (...more: object[]): Promise<string> => {
  await host.apply(group(6000), ...MEMBERS.map((name) => member(name)), ...more);
  await host.start();
  await host.until(all('Healthy'), 300_000);
  await host.clock.advance(20_000);
  const [pod] = await pods();
  host.podman.controls.calls = [];
  return pod?.name ?? '';
};
/** Fails in any pod but the first one. */
const breakIn = (name: string, old: string): void =>
  void host.programs.set(name, ({ network }) =>
    network.mode === 'pod' && network.pod !== old
      ? { exitAfterMs: 50, exitCode: 3, output: [{ stream: 'stdout', text: 'no' }] }
      : {},
  );
const order = (method: string): string[] =>
  host.podman.controls.calls
    .filter((call) => call.method === method)
    .map(({ args }) => String(host.podman.controls.nameOf(String(args[0])) ?? args[0]));

describe('a pod group that changes', () => {
  test('goes to its new pod as one, in the order of its members, and keeps the old pod until all are stable', async () => {
    const old = await deployed();
    const before = ids();
    await host.apply(group(6001));
    await host.until(all('Monitoring'), 120_000);
    expect(await running()).toHaveLength(1);
    expect(await pods()).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: old, infraState: 'exited' })]),
    );
    expect(before.every((id) => ids().includes(id))).toBe(true);
    const started = order('startContainer').map((name) => name.replace(`${NAMESPACE}.`, '').split('-')[0]);
    expect(started.indexOf('base')).toBeLessThan(started.indexOf('web'));
    expect(podStatus()?.conditions).toEqual(
      expect.arrayContaining([expect.objectContaining({ type: 'Reconciling', status: 'True' })]),
    );
    await host.until(all('Healthy'), 120_000);
    await host.clock.advance(5_000);
    expect((await pods()).map(({ name }) => name)).not.toContain(old);
    expect(await pods()).toHaveLength(1);
    expect(host.podman.controls.containers()).toHaveLength(3);
    expect(events('GroupMoving')).toHaveLength(1);
    expect(events('GroupStable')).toHaveLength(1);
  });

  test.each([['base'], ['web'], ['side']])(
    'goes back as one when %s fails in the new pod, and says so',
    async (culprit) => {
      const old = await deployed();
      const before = ids();
      breakIn(culprit, old);
      await host.apply(group(6001));
      await host.until(all('RolledBack'), 300_000);
      await host.until(() => up().length === 3, 10_000);
      await host.clock.advance(30_000);
      expect(await pods()).toEqual([expect.objectContaining({ name: old, infraState: 'running' })]);
      expect(ids()).toEqual(before);
      for (const name of MEMBERS) {
        const status = host.status(name);
        expect(status).toMatchObject({ phase: 'RolledBack', ready: true });
        expect(status?.reason).toBe(name === culprit ? 'CrashLoop' : 'PodGroupFailed');
        expect(status?.message).toContain(
          name === culprit ? 'last exit code 3' : `${culprit} failed: CrashLoop`,
        );
        expect(status?.conditions).toEqual(
          expect.arrayContaining([
            expect.objectContaining({ type: 'Synced', status: 'False' }),
            expect.objectContaining({ type: 'Stalled', status: 'True' }),
          ]),
        );
      }
      expect(podStatus()).toMatchObject({ phase: 'RolledBack' });
      expect(podStatus()?.message).toContain(`${culprit} failed: CrashLoop`);
      expect(events('GroupRolledBack')).toHaveLength(1);
      host.podman.controls.calls = [];
      await host.clock.advance(600_000);
      expect(order('createPod')).toEqual([]);
      expect(order('startContainer')).toEqual([]);
    },
  );

  test('goes back when a member turns bad in the monitor window', async () => {
    const old = await deployed();
    await host.apply(group(6001));
    await host.until(all('Monitoring'), 120_000);
    const web = host.running().find((name) => name.includes('.web-')) ?? '';
    host.programs.set('web', ({ network }) =>
      network.mode === 'pod' && network.pod !== old ? { readyAfterMs: 1e9 } : {},
    );
    host.podman.controls.kill(web, 1);
    await host.until(all('RolledBack'), 300_000);
    await host.until(() => up().length === 3, 10_000);
    expect(await running()).toEqual([old]);
  });

  test.each([
    [
      'an image that cannot be had',
      async (): Promise<void> =>
        host.apply(group(6001), member('side', { image: 'localhost/none:1', imagePullPolicy: 'Never' })),
    ],
  ])('touches nothing when one of its members has %s', async (_what, change) => {
    const old = await deployed();
    await change();
    await host.clock.advance(120_000);
    expect(await running()).toEqual([old]);
    expect(up()).toHaveLength(3);
    expect(order('stopContainer')).toEqual([]);
    for (const name of MEMBERS) expect(host.status(name)?.ready).toBe(true);
    expect(host.status('side')?.message).toContain('localhost/none:1');
  });

  test('touches nothing when a port of the new pod is taken', async () => {
    const old = await deployed();
    host.takenPorts.add(6001);
    await host.apply(group(6001));
    await host.clock.advance(60_000);
    expect(await pods()).toEqual([expect.objectContaining({ name: old, infraState: 'running' })]);
    expect(order('stopContainer')).toEqual([]);
    expect(podStatus()?.message).toMatch(/something else listens there/);
    host.takenPorts.clear();
    await host.until(all('Healthy'), 300_000);
    await host.until(() => events('GroupStable').length === 1, 300_000);
    expect(await running()).not.toContain(old);
  });

  test('that was taken back is as it was, without a word of success for the failed one', async () => {
    const old = await deployed();
    breakIn('web', old);
    await host.apply(group(6001));
    await host.until(all('RolledBack'), 300_000);
    await host.apply(group(6000));
    await host.until(all('Healthy'), 120_000);
    expect(await running()).toEqual([old]);
    expect(podStatus()).toMatchObject({ phase: 'Ready' });
  });

  test('is tried again as one when a member is edited', async () => {
    const old = await deployed();
    breakIn('web', old);
    await host.apply(group(6001));
    await host.until(all('RolledBack'), 300_000);
    host.programs.delete('web');
    await host.apply(member('web', {}, { FIXED: '1' }));
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect((await pods()).map(({ name }) => name)).not.toContain(old);
    expect(up()).toHaveLength(3);
  });

  test('is tried again as one when a person has a member tried again, and rolled back once more', async () => {
    const old = await deployed();
    breakIn('web', old);
    await host.apply(group(6001));
    await host.until(all('RolledBack'), 300_000);
    await act('side', 'retry');
    await host.until(() => !all('RolledBack')(), 10_000);
    await host.until(all('RolledBack'), 300_000);
    await host.until(() => up().length === 3, 10_000);
    expect(await running()).toEqual([old]);
  });

  test.each([['Verifying'], ['Monitoring']])(
    'that changes again in %s goes to the newest pod',
    async (phase) => {
      const old = await deployed();
      for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
      await host.apply(group(6001));
      await host.until(all(phase), 120_000);
      const [second] = await running();
      await host.apply(group(6002));
      await host.until(all('Healthy'), 300_000);
      await host.clock.advance(5_000);
      const [third] = await running();
      expect([old, second]).not.toContain(third);
      expect(await pods()).toHaveLength(1);
      expect(up()).toHaveLength(3);
    },
  );

  test.each([['Starting'], ['Verifying'], ['Monitoring']])(
    'that is taken back in %s serves from its old pod again',
    async (phase) => {
      const old = await deployed();
      for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
      await host.apply(group(6001));
      await host.until(() => MEMBERS.some((name) => host.status(name)?.phase === phase), 120_000);
      await host.apply(group(6000));
      await host.until(all('Healthy'), 300_000);
      await host.clock.advance(20_000);
      expect(await pods()).toEqual([expect.objectContaining({ name: old, infraState: 'running' })]);
      expect(up()).toHaveLength(3);
      expect(host.podman.controls.containers()).toHaveLength(3);
    },
  );

  test('whose member is edited on the way begins anew with it', async () => {
    const old = await deployed();
    for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
    await host.apply(group(6001));
    await host.until(all('Verifying'), 120_000);
    await host.apply(member('side', {}, { V: '2' }));
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await pods()).toHaveLength(1);
    expect(await running()).not.toContain(old);
    expect(host.status('side')?.revisions.at(-1)?.outcome).toBe('Stable');
  });
});

const act = async (
  name: string,
  action: 'retry' | 'abort' | 'pause' | 'resume' | 'undo',
): Promise<string> => {
  const answer = host
    .engine()
    .backend.act(NAMESPACE, name, { action })
    .catch((error: Error) => `refused: ${error.message}`);
  await host.clock.settle();
  return answer;
};

describe('a person', () => {
  test('who aborts one of the members aborts them all', async () => {
    const old = await deployed();
    for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
    await host.apply(group(6001));
    await host.until(all('Verifying'), 120_000);
    await act('side', 'abort');
    await host.until(all('RolledBack'), 120_000);
    await host.until(() => up().length === 3, 10_000);
    expect(await running()).toEqual([old]);
    expect(host.status('base')?.message).toContain('side failed: AbortedByUser');
  });

  test('who pauses one of the members holds them all', async () => {
    const old = await deployed();
    for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
    await host.apply(group(6001), member('web', { image: 'registry.example/agent:7' }));
    await host.until(all('Preparing', ['side']), 60_000);
    await act('side', 'pause');
    host.podman.controls.serveImage('registry.example/agent:7');
    await host.clock.advance(600_000);
    expect(await running()).toEqual([old]);
    expect(up()).toHaveLength(3);
    expect(host.status('base')?.message).toContain('side');
    await act('side', 'resume');
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toContain(old);
  });

  test('who suspended one of the members finds the others waiting for it', async () => {
    const old = await deployed();
    await host.apply(member('side', { suspend: true }));
    await host.apply(group(6001));
    await host.clock.advance(600_000);
    expect(await running()).toEqual([old]);
    expect(up()).toHaveLength(3);
    expect(host.status('base')).toMatchObject({ ready: true });
    expect(host.status('base')?.message).toContain('side');
    await host.apply(member('side'));
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toContain(old);
  });

  test('cannot take one member back into the old pod alone', async () => {
    await deployed();
    await host.apply(group(6001));
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await act('side', 'undo')).toMatch(
      /refused: .*differs only in its pod; all of its pod group go back/,
    );
  });
});

describe('a pod group that moves', () => {
  const watched = async (): Promise<string> => {
    const old = await deployed();
    for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
    await host.apply(group(6001));
    await host.until(all('Verifying'), 120_000);
    return old;
  };

  test('takes along who is new in it', async () => {
    const old = await deployed();
    await host.apply(group(6001), member('late', { dependsOn: [{ name: 'web' }] }));
    await host.until(all('Healthy', [...MEMBERS, 'late']), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toContain(old);
    expect(up()).toHaveLength(4);
  });

  test('leaves behind who is new in it when it goes back, until it is tried again', async () => {
    const old = await deployed();
    breakIn('web', old);
    await host.apply(group(6001), member('late'));
    await host.until(all('RolledBack'), 300_000);
    await host.clock.advance(60_000);
    expect(up()).toEqual([...MEMBERS].sort());
    expect(await pods()).toHaveLength(1);
    expect(host.status('late')?.ready).toBe(false);
    host.programs.delete('web');
    await host.apply(member('web', {}, { FIXED: '1' }));
    await host.until(all('Healthy', [...MEMBERS, 'late']), 300_000);
    expect(up()).toHaveLength(4);
  });

  test('runs its jobs again, and goes back with one that fails', async () => {
    const job = { restartPolicy: 'OnFailure', readinessProbe: undefined };
    host.programs.set('job', () => ({ exitAfterMs: 100, exitCode: 0 }));
    const old = await deployed(member('job', job));
    expect(host.status('job')?.phase).toBe('Completed');
    await host.apply(group(6001));
    await host.until(() => all('Healthy')() && all('Completed', ['job'])(), 300_000);
    await host.clock.advance(5_000);
    const [second] = await running();
    expect(second).not.toBe(old);
    host.programs.set('job', ({ network }) => ({
      exitAfterMs: 100,
      exitCode: network.mode === 'pod' && network.pod === second ? 0 : 9,
    }));
    await host.apply(group(6002));
    await host.until(all('RolledBack', [...MEMBERS, 'job']), 300_000);
    await host.clock.advance(30_000);
    expect(await running()).toEqual([second]);
    expect(up()).toEqual([...MEMBERS].sort());
  });

  test('stays as it is where one of its members says Pause, until a person has it go back', async () => {
    const old = await deployed();
    await host.apply(...MEMBERS.map((name) => member(name, { rollout: { ...ROLLOUT, onFailure: 'Pause' } })));
    await host.clock.advance(5_000);
    breakIn('web', old);
    await host.apply(group(6001));
    await host.until(all('Paused'), 300_000);
    await host.clock.advance(60_000);
    expect(await running()).not.toContain(old);
    expect(await pods()).toHaveLength(2);
    await act('side', 'abort');
    await host.until(all('RolledBack'), 60_000);
    await host.until(() => up().length === 3, 10_000);
    expect(await running()).toEqual([old]);
  });

  test('serves on in its old pod, also after a reboot, where it was held before anybody had moved', async () => {
    const asked = { rollout: { ...ROLLOUT, onFailure: 'Pause' } };
    await deployed();
    await host.apply(...MEMBERS.map((name) => member(name, asked)));
    await host.clock.advance(5_000);
    const old = await running();
    await host.apply(group(6001), member('web', { ...asked, image: 'localhost/gone:1' }));
    await host.until(all('Paused'), 300_000);
    const before = host.running();
    await host.reboot();
    await host.until(() => host.running().length === 3, 120_000);
    await host.clock.advance(60_000);
    expect([await running(), host.running(), all('Paused')()]).toEqual([old, before, true]);
    await host.apply(member('web', asked));
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toEqual(old);
    expect(await pods()).toHaveLength(1);
  });

  test('begins anew when its members are edited that all stand still in the new pod', async () => {
    for (const name of MEMBERS) host.programs.set(name, () => ({ readyAfterMs: 1_500 }));
    const asked = { rollout: { ...ROLLOUT, onFailure: 'Pause' } };
    await host.apply(group(6000), ...MEMBERS.map((name) => member(name, asked)));
    await host.start();
    await host.until(all('Healthy'), 300_000);
    await host.apply(group(6001));
    await host.until(all('Monitoring'), 120_000);
    host.programs.set('side', () => ({ exitAfterMs: 50, exitCode: 3 }));
    await host.apply(member('side', asked, { V: '2' }));
    await host.until(all('Paused'), 300_000);
    host.programs.delete('side');
    await host.apply(...MEMBERS.map((name) => member(name, {}, { V: '3' })));
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await pods()).toHaveLength(1);
    expect(up()).toHaveLength(3);
  });

  test('removes no pod with members that it has yet to hear of after the state was lost', async () => {
    const old = await deployed();
    const before = ids();
    host.crash();
    host.loseState();
    await host.apply(group(6001));
    host.podman.controls.beforeCall = ({ method }) =>
      method === 'inspectContainer'
        ? new Promise<void>((resolve) => void host.clock.setTimer(5_000, resolve))
        : undefined;
    await host.start();
    host.podman.controls.beforeCall = () => undefined;
    const removed = (): string[] => order('removePod');
    await host.until(() => all('Monitoring')() || removed().length > 0, 300_000);
    expect(removed()).toEqual([]);
    expect(before.every((id) => ids().includes(id))).toBe(true);
    await host.until(all('Healthy'), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toContain(old);
  });

  test('goes on after a reboot of the host', async () => {
    const old = await watched();
    await host.reboot();
    await host.until(() => !host.isBooting() && all('Healthy')(), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toContain(old);
    expect(await pods()).toHaveLength(1);
    expect(up()).toHaveLength(3);
  });

  test('reads the last words of a member once, however long it waits to hear of the pods', async () => {
    await deployed(member('web', {}, { VERSION: '2' }));
    await host.apply(member('web', {}, { VERSION: '3' }));
    await host.until(all('Monitoring', ['web']));
    host.crash();
    host.podman.controls.kill(upName('web'), 3);
    host.latency = (method) => ({ thereMs: method === 'listPods' ? 5_000 : 0, backMs: 0 });
    let looks = 0;
    host.podman.controls.beforeCall = ({ method }) => {
      if (method === 'logs' && (looks += 1) > 10) host.crash();
    };
    host.launch();
    await host.clock.advance(60_000);
    expect(looks).toBe(1);
    expect(host.status('web')?.phase).toBe('RolledBack');
  });

  test('stays in the new pod, as best it can, when the old one was pruned', async () => {
    const old = await watched();
    await host.podman.removePod(old);
    const side = upName('side');
    host.programs.set('side', () => ({ exitAfterMs: 50, exitCode: 3 }));
    host.podman.controls.kill(side, 3);
    await host.until(all('Failed', ['side']), 300_000);
    await host.clock.advance(60_000);
    expect(await running()).toHaveLength(1);
    expect(up()).toEqual(expect.arrayContaining(['base', 'web']));
    host.programs.delete('side');
    await host.until(all('Healthy'), 600_000);
    expect(host.podman.controls.containers()).toHaveLength(3);
  });

  test('finds another way in the graph than through those that wait for it', async () => {
    const old = await deployed(
      agentManifest('outside', { dependsOn: [{ name: 'base' }] }),
      member('inside', { dependsOn: [{ name: 'outside' }] }),
    );
    await host.apply(group(6001), agentManifest('outside', { dependsOn: [{ name: 'base' }] }, { V: '2' }));
    await host.until(all('Monitoring', ['inside']), 120_000);
    await host.until(all('Healthy', [...MEMBERS, 'inside', 'outside']), 300_000);
    await host.clock.advance(5_000);
    expect(await running()).not.toContain(old);
  });
});

describe('a controller that dies on the way', () => {
  test.each([[true], [false]])(
    'at any call goes on where it was (the update is good: %s)',
    { timeout: 120_000 },
    async (isGood) => {
      for (let at = 1; ; at += 1) {
        host = await createSimulatedHost();
        const old = await deployed();
        if (!isGood) breakIn('web', old);
        let calls = 0;
        let dead = false;
        host.podman.controls.beforeCall = ({ method }) => {
          if (!/^(create|start|stop|remove)/.test(method) || dead) return;
          calls += 1;
          if (calls !== at) return;
          dead = true;
          host.crash();
          host.clock.setTimer(3_000, host.launch);
        };
        await host.apply(group(6001));
        const end = isGood ? 'Healthy' : 'RolledBack';
        await host.until(
          () =>
            !host.isBooting() && all(end)() && events(isGood ? 'GroupStable' : 'GroupRolledBack').length >= 0,
          400_000,
        );
        await host.until(
          () =>
            host
              .store()
              .records.list()
              .every(({ state }) => state === end),
          400_000,
        );
        await host.clock.advance(60_000);
        await host.until(() => up().length === 3, 60_000);
        const now = await pods();
        expect(now, `died at call ${at}`).toHaveLength(1);
        expect(now[0]?.name === old).toBe(!isGood);
        expect(host.podman.controls.containers()).toHaveLength(3);
        expect(host.store().journal.open()).toEqual([]);
        if (!dead) return;
      }
    },
  );
});

test('plan says that a group moves as one, and touches nothing', async () => {
  const old = await deployed();
  host.crash();
  await host.apply(group(6001));
  host.podman.controls.beforeCall = ({ method }) => {
    if (/^(create|start|stop|remove)/.test(method)) throw new Error(method);
  };
  await host.start();
  const planning = host.engine().backend.plan();
  await host.clock.settle();
  const { changes } = await planning;
  expect(changes).toEqual(
    expect.arrayContaining([
      {
        object: 'PodGroup/sim/core',
        operation: expect.stringMatching(/^move to pod sim\.core-/),
        cause: expect.stringMatching(new RegExp(`^base, side, web move together .*; ${old} is kept stopped`)),
      },
    ]),
  );
  const recreated = changes.filter(({ operation }) => operation === 'recreate container');
  expect(recreated.map(({ object }) => object).sort()).toEqual(
    MEMBERS.map((name) => `Agent/sim/${name}`).sort(),
  );
  expect(recreated[0]?.cause).toMatch(/network pod changed sim\.core-/);
});
