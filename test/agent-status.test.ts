import { describe, expect, test } from 'vitest';
import { statusOf, type StatusInput, unknownStatus } from '../controllers/agent/status.ts';
import { HOLDER_ANNOTATION, labels } from '../src/api/labels.ts';
import type { AgentStatus } from '../src/api/status.ts';
import { canonicalJson } from '../src/state/canonical.ts';
import type { AgentState } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import {
  A,
  aView,
  B,
  BESIDE_B,
  containerOf,
  EXITED,
  NOW,
  READY,
  SEVERAL,
  type Situation,
  specOf,
  HOLDER,
} from './fakes/agent-views.ts';
import { aContainer } from './fakes/templates.ts';

const running = containerOf(B, 2, { startedAtMs: 1_000 });
const serving = { currentRevision: B.id, targetRevision: B.id, stableRevision: B.id };
const steady: Situation = { record: serving, containers: [running] };
const closed = { open: false, reason: 'WaitingForDependency', message: 'waits for db' } as const;
const problem = {
  reason: 'InvalidManifest',
  message: 'is wrong',
  position: { file: 'x.yaml', line: 1, column: 1 },
} as const;
const failure = {
  operation: 'CreateContainer',
  reason: 'Conflict',
  message: 'is not ours',
  terminal: false,
  atMs: 0,
} as const;

const nameHolder = aContainer('', 0, { annotations: { [HOLDER_ANNOTATION]: canonicalJson(HOLDER) } });
const held = (route: readonly string[], change: Situation['record'] = {}): Situation => ({
  record: { revisions: [A, BESIDE_B], ...servingBeside, ...change },
  facts: {
    wish: { template: BESIDE_B.template, holder: HOLDER, imageKnown: true, reloadDigest: '' },
    observed: {
      containers: [containerOf(BESIDE_B, 2, { networks: { 'ns.default': '10.0.0.3' } })],
      holder: { container: nameHolder, route },
      observedAtMs: NOW,
    },
  },
});
const servingBeside = {
  currentRevision: BESIDE_B.id,
  targetRevision: BESIDE_B.id,
  stableRevision: BESIDE_B.id,
};

const WELL: ReadonlySet<string> = new Set(['Ready', 'Synced', 'Available', 'DependenciesReady']);

/** The conditions that are not as those of an agent that is well and at rest. */
const unwell = ({ conditions }: AgentStatus): string[] =>
  conditions
    .filter(({ type, status }) => (status === 'True') !== WELL.has(type))
    .map(
      ({ type, reason, message }) =>
        `${WELL.has(type) ? 'not ' : ''}${type}: ${reason}${message && `, ${message}`}`,
    );

const told = (status: AgentStatus): string[] => [
  `${status.phase}, ${status.reason}${status.message && `: ${status.message}`}`,
  `generation ${status.observedGeneration}, ${status.readyReplicas} of ${status.replicas} ready, ${status.updatedReplicas} new${status.ready ? '' : ', not ready'}`,
  ...unwell(status),
];

type More = Partial<Pick<StatusInput, 'stalled' | 'waits' | 'lastPlan'>>;
const statusIn = (state: AgentState, situation: Situation, more: More = {}): AgentStatus =>
  statusOf({ ...aView(state, situation), lastPlan: [], ...more });
const of = (change: Situation): Situation => ({
  ...steady,
  ...change,
  record: { ...serving, ...change.record },
});

type Row = [name: string, state: AgentState, situation: Situation, more: More, ...told: string[]];

const ROWS: readonly Row[] = [
  ['it is well', 'Healthy', steady, {}, 'Healthy, Pending', 'generation 1, 1 of 1 ready, 1 new'],
  [
    'it is down',
    'Healthy',
    of({ containers: [containerOf(B, 2, EXITED)] }),
    {},
    'Healthy, Pending',
    'generation 0, 0 of 0 ready, 0 new, not ready',
    'not Ready: NotRunning',
    'not Available: Pending',
  ],
  [
    'its container is gone',
    'Healthy',
    of({ containers: [] }),
    {},
    'Healthy, Pending',
    'generation 0, 0 of 0 ready, 0 new, not ready',
    'not Ready: Pending',
    'not Available: Pending',
  ],
  [
    'its probe fails',
    'Healthy',
    of({ facts: { verdictOf: () => ({ ...READY, ready: false }) } }),
    {},
    'Healthy, Pending',
    'generation 0, 0 of 1 ready, 1 new, not ready',
    'not Ready: ProbeFailing',
  ],
  [
    'its manifest is wrong',
    'Healthy',
    steady,
    { stalled: problem },
    'Healthy, InvalidManifest: is wrong',
    'generation 1, 1 of 1 ready, 1 new',
    'Stalled: InvalidManifest, is wrong',
    'not Synced: InvalidManifest, is wrong',
  ],
  [
    'its change waits for a window',
    'Healthy',
    steady,
    { waits: 'opens at nine' },
    'Healthy, OutsideSyncWindow: opens at nine',
    'generation 1, 1 of 1 ready, 1 new',
    'not Synced: OutsideSyncWindow, opens at nine',
  ],
  [
    'its change waits, and what runs has more to say',
    'Healthy',
    of({ record: { reason: 'Crashed', message: 'it crashed' } }),
    { waits: 'opens at nine' },
    'Healthy, Crashed: it crashed',
    'generation 1, 1 of 1 ready, 1 new',
    'not Synced: OutsideSyncWindow, opens at nine',
  ],
  [
    'all of it is suspended',
    'Healthy',
    of({ facts: { suspended: true } }),
    {},
    'Suspended, Pending',
    'generation 1, 1 of 1 ready, 1 new',
  ],
  [
    'a person suspended it',
    'Healthy',
    of({ facts: { acts: { specHash: 'hash', suspended: { sinceMs: 0 } } } }),
    {},
    'Suspended, SuspendedByUser: suspended by a person; it goes on with: rookery resume twin -n ns',
    'generation 1, 1 of 1 ready, 1 new',
  ],
  [
    'a person suspended it for a while, and said why',
    'Healthy',
    of({
      facts: { acts: { specHash: 'hash', suspended: { sinceMs: 0, untilMs: 2_000_000, reason: 'works' } } },
    }),
    {},
    'Suspended, SuspendedByUser: suspended by a person until 1970-01-01T00:33:20.000Z (works); it goes on with: rookery resume twin -n ns',
    'generation 1, 1 of 1 ready, 1 new',
  ],
  [
    'a person took it back',
    'Healthy',
    of({ facts: { acts: { specHash: 'hash', undoToRevision: 'aaaaaaaa' } } }),
    {},
    'Healthy, UndoneByUser: taken back to revision aaaaaaaa by a person; it follows its manifest again with: rookery rollout resume twin -n ns',
    'generation 1, 1 of 1 ready, 1 new',
    'not Synced: UndoneByUser, taken back to revision aaaaaaaa by a person; it follows its manifest again with: rookery rollout resume twin -n ns',
  ],
  [
    'a person took it back, and it has more to say',
    'Healthy',
    of({
      record: { reason: 'Crashed', message: 'it crashed' },
      facts: { acts: { specHash: 'hash', undoToRevision: 'aaaaaaaa' } },
    }),
    {},
    'Healthy, Crashed: it crashed',
    'generation 1, 1 of 1 ready, 1 new',
    'not Synced: UndoneByUser, it crashed',
  ],
  [
    'what its manifest asks for will never be',
    'Healthy',
    of({
      record: { triedGeneration: 1 },
      facts: {
        missing: [
          { reason: 'NetworkNotReady', message: 'no network', terminal: false },
          { reason: 'BuildFailed', message: 'no image', terminal: true },
        ],
      },
    }),
    {},
    'Healthy, BuildFailed: no image',
    'generation 0, 1 of 1 ready, 1 new',
    'not Synced: BuildFailed, no image',
  ],
  [
    'what a newer manifest asks for is not there yet',
    'Healthy',
    of({ facts: { missing: [{ reason: 'NetworkNotReady', message: 'no network', terminal: false }] } }),
    {},
    'Healthy, NetworkNotReady: no network',
    'generation 0, 1 of 1 ready, 1 new',
    'not Synced: NetworkNotReady, no network',
  ],
  [
    'what it waits for again it had once',
    'Healthy',
    of({
      record: { triedGeneration: 1 },
      facts: { missing: [{ reason: 'NetworkNotReady', message: 'no network', terminal: false }] },
    }),
    {},
    'Healthy, Pending',
    'generation 1, 1 of 1 ready, 1 new',
  ],
  [
    'somebody renamed its container',
    'Healthy',
    of({ containers: [{ ...running, name: 'mine' }] }),
    {},
    'Healthy, Pending',
    'generation 1, 1 of 1 ready, 1 new',
    'not Synced: DriftDetected',
  ],
  [
    'it waits for another',
    'Blocked',
    of({ record: { reason: 'WaitingForDependency', message: 'waits for db' }, facts: { gating: closed } }),
    {},
    'Blocked, WaitingForDependency: waits for db',
    'generation 1, 1 of 1 ready, 1 new',
    'Reconciling: WaitingForDependency, waits for db',
    'not DependenciesReady: WaitingForDependency, waits for db',
  ],
  [
    'another that it needs is down',
    'Healthy',
    of({ facts: { dependencyDown: 'db' } }),
    {},
    'Healthy, Pending',
    'generation 1, 1 of 1 ready, 1 new',
    'not DependenciesReady: DependencyNotReady',
  ],
  [
    'it met what is not ours',
    'Preparing',
    of({ record: { reason: 'Conflict', message: 'is not ours', stepFailure: failure } }),
    {},
    'Preparing, Conflict: is not ours',
    'generation 0, 1 of 1 ready, 1 new',
    'Stalled: Conflict, is not ours',
    'Progressing: Conflict, is not ours',
  ],
  [
    'it asks for what is not built yet',
    'Pending',
    of({ record: { reason: 'NotYetSupported', message: 'not yet' } }),
    {},
    'Pending, NotYetSupported: not yet',
    'generation 1, 1 of 1 ready, 1 new',
    'Stalled: NotYetSupported, not yet',
  ],
  [
    'it is updated without a way back',
    'Verifying',
    of({ record: { noWayBack: 'its image was pruned' } }),
    {},
    'Verifying, Pending',
    'generation 0, 1 of 1 ready, 1 new',
    'Reconciling: Pending',
    'Progressing: RollbackUnavailable, its image was pruned',
  ],
  [
    'it was',
    'Healthy',
    of({ record: { noWayBack: 'its image was pruned' } }),
    {},
    'Healthy, Pending',
    'generation 1, 1 of 1 ready, 1 new',
  ],
  [
    'it crashes',
    'Degraded',
    of({ record: { reason: 'Crashed', message: 'it crashed' } }),
    {},
    'Degraded, Crashed: it crashed',
    'generation 1, 1 of 1 ready, 1 new',
    'Degraded: Crashed, it crashed',
  ],
  [
    'it failed',
    'Failed',
    of({ record: { reason: 'Crashed', message: 'it crashed' } }),
    {},
    'Failed, Crashed: it crashed',
    'generation 1, 1 of 1 ready, 1 new',
    'Stalled: Failed, it crashed',
    'Degraded: Crashed, it crashed',
  ],
  [
    'it went back',
    'RolledBack',
    of({ record: { targetRevision: 'cccccccc', reason: 'Crashed', message: 'it crashed' } }),
    {},
    'RolledBack, Crashed: it crashed',
    'generation 1, 1 of 1 ready, 0 new',
    'Stalled: RolledBack, it crashed',
    'not Synced: Crashed, it crashed',
  ],
  [
    'it goes back',
    'RollingBack',
    of({ record: { targetRevision: 'cccccccc', reason: 'Crashed', message: 'it crashed' } }),
    {},
    'RollingBack, Crashed: it crashed',
    'generation 1, 1 of 1 ready, 0 new',
    'Reconciling: Crashed, it crashed',
    'not Synced: Crashed, it crashed',
  ],
  [
    'it is watched',
    'Monitoring',
    steady,
    {},
    'Monitoring, Pending',
    'generation 1, 1 of 1 ready, 1 new',
    'Reconciling: Pending',
  ],
  [
    'its job is done',
    'Completed',
    of({ containers: [containerOf(B, 2, EXITED)] }),
    {},
    'Completed, Pending',
    'generation 1, 0 of 0 ready, 0 new, not ready',
    'not Ready: Pending',
    'not Available: Pending',
  ],
  [
    'it is deleted',
    'Terminating',
    steady,
    {},
    'Terminating, Pending',
    'generation 0, 0 of 1 ready, 1 new, not ready',
    'not Ready: Pending',
    'not Available: Pending',
  ],
  [
    'its name leads to it',
    'Healthy',
    held(['10.0.0.3']),
    {},
    'Healthy, Pending',
    'generation 1, 1 of 1 ready, 1 new',
  ],
  [
    'its name leads to nobody',
    'Healthy',
    held([]),
    {},
    'Healthy, Pending',
    'generation 0, 1 of 1 ready, 1 new, not ready',
    'not Ready: TrafficNotRouted, its name, addresses and ports do not lead to it yet',
  ],
  [
    'its name could not be led to it',
    'Healthy',
    held([], { stepFailure: failure }),
    {},
    'Healthy, Pending',
    'generation 0, 1 of 1 ready, 1 new, not ready',
    'not Ready: TrafficNotRouted, is not ours',
    'Stalled: Pending',
  ],
  [
    'its name leads to it, whatever failed',
    'Healthy',
    held(['10.0.0.3'], { stepFailure: failure }),
    {},
    'Healthy, Pending',
    'generation 1, 1 of 1 ready, 1 new',
    'Stalled: Pending',
  ],
];

describe('what people read of an agent', () => {
  test.each(ROWS)('%s', (_, state, situation, more, ...expected) => {
    expect(told(statusIn(state, situation, more))).toEqual(expected);
  });

  test.each<[AgentState, object]>([
    ['Healthy', { status: 'True', reason: 'DependenciesReady' }],
    ['Blocked', { status: 'False', reason: 'WaitingForDependency' }],
  ])('whether others keep it waiting, in %s', (state, expected) => {
    const { conditions } = statusIn(state, of({ facts: { gating: closed } }));
    expect(conditions.find(({ type }) => type === 'DependenciesReady')).toMatchObject(expected);
  });

  test('what is as it should be says so in its own words, whatever else there is to say', () => {
    const said = (situation: Situation, more: More = {}): string[] =>
      statusIn('Degraded', situation, more).conditions.map(
        ({ type, status, reason, message, observedGeneration }) =>
          `${type} ${status} (${reason}) ${message} ${observedGeneration}`,
      );
    const crashed = of({ record: { generation: 4, reason: 'Crashed', message: 'it crashed' } });
    const conditions = [
      'Ready True (Ready)  4',
      'Reconciling False (Crashed)  4',
      'Stalled False (Crashed)  4',
      'Synced True (Synced)  4',
      'Available True (Crashed)  4',
      'Progressing False (Crashed)  4',
      'Degraded True (Crashed) it crashed 4',
      'DependenciesReady True (DependenciesReady)  4',
    ];
    expect(said(crashed)).toEqual(conditions);
    expect(said(crashed, { waits: 'opens at nine' })).toEqual(
      conditions.map((line) =>
        line.startsWith('Synced') ? 'Synced False (OutsideSyncWindow) opens at nine 4' : line,
      ),
    );
  });

  test('before there is a revision nothing is said of one, and nothing is as it should be', () => {
    const status = statusIn('Pending', { record: { revisions: [] } });
    expect(Object.keys(status)).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/Revision$|^rollouts$/)]),
    );
    expect(unwell(status)).toContain('not Synced: Pending');
  });

  test('when it tries again, and how it ended', () => {
    const lastExit = { containerId: running.id, code: 3, oomKilled: true, atMs: 5_000 };
    const step = { failures: 1, notBeforeMs: NOW + 1_000 };
    const status = statusIn('Healthy', of({ record: { lastExit, step } }), { lastPlan: ['start it'] });
    expect(status).toMatchObject({
      nextRetryAt: new Date(NOW + 1_000).toISOString(),
      lastExit: { code: 3, oomKilled: true, at: new Date(5_000).toISOString() },
      lastPlan: ['start it'],
    });
    const calm = statusIn('Healthy', of({ record: { step: { failures: 1, notBeforeMs: NOW } } }));
    expect(Object.keys(calm)).not.toEqual(expect.arrayContaining(['nextRetryAt']));
    expect(Object.keys(calm)).not.toEqual(expect.arrayContaining(['lastExit']));
    expect(Object.keys(calm)).not.toEqual(expect.arrayContaining(['lastPlan']));
  });

  test.each<
    [
      name: string,
      stepMs: number,
      first: number,
      second: number,
      firstIs: 'down' | 'up',
      next: number | undefined,
    ]
  >([
    ['the first of several that wait', 0, 9_000, 4_000, 'down', 4_000],
    ['the one that still waits', 0, -1, 4_000, 'down', 4_000],
    ['none, when what waited may go on now', 0, 0, -1, 'down', undefined],
    ['the failed step, before which nobody is started', 6_000, 9_000, 4_000, 'down', 6_000],
    ['the failed step, after which others wait on', 2_000, 9_000, 4_000, 'down', 2_000],
    ['no replica that runs already', 0, 4_000, 9_000, 'up', 9_000],
  ])('which retry is the next: %s', (_, stepMs, first, second, firstIs, next) => {
    const crash = (inMs: number) => ({ ...NEW_REPLICA, crash: { failures: 3, notBeforeMs: NOW + inMs } });
    const { nextRetryAt } = statusIn('Degraded', {
      record: {
        ...SEVERAL,
        ...serving,
        step: { failures: 1, notBeforeMs: NOW + stepMs },
        replicas: { [`${B.id}-2-0`]: crash(first), [`${B.id}-2-1`]: crash(second) },
      },
      facts: { spec: specOf({ replicas: 2 }) },
      containers: [firstIs === 'up' ? running : containerOf(B, 2, EXITED)],
    });
    expect(nextRetryAt).toBe(next === undefined ? undefined : new Date(NOW + next).toISOString());
  });

  test('where it is, and since when', () => {
    expect(statusIn('Healthy', steady)).toMatchObject({
      containerName: running.name,
      address: '10.0.0.9',
      startedAt: new Date(1_000).toISOString(),
      currentRevision: B.id,
      targetRevision: B.id,
      stableRevision: B.id,
    });
    const down = statusIn('Healthy', of({ containers: [containerOf(B, 2, EXITED)] }));
    expect(down.containerName).toBe(running.name);
    expect([down.address, down.startedAt]).toEqual([undefined, undefined]);
  });

  const second = aContainer(B.id, 2, {
    id: 'second',
    name: 'second',
    labels: { ...running.labels, [labels.ordinal]: '1' },
  });
  const twice = { facts: { spec: specOf({ replicas: 2 }) } };
  const down = containerOf(B, 2, EXITED);
  test.each<[string, AgentState, Situation, string]>([
    [
      'the first of several',
      'Healthy',
      of({ ...twice, record: SEVERAL, containers: [running, second] }),
      running.name,
    ],
    [
      'the first that runs',
      'Healthy',
      of({ ...twice, record: SEVERAL, containers: [down, second] }),
      'second',
    ],
    [
      'when none runs, the first',
      'Healthy',
      of({ ...twice, containers: [down, { ...second, state: 'exited' }] }),
      down.name,
    ],
    [
      'while they are swapped, the old one',
      'StoppingOld',
      of({ record: { currentRevision: A.id }, containers: [down, containerOf(A, 1)] }),
      containerOf(A, 1).name,
    ],
    [
      'of a first deploy that fails, the only one',
      'Failing',
      { record: { targetRevision: B.id }, containers: [down] },
      down.name,
    ],
  ])('whose address and name it shows: %s', (_, state, situation, expected) => {
    expect(statusIn(state, situation).containerName).toBe(expected);
  });

  test('while Podman does not answer: nothing died, and it is not Ready for nobody knows', () => {
    const before = statusIn('Healthy', steady);
    const status = unknownStatus(before, NOW + 1);
    const message = 'Podman does not answer; nothing is judged until it does';
    expect(status).toMatchObject({ phase: 'Unknown', reason: 'PodmanUnreachable', message, ready: false });
    const ready = status.conditions.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({ status: 'Unknown', reason: 'PodmanUnreachable', message });
    const rest = ({ conditions }: AgentStatus) => conditions.filter(({ type }) => type !== 'Ready');
    expect(rest(status)).toEqual(rest(before));
  });
});
