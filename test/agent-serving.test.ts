import { describe, expect, test } from 'vitest';
import type { AgentFacts, View } from '../controllers/agent/facts.ts';
import { serving, survivors } from '../controllers/agent/replica-aim.ts';
import type { ContainerAim } from '../src/plan/aim.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord } from '../src/state/replica.ts';
import {
  A,
  aView,
  B,
  containerOf,
  CREATED,
  EXITED,
  factsWith,
  NOW,
  SEVERAL,
  type Situation,
  specOf,
  replicaOf,
} from './fakes/agent-views.ts';
import { IN_NEW, NEW_POD, OLD_POD, podsSeen } from './fakes/pod-group.ts';

const serves = { currentRevision: B.id, stableRevision: B.id, targetRevision: B.id };
const running = containerOf(B, 2);
const down = containerOf(B, 2, EXITED);
const replica = (change: Partial<ReplicaRecord>, ordinal = 0): Partial<AgentRecord> => ({
  replicas: { [`${B.id}-2-${ordinal}`]: { ...NEW_REPLICA, bootId: 'boot', ...change } },
});
const ended = (code: number, oomKilled = false) => ({
  lastExit: { containerId: down.id, code, oomKilled, atMs: 9 },
});
const condemned = {
  condemned: { containerId: running.id, startedAtMs: 1, reason: 'its liveness probe failed' },
};
const spec = (change: object): Partial<AgentFacts> => ({ spec: specOf(change) });

const LETTERS: Readonly<Record<string, string>> = { [A.id]: 'A', [B.id]: 'B', [IN_NEW.id]: 'P' };
const one = (aim: ContainerAim): string =>
  [
    `${LETTERS[aim.revision.id]}${aim.attempt}-${aim.ordinal} ${aim.want}: ${aim.cause}`,
    aim.correctDrift ? '; put right' : '',
    'signal' in aim ? `; told by ${aim.signal}` : '',
  ].join('');
const told = (aims: readonly ContainerAim[]): string[] => aims.map(one);
const viewIn = (state: AgentState, { record, ...situation }: Situation): View =>
  aView(state, { ...situation, record: { ...serves, ...record } });

describe('one that serves', () => {
  test.each<[name: string, state: AgentState, situation: Situation, aim: string]>([
    ['goes on running', 'Healthy', { containers: [running] }, 'B2-0 Running: made B'],
    [
      'is started where it was only made',
      'Healthy',
      { containers: [containerOf(B, 2, CREATED)] },
      'B2-0 Running: made B',
    ],
    [
      'is made again where it is gone',
      'Healthy',
      { record: replica({ joined: true }) },
      'B2-0 Running: its container is gone',
    ],
    ['is made where it never was', 'Healthy', {}, 'B2-0 Running: replicas is 1'],
    [
      'is made because of what it is, when it is the first try',
      'Starting',
      { record: { currentRevision: A.id } },
      'B2-0 Running: made B',
    ],
    [
      'is killed when a probe wants it',
      'Degraded',
      { containers: [running], record: replica(condemned) },
      'B2-0 Stopped: its liveness probe failed',
    ],
    [
      'is not killed for what a probe said of an earlier run',
      'Degraded',
      { containers: [{ ...running, startedAtMs: 2 }], record: replica(condemned) },
      'B2-0 Running: made B',
    ],
    [
      'is not killed for what a probe said of an earlier container',
      'Degraded',
      { containers: [{ ...running, id: 'other' }], record: replica(condemned) },
      'B2-0 Running: made B',
    ],
    [
      'is started again after a crash',
      'Degraded',
      { containers: [down], record: replica(ended(3)) },
      'B2-0 Running: exited with code 3',
    ],
    [
      'is started again after it took too much memory',
      'Degraded',
      { containers: [down], record: replica(ended(137, true)) },
      'B2-0 Running: exited with code 137 (out of memory)',
    ],
    [
      'is started again after a probe had it killed',
      'Degraded',
      { containers: [down], record: replica({ ...condemned, ...ended(137) }) },
      'B2-0 Running: exited with code 137',
    ],
    [
      'is started again after its host was, which is no crash',
      'Degraded',
      {
        containers: [down],
        record: replica({ lastExit: { ...ended(137).lastExit, rebootedInto: 'boot' } }),
      },
      'B2-0 Running: the host was started anew',
    ],
    [
      'is started again though nobody noted its end',
      'Degraded',
      { containers: [down], record: replica({}) },
      'B2-0 Running: made B',
    ],
    [
      'is started whatever an earlier container came to',
      'Degraded',
      { containers: [{ ...down, id: 'other' }], record: replica(ended(3)) },
      'B2-0 Running: made B',
    ],
    [
      'is started where Podman could not start it',
      'Degraded',
      { containers: [{ ...down, startedAtMs: 0 }], record: replica(ended(3)) },
      'B2-0 Running: made B',
    ],
    [
      'waits for its back-off',
      'Degraded',
      { containers: [down], record: replica({ ...ended(3), crash: { failures: 2, notBeforeMs: NOW + 1 } }) },
      'B2-0 Untouched: exited with code 3',
    ],
    [
      'is left when it has ended well',
      'Healthy',
      { containers: [down], record: replica(ended(0)), facts: spec({ restartPolicy: 'OnFailure' }) },
      'B2-0 Untouched: exited with code 0',
    ],
    [
      'is started again though it has ended well, where it always runs',
      'Healthy',
      { containers: [down], record: replica(ended(0)) },
      'B2-0 Running: exited with code 0',
    ],
    [
      'is left where it is not to be started again',
      'Degraded',
      { containers: [down], record: replica(ended(3)), facts: spec({ restartPolicy: 'Never' }) },
      'B2-0 Untouched: exited with code 3',
    ],
    [
      'comes back because of the rollback',
      'RollingBack',
      { containers: [down], record: { ...replica(ended(3)), message: 'B failed' } },
      'B2-0 Running: rollback: B failed',
    ],
  ])('%s', (_name, state, situation, aim) => {
    expect(told(serving(viewIn(state, situation)))).toEqual([aim]);
  });

  test('is given the time that its manifest promises, and is not put right unasked', () => {
    expect(serving(viewIn('Healthy', { containers: [running] }))).toMatchObject([
      { revision: B, graceSeconds: 20, correctDrift: false },
    ]);
  });

  test('is nobody, while its revision is not known', () => {
    const view = viewIn('Healthy', { record: { currentRevision: 'cccccccc' }, containers: [running] });
    expect(serving(view)).toEqual([]);
    expect(survivors(view)).toEqual([]);
  });

  test.each([
    ['waits for its pod to be made again', [podsSeen({ present: [OLD_POD] })], [], []],
    [
      'is made in the pod that is there',
      [podsSeen({ present: [NEW_POD], running: { name: NEW_POD } })],
      [],
      ['P1-0 Running: replicas is 1'],
    ],
    [
      'runs on, whatever became of its pod',
      [podsSeen({ present: [] })],
      [containerOf(IN_NEW, 1)],
      ['P1-0 Running: made P'],
    ],
  ])('in a pod %s', (_name, pods, containers, aims) => {
    const record = { revisions: [{ ...IN_NEW, cause: 'made P' }], currentRevision: IN_NEW.id };
    expect(told(serving(viewIn('Healthy', { record, facts: { pods }, containers })))).toEqual(aims);
  });
});

describe('what was changed behind our back', () => {
  const network = { mode: 'bridge', networks: [{ name: 'ns.other', aliases: [] }] } as const;
  const { wish } = factsWith({ ...B.template, network });
  const facts = { wish };
  const networksOf = (aims: readonly ContainerAim[]) => aims.map(({ revision }) => revision.template.network);

  test('is put right to the networks of the newest wish, and to all else as it was made', () => {
    const aims = serving(viewIn('Healing', { containers: [running], facts }));
    expect(told(aims)).toEqual(['B2-0 Running: made B; put right']);
    expect(aims[0]?.revision).toEqual({ ...B, template: { ...B.template, network } });
  });

  test.each<[name: string, state: AgentState, facts: Partial<AgentFacts>]>([
    ['before anybody said so', 'Healthy', facts],
    ['where it is only to be told', 'Healing', { ...facts, ...spec({ driftPolicy: 'Report' }) }],
    ['where there is nothing', 'Healing', {}],
    ['while nobody knows what is asked for', 'Healing', { wish: undefined }],
  ])('is not put right %s', (_name, state, change) => {
    const aims = serving(viewIn(state, { containers: [running], facts: change }));
    expect(told(aims)).toEqual(['B2-0 Running: made B']);
    expect(networksOf(aims)).toEqual([B.template.network]);
  });
});

describe('what is mounted changed', () => {
  const hup = {
    ...spec({ reload: { signal: 'HUP' } }),
    wish: { template: B.template, imageKnown: true, reloadDigest: 'new' },
  };
  const before = { reloadDigest: 'old' };

  test.each<[name: string, situation: Situation, aim: string]>([
    [
      'it is told',
      { containers: [running], record: before, facts: hup },
      'B2-0 Running: made B; told by HUP',
    ],
    [
      'it was told',
      { containers: [running], record: { reloadDigest: 'new' }, facts: hup },
      'B2-0 Running: made B',
    ],
    ['nobody knows what it was told', { containers: [running], facts: hup }, 'B2-0 Running: made B'],
    [
      'it is down, and reads it when it starts',
      { containers: [containerOf(B, 2, CREATED)], record: before, facts: hup },
      'B2-0 Running: made B',
    ],
    [
      'it wants to know nothing',
      { containers: [running], record: before, facts: { ...hup, ...spec({ reload: 'None' }) } },
      'B2-0 Running: made B',
    ],
    [
      'it gets a new revision instead',
      { containers: [running], record: before, facts: { ...hup, ...spec({}) } },
      'B2-0 Running: made B',
    ],
    [
      'nobody knows what is asked for',
      { containers: [running], record: before, facts: { ...hup, wish: undefined } },
      'B2-0 Running: made B',
    ],
    [
      'its manifest is gone',
      { containers: [running], record: before, facts: { ...hup, spec: undefined } },
      'B2-0 Running: made B',
    ],
  ])('%s', (_name, situation, aim) => {
    expect(told(serving(viewIn('Healthy', situation)))).toEqual([aim]);
  });
});

describe('replicas that are too many', () => {
  const three = [0, 1, 2].map((ordinal) => replicaOf(B, 2, ordinal));
  const kept = ['B2-0 Running: made B', 'B2-1 Running: made B'];

  test('go', () => {
    const facts = spec({ replicas: 2 });
    const view = viewIn('Healthy', { record: SEVERAL, containers: three, facts });
    expect(told(serving(view))).toEqual([...kept, 'B2-2 Absent: replicas is 2']);
    expect(told(survivors(view))).toEqual([...kept, 'B2-2 Absent: replicas is 2']);
  });

  test('go also where there are to be several, but this revision has the name itself', () => {
    const view = viewIn('Healthy', { containers: three.slice(0, 2), facts: spec({ replicas: 2 }) });
    const alone = `B2-1 Absent: of revision ${B.id}, which has the name itself, there can be one`;
    expect(told(serving(view))).toEqual(['B2-0 Running: made B', alone]);
  });

  test('go of both revisions that run beside each other, each once', () => {
    const record = { currentRevision: A.id, rollout: { strategy: 'BlueGreen' } as const };
    const containers = [replicaOf(A, 1, 0), replicaOf(A, 1, 1), replicaOf(B, 2, 0), replicaOf(B, 2, 1)];
    expect(told(serving(viewIn('Verifying', { record, containers })))).toEqual([
      'B2-0 Running: made B',
      'A1-0 Running: made A',
      'B2-1 Absent: replicas is 1',
      'A1-1 Absent: replicas is 1',
    ]);
  });

  test('stay where what is swapped for them is none of those that should run', () => {
    const containers = [replicaOf(A, 1, 0), replicaOf(A, 1, 1)];
    expect(told(serving(viewIn('Healthy', { containers })))).toEqual(['B2-0 Running: replicas is 1']);
  });
});

describe('about to be replaced', () => {
  test.each<[name: string, situation: Situation, aim: string]>([
    ['one that runs goes on', { containers: [running] }, 'B2-0 Running: made B'],
    [
      'one that is down is not started again',
      { containers: [down], record: replica(ended(3)) },
      'B2-0 Untouched: is about to be replaced',
    ],
    ['one that is gone is not made again', {}, 'B2-0 Untouched: is about to be replaced'],
    [
      'one that a probe condemned is killed',
      { containers: [running], record: replica(condemned) },
      'B2-0 Stopped: its liveness probe failed',
    ],
  ])('%s', (_name, situation, aim) => {
    expect(told(survivors(viewIn('Preparing', situation)))).toEqual([aim]);
  });
});
