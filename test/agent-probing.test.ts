import { describe, expect, test } from 'vitest';
import { probeReplicas, withVerdicts } from '../controllers/agent/probing.ts';
import { regain } from '../controllers/agent/regain.ts';
import { keyString } from '../src/api/key.ts';
import type { ProbedContainer } from '../src/probe/prober.ts';
import { podsKey } from '../src/state/provision.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { A, aView, B, containerOf, EXITED, NOW, READY, TWIN } from './fakes/agent-views.ts';
import { aReadableWorld, manifestOf, type Surroundings } from './fakes/readable-world.ts';

const { record } = aView('Verifying', { record: { currentRevision: A.id, targetRevision: B.id } });
const tcp = { tcpSocket: { port: 5000 } };
const twin = (spec: object = {}): Surroundings => ({
  manifests: [manifestOf('twin', { readinessProbe: tcp, ...spec })],
});

function probed(
  surroundings: Surroundings,
  ...containers: readonly ObservedContainer[]
): readonly ProbedContainer[] {
  const asked: (readonly ProbedContainer[])[] = [];
  const prober = {
    sync: (key: object, found: readonly ProbedContainer[]) => {
      expect(key).toBe(TWIN);
      asked.push(found);
    },
  };
  const observed = { containers, observedAtMs: NOW };
  probeReplicas(aReadableWorld(surroundings), prober, { key: TWIN, observed, record });
  expect(asked).toHaveLength(1);
  return asked[0] ?? [];
}

describe('who is probed', () => {
  test.each<[name: string, container: ObservedContainer, isProbed: boolean]>([
    ['one that serves', containerOf(A, 1), true],
    ['one that is tried', containerOf(B, 2), true],
    ['not one of an earlier attempt', containerOf(B, 1), false],
    ['not one that is dead', containerOf(B, 2, EXITED), false],
  ])('is %s', (_name, container, isProbed) => {
    const found = probed(twin(), containerOf(A, 1, { id: 'other' }), container);
    expect(found.map(({ target }) => target.containerId)).toEqual([
      'other',
      ...(isProbed ? [container.id] : []),
    ]);
  });

  test('is nobody, once the manifest is gone', () => {
    expect(probed({}, containerOf(A, 1))).toEqual([]);
  });
});

describe('what a container is asked', () => {
  const running = containerOf(A, 1, { startedAtMs: 7, pid: 42 });
  const only = (surroundings: Surroundings, container = running) => probed(surroundings, container)[0];

  test('is what its newest manifest says, of this very run', () => {
    expect(only(twin({ ports: [{ containerPort: 81 }, { name: 'web', containerPort: 80 }] }))).toStrictEqual({
      target: { containerId: running.id, startedAtMs: 7, pid: 42, ip: '10.0.0.9', namedPorts: { web: 80 } },
      probes: { readiness: expect.objectContaining({ tcpSocket: { port: 5000 } }) },
    });
  });

  test.each([
    ['startupProbe', ['startup', 'readiness']],
    ['livenessProbe', ['readiness', 'liveness']],
  ])('is %s too, where there is one', (field, kinds) => {
    expect(Object.keys(only(twin({ [field]: tcp }))?.probes ?? {})).toEqual(kinds);
  });

  test('is nothing, where there are no probes', () => {
    expect(only({ manifests: [manifestOf('twin', { readinessProbe: undefined })] })?.probes).toStrictEqual(
      {},
    );
  });
});

describe('where a container is asked', () => {
  const addressOf = (surroundings: Surroundings, change: Partial<ObservedContainer> = {}) => {
    const target = probed(surroundings, containerOf(A, 1, change))[0]?.target ?? {};
    return 'ip' in target ? target.ip : 'none';
  };
  const inPod = twin({ podGroup: 'core' });
  const pods = (running: object): Surroundings => ({
    ...inPod,
    provisions: new Map([
      [
        keyString(podsKey('ns', 'core')),
        { ready: true, facts: { kind: 'Pods', present: ['p'], ...running } },
      ],
    ]),
  });

  test.each<[name: string, surroundings: Surroundings, change: Partial<ObservedContainer>, address: string]>([
    ['its own address', twin(), {}, '10.0.0.9'],
    ['the first that it has', twin(), { networks: { 'ns.a': '', 'ns.b': '10.0.0.8' } }, '10.0.0.8'],
    ['none, where it has none', twin(), { networks: {} }, 'none'],
    ['none, in the network of the host', twin(), { hostNetwork: true }, 'none'],
    ['that of its pod', pods({ running: { name: 'p', ip: '10.0.0.7' } }), {}, '10.0.0.7'],
    ['none, where its pod has none', pods({ running: { name: 'p' } }), {}, 'none'],
    ['none, where its pod does not run', pods({}), {}, 'none'],
    ['none, until its pod was looked at', inPod, {}, 'none'],
  ])('is %s', (_name, surroundings, change, address) => {
    expect(addressOf(surroundings, change)).toBe(address);
  });
});

describe('the verdicts that are kept for a restart of the controller', () => {
  const replicas = { [`${A.id}-1-0`]: { ...NEW_REPLICA, restarts: 4 }, [`${B.id}-2-0`]: NEW_REPLICA };
  const kept = (containers: readonly ObservedContainer[], verdict: typeof READY | undefined = READY) =>
    withVerdicts(
      aView('Healthy', {
        record: { replicas },
        containers,
        facts: { verdictOf: ({ id }) => (id === 'mute' ? undefined : verdict) },
      }),
    );

  test('are of the run that they were given to', () => {
    const running = containerOf(A, 1, { startedAtMs: 7 });
    const verdict = { key: TWIN, containerId: running.id, startedAtMs: 7, verdict: READY };
    expect(kept([running])).toEqual({
      ...replicas,
      [`${A.id}-1-0`]: { ...NEW_REPLICA, restarts: 4, verdict },
    });
  });

  test.each([
    ['is dead', containerOf(A, 1, EXITED)],
    ['was not asked yet', containerOf(A, 1, { id: 'mute' })],
    ['nobody remembers', containerOf(A, 9)],
  ])('are none of one that %s', (_name, container) => {
    expect(kept([container])).toEqual(replicas);
  });
});

describe('a dependency that was away', () => {
  const backoff = { failures: 3, notBeforeMs: NOW + 60_000 };
  const replicas = { a: { ...NEW_REPLICA, restarts: 4, crash: backoff } };
  const regained = (dependencyDown: string | undefined, change: Partial<AgentRecord> = {}) => {
    const view = aView('Degraded', { record: { replicas, ...change }, facts: { dependencyDown } });
    return { before: view.record, after: regain(view) };
  };

  test('is remembered', () => {
    const { before, after } = regained('base');
    expect(after).toEqual({ ...before, lostDependency: 'base' });
  });

  test('is the one that is away now', () => {
    expect(regained('other', { lostDependency: 'base' }).after.lostDependency).toBe('other');
  });

  test('is remembered once', () => {
    const { before, after } = regained('base', { lostDependency: 'base' });
    expect(after).toBe(before);
  });

  test('lets nobody sit out a back-off once it is back', () => {
    const { before, after } = regained(undefined, { lostDependency: 'base' });
    const { lostDependency: _, ...rest } = before;
    const crash = { failures: 0, notBeforeMs: 0 };
    expect(after).toStrictEqual({ ...rest, replicas: { a: { ...NEW_REPLICA, restarts: 4, crash } } });
  });

  test('that never was away changes nothing', () => {
    const { before, after } = regained(undefined);
    expect(after).toBe(before);
  });
});
