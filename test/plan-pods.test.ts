import { describe, expect, test } from 'vitest';
import { placeOf } from '../controllers/pod-move.ts';
import { agentKey } from '../src/api/key.ts';
import { labels } from '../src/api/labels.ts';
import { formatPlan } from '../src/plan/operation.ts';
import { type LivePod, type PodsAim, planPods } from '../src/plan/plan-pods.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { createRevision } from '../src/state/revision.ts';
import { newRecord } from '../controllers/agent/decide.ts';
import { aContainer, aTemplate } from './fakes/templates.ts';

const [A, B, C] = ['ns.core-aaaaaaaa', 'ns.core-bbbbbbbb', 'ns.core-cccccccc'] as const;

const aPod = (name: string, infraState: LivePod['infraState'], change: Partial<LivePod> = {}): LivePod => ({
  id: `id-${name}`,
  name,
  labels: { [labels.ports]: '80/tcp' },
  state: '',
  infraId: `infra-${name}`,
  infraState,
  infraPid: 0,
  infraStartedAtMs: 0,
  containerIds: [],
  networks: {},
  members: [],
  ...change,
});

const port = (hostPort: number) => ({
  containerPort: 80,
  hostPort,
  hostIP: '127.0.0.1',
  protocol: 'tcp' as const,
});
const wanted = (name: string) => ({
  name,
  template: {
    network: { mode: 'host' as const },
    ports: [port(80), port(81)],
    hostname: 'core',
    sharedNamespaces: [],
    mounts: [],
  },
  labels: {},
});
const onNetwork = (name: string) => {
  const { template, ...pod } = wanted(name);
  const networks = [{ name: 'ns.default', ip: '10.0.0.9', aliases: ['core'] }];
  return { ...pod, template: { ...template, network: { mode: 'bridge' as const, networks } } };
};
const up = [aContainer('aaaaaaaa', 1, { name: 'ns.web-aaaaaaaa-1-0' })];

const planOf = (aim: Partial<PodsAim>, ...found: LivePod[]): string[] => {
  const { operations } = planPods({ keep: new Set(), cause: 'its group moves', ...aim }, found);
  return operations.length === 0 ? [] : formatPlan({ operations }).split('\n');
};

describe('the plan of the pods of a group', () => {
  test.each<[string, Partial<PodsAim>, LivePod[], string[]]>([
    ['the pod runs', { wanted: wanted(A), run: A }, [aPod(A, 'running')], []],
    [
      'a first pod',
      { wanted: wanted(A), run: A },
      [],
      [
        'check port 127.0.0.1:80/tcp (is published by the new pod)',
        'check port 127.0.0.1:81/tcp (is published by the new pod)',
        `create pod ${A} (is not there)`,
      ],
    ],
    [
      'it was made',
      { wanted: wanted(A), run: A },
      [aPod(A, 'created')],
      [`start container infra-${A} (holds the namespaces of pod ${A})`],
    ],
    [
      'another is to be, and the old one serves on: its own port is no hindrance',
      { wanted: wanted(B), run: A, keep: new Set([A, B]) },
      [aPod(A, 'running', { members: up })],
      ['check port 127.0.0.1:81/tcp (is published by the new pod)', `create pod ${B} (is not there)`],
    ],
    [
      'the old one tells of no ports: all are checked',
      { wanted: wanted(B), run: A, keep: new Set([A, B]) },
      [aPod(A, 'running', { members: up, labels: {} })],
      [
        'check port 127.0.0.1:80/tcp (is published by the new pod)',
        'check port 127.0.0.1:81/tcp (is published by the new pod)',
        `create pod ${B} (is not there)`,
      ],
    ],
    [
      'some are still in the old one',
      { wanted: wanted(B), keep: new Set([A, B]) },
      [aPod(A, 'running', { members: up }), aPod(B, 'created')],
      [],
    ],
    [
      'all have left the old one, which is kept',
      { wanted: wanted(B), run: B, keep: new Set([A, B]) },
      [aPod(A, 'running'), aPod(B, 'created')],
      [
        `stop container infra-${A} (${A}: its group moves)`,
        `start container infra-${B} (holds the namespaces of pod ${B})`,
      ],
    ],
    [
      'they are stable',
      { wanted: wanted(B), run: B, keep: new Set([B]) },
      [aPod(A, 'exited'), aPod(B, 'running')],
      [`remove pod ${A} (its pod group changed)`],
    ],
    [
      'a kept pod that is down already is not stopped again',
      { wanted: wanted(B), run: B, keep: new Set([A, B]) },
      [aPod(A, 'exited'), aPod(B, 'running')],
      [],
    ],
    [
      'the infra container of the wanted pod is in no state to be started',
      { wanted: wanted(A), run: A, keep: new Set([A]) },
      [aPod(A, 'unknown')],
      [
        'check port 127.0.0.1:81/tcp (is published by the new pod)',
        `remove pod ${A} (its infra container is not running)`,
        `create pod ${A} (is not there)`,
      ],
    ],
    [
      'that of a pod that is kept is no concern of the one that runs',
      { wanted: wanted(B), run: B, keep: new Set([A, B]) },
      [aPod(A, 'exited', { members: up }), aPod(B, 'running')],
      [],
    ],
    [
      'the wanted pod is not the one that is to run: it is not made anew',
      { wanted: wanted(B), run: A, keep: new Set([A, B]) },
      [aPod(A, 'exited', { members: up }), aPod(B, 'created')],
      [
        'stop container ns.web-aaaaaaaa-1-0 (its pod lost its network)',
        `start container infra-${A} (holds the namespaces of pod ${A})`,
      ],
    ],
    [
      'members that are down with it need no stop',
      { run: A, keep: new Set([A]) },
      [aPod(A, 'exited', { members: [...up, aContainer('bbbbbbbb', 1, { state: 'exited' })] })],
      [
        'stop container ns.web-aaaaaaaa-1-0 (its pod lost its network)',
        `start container infra-${A} (holds the namespaces of pod ${A})`,
      ],
    ],
    [
      'it was made, and its members wait for it: that is not broken',
      { wanted: wanted(A), run: A, keep: new Set([A]) },
      [aPod(A, 'created', { members: up })],
      [
        'stop container ns.web-aaaaaaaa-1-0 (its pod lost its network)',
        `start container infra-${A} (holds the namespaces of pod ${A})`,
      ],
    ],
    [
      'its infra container runs without the network that it was made for',
      { wanted: onNetwork(A), run: A, keep: new Set([A]) },
      [aPod(A, 'running', { networks: {} })],
      [`connect network ${A} (is not on network ns.default)`],
    ],
    [
      'it has its network',
      { wanted: onNetwork(A), run: A, keep: new Set([A]) },
      [aPod(A, 'running', { networks: { 'ns.default': '10.0.0.9' } })],
      [],
    ],
    [
      'they go back',
      { run: A, keep: new Set([A]) },
      [aPod(A, 'exited'), aPod(B, 'running')],
      [
        `remove pod ${B} (its pod group changed)`,
        `start container infra-${A} (holds the namespaces of pod ${A})`,
      ],
    ],
    [
      'the host was restarted',
      { wanted: wanted(A), run: A, keep: new Set([A]) },
      [aPod(A, 'exited')],
      [`start container infra-${A} (holds the namespaces of pod ${A})`],
    ],
    [
      'the infra container of the wanted pod died under its members',
      { wanted: wanted(A), run: A, keep: new Set([A]) },
      [aPod(A, 'exited', { members: up })],
      [
        'check port 127.0.0.1:81/tcp (is published by the new pod)',
        `remove pod ${A} (its infra container is not running)`,
        `create pod ${A} (is not there)`,
      ],
    ],
    [
      'the infra container of the pod that was gone back to died: its manifest is not there any more',
      { run: A, keep: new Set([A]) },
      [aPod(A, 'exited', { members: up })],
      [
        'stop container ns.web-aaaaaaaa-1-0 (its pod lost its network)',
        `start container infra-${A} (holds the namespaces of pod ${A})`,
      ],
    ],
  ])('%s', (_, aim, found, expected) => {
    expect(planOf(aim, ...found)).toEqual(expected);
  });
});

const inPod = (pod: string) => createRevision(aTemplate({ network: { mode: 'pod', pod } }), 'made', 0);
const REVISIONS: Readonly<Record<string, Revision>> = { [A]: inPod(A), [B]: inPod(B), [C]: inPod(C) };
const idIn = (pod: string): string => REVISIONS[pod]?.id ?? '';

interface Member {
  readonly state: AgentState;
  readonly current?: string;
  readonly target?: string;
  readonly attempt?: number;
}

const aMember = (name: string, { state, current, target, attempt }: Member): AgentRecord => ({
  ...newRecord({ key: agentKey('ns', name), specHash: '' }, 'uid', 0),
  state,
  revisions: Object.values(REVISIONS),
  ...(current !== undefined && { currentRevision: idIn(current) }),
  ...(target !== undefined && { targetRevision: idIn(target) }),
  ...(attempt !== undefined && { unit: { pod: B, attempt, waits: false } }),
});

describe('the pod of a group that should run', () => {
  const preparing = { state: 'Preparing', current: A, target: B, attempt: 1 } as const;
  const stopping = { ...preparing, state: 'StoppingOld' } as const;
  const back = { ...preparing, state: 'RolledBack' } as const;
  const rest = { state: 'Healthy', current: B, target: B } as const;

  test.each<[string, Member[], string | undefined, boolean]>([
    ['nobody is in it yet', [], B, true],
    ['all rest in it', [rest, rest], B, true],
    ['one has yet to notice', [{ state: 'Healthy', current: A, target: A }, preparing], A, true],
    ['all prepare', [preparing, preparing], A, true],
    ['one prepares, one stops', [preparing, stopping], undefined, true],
    ['all have stopped', [stopping, { ...stopping, state: 'Starting' }], B, true],
    [
      'one has failed, the other has yet to follow',
      [{ ...stopping, state: 'Failing' }, stopping],
      undefined,
      true,
    ],
    ['one is on its way back', [{ ...stopping, state: 'RollingBack' }, stopping], undefined, true],
    ['all go back', [{ ...stopping, state: 'RollingBack' }, back], A, false],
    ['all are held where they failed', [{ ...stopping, state: 'Paused' }], undefined, true],
    ['one begins anew', [back, { ...preparing, attempt: 2 }], A, true],
    ['who came with the new pod has no say', [back, { state: 'Verifying', target: B }], A, false],
    ['nor has who arrived there alone', [back, rest], A, false],
    ['none can go back', [{ ...back, state: 'Failed', current: B }], B, true],
  ])('when %s', (_, members, run, isTried) => {
    const sharers = members.map((member, index) => aMember(`m${index}`, member));
    const pods = [aPod(A, 'exited'), aPod(B, 'running')];
    const place = placeOf({ wanted: B, pods, sharers });
    expect([place.run, place.isTried || run === undefined]).toEqual([run, isTried]);
  });

  test('does not start while a member still runs in another', () => {
    const owner = { [labels.name]: 'm0' };
    const running = [aContainer('aaaaaaaa', 1, { labels: owner })];
    const pods = [aPod(A, 'running', { members: running }), aPod(B, 'created')];
    const sharers = [aMember('m0', stopping)];
    expect(placeOf({ wanted: B, pods, sharers }).run).toBeUndefined();
    expect(placeOf({ wanted: B, pods: [aPod(A, 'running'), aPod(B, 'created')], sharers }).run).toBe(B);
  });

  test('starts though one that never served still runs in the old one', () => {
    const late = [aContainer('aaaaaaaa', 1, { labels: { [labels.name]: 'm1' } })];
    const pods = [aPod(A, 'running', { members: late }), aPod(B, 'created')];
    const sharers = [aMember('m0', stopping), aMember('m1', { state: 'Blocked' })];
    expect(placeOf({ wanted: B, pods, sharers }).run).toBe(B);
  });

  test('is not taken from under one that serves there, whoever else is on the way', () => {
    const serves = [aContainer('bbbbbbbb', 1, { labels: { [labels.name]: 'm1' } })];
    const pods = [aPod(A, 'exited'), aPod(B, 'running', { members: serves })];
    expect(
      placeOf({ wanted: B, pods, sharers: [aMember('m0', preparing), aMember('m1', rest)] }).run,
    ).toBeUndefined();
  });

  test('is the old one for those that are held and never went, and the new one is kept for the next try', () => {
    const sharers = [aMember('m0', { ...preparing, state: 'Paused' })];
    const place = placeOf({ wanted: B, pods: [aPod(A, 'exited'), aPod(B, 'created')], sharers });
    expect([place.run, [...place.keep].sort(), place.isTried]).toEqual([A, [A, B].sort(), false]);
    const without = placeOf({ wanted: B, pods: [aPod(A, 'exited')], sharers });
    expect([without.run, without.isTried]).toEqual([A, false]);
  });

  test('is none that a person took away', () => {
    expect(
      placeOf({ wanted: B, pods: [aPod(B, 'running')], sharers: [aMember('m0', back)] }).run,
    ).toBeUndefined();
  });

  test('keeps what anybody may go back to', () => {
    const { keep } = placeOf({
      wanted: C,
      pods: [aPod(A, 'exited'), aPod(B, 'running'), aPod(C, 'created')],
      sharers: [
        {
          ...aMember('m0', { state: 'Monitoring', current: B, target: B }),
          stableRevision: idIn(A),
        },
      ],
    });
    expect([...keep].sort()).toEqual([A, B, C]);
  });
});
