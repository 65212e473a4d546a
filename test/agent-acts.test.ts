import { describe, expect, test } from 'vitest';
import { remainingActs } from '../controllers/agent/asked.ts';
import { type Decision, decide, newRecord } from '../controllers/agent/decide.ts';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { agentStates } from '../controllers/agent/machine.ts';
import { agent } from '../src/api/agent.ts';
import { agentKey } from '../src/api/key.ts';
import { formatPlan } from '../src/plan/operation.ts';
import { planAgent } from '../src/plan/plan-agent.ts';
import type { Acts } from '../src/state/acts.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import { createRevision, wishHash } from '../src/state/revision.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import { factsWith as freeFacts } from './fakes/agent-views.ts';
import { agentManifest } from './fakes/simulated-host.ts';
import { aContainer, aTemplate } from './fakes/templates.ts';

const NOW = 1_000_000;
const key = agentKey('ns', 'twin');
const A: Revision = {
  ...createRevision(aTemplate({ env: { V: 'a' } }), 'made A', 0),
  outcome: 'Stable',
  stableAtMs: 1,
};
const B = createRevision(aTemplate({ env: { V: 'b' } }), 'env V changed a → b', 10);
const healthy = { started: true, ready: true, live: true, startupFailed: false, sinceMs: 0, messages: {} };
const unhealthy = { ...healthy, ready: false };

const of = (revision: Revision, attempt: number, change: Partial<ObservedContainer> = {}) =>
  aContainer(revision.id, attempt, { ...change, name: `ns.twin-${revision.id}-${attempt}-0` });
const stopped = { state: 'exited' as const, networks: {}, startedAtMs: 5, finishedAtMs: 9 };
const created = { state: 'created' as const, networks: {}, startedAtMs: 0, finishedAtMs: 0 };

const factsWith = (
  template: ContainerTemplate,
  acts: Partial<Acts>,
  change: Partial<AgentFacts> = {},
): AgentFacts =>
  freeFacts(template, {
    key,
    spec: agent.parse(agentManifest('twin', { rollout: { minHealthySeconds: 2 } })).spec,
    acts: { specHash: 'hash', ...acts },
    origin: { file: 'twin.yaml', line: 3 },
    observed: { containers: [], observedAtMs: NOW },
    verdictOf: () => healthy,
    ...change,
  });

const seen = (...containers: ObservedContainer[]) => ({ observed: { containers, observedAtMs: NOW } });

/** An update from A to B that has come as far as this. */
const updating = (state: AgentState, change: Partial<AgentRecord> = {}): AgentRecord => ({
  ...newRecord({ key, specHash: 'hash' }, 'uid', 0),
  state,
  revisions: [A, B],
  attempts: { [A.id]: 1, [B.id]: 2 },
  attempt: 2,
  wishHash: wishHash(B.template),
  currentRevision: state === 'Monitoring' ? B.id : A.id,
  stableRevision: A.id,
  ...(AIMS_AT_B.has(state) && { targetRevision: B.id }),
  rollouts: AIMS_AT_B.has(state)
    ? [{ revision: B.id, from: A.id, trigger: 'Manifest', changes: [], startedAtMs: 10, outcome: 'UnderWay' }]
    : [],
  ...change,
});
const AIMS_AT_B: ReadonlySet<AgentState> = new Set([
  'Preparing',
  'StoppingOld',
  'Starting',
  'Verifying',
  'Promoting',
  'AwaitingApproval',
  'Monitoring',
]);

/** Containers as they are in that state. */
const world: Partial<Record<AgentState, ReturnType<typeof seen>>> = {
  Pending: seen(of(A, 1)),
  Blocked: seen(of(A, 1)),
  Building: seen(of(A, 1)),
  Preparing: seen(of(A, 1)),
  StoppingOld: seen(of(A, 1), of(B, 2, created)),
  Starting: seen(of(A, 1, stopped), of(B, 2)),
  Verifying: seen(of(A, 1, stopped), of(B, 2)),
  Promoting: seen(of(A, 1, stopped), of(B, 2)),
  AwaitingApproval: seen(of(A, 1), of(B, 2)),
  Monitoring: seen(of(A, 1, stopped), of(B, 2)),
};

const planOf = ({ aim }: Decision, facts: AgentFacts): string =>
  formatPlan(planAgent(aim, facts.observed, { key, ownerLabels: {} }));

const settledOn = (revision: Revision, state: AgentState = 'Healthy'): AgentRecord => ({
  ...updating(state),
  wishHash: wishHash(revision.template),
  currentRevision: revision.id,
  targetRevision: revision.id,
  stableRevision: revision.id,
  healthySinceMs: 1,
});

describe('abort', () => {
  test.each(Object.keys(world) as AgentState[])(
    'in %s goes back to the stable revision, and tells why',
    (state) => {
      const facts = factsWith(B.template, { abortedAtMs: NOW }, world[state]);
      const { record } = decide(facts, updating(state), NOW);
      const last = record.state === 'Failing' ? decideAfterLogs(record, facts) : record;
      expect(last.state).toMatch(/RollingBack|RolledBack/);
      expect(last).toMatchObject({ currentRevision: A.id, reason: 'AbortedByUser', abortedAtMs: NOW });
      expect(last.rollouts?.at(-1)).toMatchObject({
        message: expect.stringContaining('aborted by a person'),
      });
    },
  );

  /** The candidate's last words are read before it goes. */
  const decideAfterLogs = (record: AgentRecord, facts: AgentFacts): AgentRecord => {
    const revisions = record.revisions.map((revision) =>
      revision.failure ? { ...revision, failure: { ...revision.failure, logTail: ['bye'] } } : revision,
    );
    return decide(facts, { ...record, revisions }, NOW).record;
  };

  test('quarantines the revision, and nothing tries it again by itself', () => {
    const facts = factsWith(B.template, { abortedAtMs: NOW }, world.Verifying);
    const back = decideAfterLogs(decide(facts, updating('Verifying'), NOW).record, facts);
    expect(back.revisions.find(({ id }) => id === B.id)).toMatchObject({
      outcome: 'Failed',
      failure: { reason: 'AbortedByUser' },
    });
    const later = factsWith(B.template, {}, seen(of(A, 1)));
    expect(decide(later, { ...back, state: 'RolledBack' }, NOW + 1).record.state).toBe('RolledBack');
  });

  test('of an update that waits for its image does not go on when the image comes', () => {
    const facts = factsWith(B.template, { abortedAtMs: NOW }, world.Building);
    const back = decide(facts, updating('Building'), NOW).record;
    expect(back.state).toBe('RolledBack');
    expect(decide({ ...facts, acts: { specHash: 'hash' } }, back, NOW + 1).record.state).toBe('RolledBack');
  });

  test('goes back also where a failure would wait for a person', () => {
    const spec = agent.parse(agentManifest('twin', { rollout: { onFailure: 'Pause' } })).spec;
    const facts = factsWith(B.template, { abortedAtMs: NOW }, { ...world.Preparing, spec });
    expect(decide(facts, updating('Preparing'), NOW).record.state).toBe('RolledBack');
  });

  test('wins over a pause, and the stopped clocks run again', () => {
    const facts = factsWith(B.template, { abortedAtMs: NOW, pausedAtMs: NOW - 9_000 }, world.Preparing);
    const { record } = decide(facts, updating('Preparing', { clocksStoppedAtMs: NOW - 9_000 }), NOW);
    expect(record.state).toBe('RolledBack');
    expect(record.clocksStoppedAtMs).toBeUndefined();
  });

  test('means nothing to what is settled', () => {
    const facts = factsWith(A.template, { abortedAtMs: NOW }, seen(of(A, 1)));
    expect(decide(facts, settledOn(A), NOW).record.state).toBe('Healthy');
  });
});

describe('pause', () => {
  const held = ['Pending', 'Building', 'Preparing', 'Starting', 'Verifying', 'Monitoring'] as const;

  test.each(held)('holds %s where it is, whatever its deadline says', (state) => {
    const facts = factsWith(B.template, { pausedAtMs: NOW - 5_000 }, world[state]);
    const record = updating(state, {
      deadlineAtMs: NOW + 1_000,
      healthySinceMs: NOW - 60_000,
      clocksStoppedAtMs: NOW - 5_000,
    });
    const first = decide(facts, record, NOW);
    expect(first.record.state).toBe(state);
    expect(decide(facts, first.record, NOW + 3_600_000).record.state).toBe(state);
    expect(first.transitions).toEqual([]);
  });

  test('makes no candidate and removes none, and keeps what serves', () => {
    const facts = factsWith(B.template, { pausedAtMs: NOW }, world.Preparing);
    expect(planOf(decide(facts, updating('Preparing'), NOW), facts)).toBe('');
    const crashed = factsWith(B.template, { pausedAtMs: NOW }, seen(of(A, 1, stopped)));
    const record = updating('Preparing', {
      lastExit: { containerId: 'x', code: 0, oomKilled: false, atMs: 1 },
    });
    expect(planOf(decide(crashed, record, NOW), crashed)).toContain(`start container ns.twin-${A.id}-1-0`);
  });

  test('fetches no image', () => {
    const image = { type: 'Pull', reference: 'x', cause: 'is not here' } as const;
    const wish = { template: B.template, imageKnown: false, reloadDigest: '', image };
    const facts = factsWith(B.template, { pausedAtMs: NOW }, { ...world.Building, wish });
    expect(planOf(decide(facts, updating('Building'), NOW), facts)).toBe('');
    expect(
      planOf(decide({ ...facts, acts: { specHash: 'hash' } }, updating('Building'), NOW), facts),
    ).toContain('pull');
  });

  test('passes the gap in which nothing serves', () => {
    const facts = factsWith(B.template, { pausedAtMs: NOW }, seen(of(A, 1, stopped), of(B, 2, created)));
    expect(decide(facts, updating('StoppingOld'), NOW).record.state).toBe('Starting');
  });

  test('ended, it goes on with the time that was left', () => {
    const record = updating('Verifying', { deadlineAtMs: NOW + 1_000, clocksStoppedAtMs: NOW - 5_000 });
    const facts = factsWith(B.template, {}, { ...world.Verifying, verdictOf: () => unhealthy });
    const { record: after } = decide(facts, record, NOW);
    expect(after).toMatchObject({ state: 'Verifying', deadlineAtMs: NOW + 6_000 });
    expect(after.clocksStoppedAtMs).toBeUndefined();
  });
});

describe('retry', () => {
  const failedB: Revision = {
    ...B,
    outcome: 'Failed',
    failure: { reason: 'CrashLoop', message: 'x', atMs: 1 },
  };

  test.each(['RolledBack', 'Failed', 'Paused'] as const)(
    'in %s tries the failed revision again, once',
    (state) => {
      const record = updating(state, { targetRevision: B.id, revisions: [A, failedB], triedGeneration: 1 });
      const facts = factsWith(B.template, { retryAtMs: NOW }, seen(of(A, 1)));
      expect(decide({ ...facts, acts: { specHash: 'hash' } }, record, NOW).record.state).toBe(state);
      const { record: after } = decide(facts, record, NOW);
      expect(after).toMatchObject({
        state: 'Preparing',
        targetRevision: B.id,
        retriedAtMs: NOW,
        trigger: 'Retry',
      });
      expect(after.revisions.at(-1)).toMatchObject({
        outcome: 'Pending',
        cause: expect.stringMatching(/^tried again by a person/),
      });
      const failedAgain = { ...after, state, revisions: [A, failedB] };
      expect(decide(facts, failedAgain, NOW + 1).record.state).toBe(state);
    },
  );

  test('waits for no back-off', () => {
    const waiting = { failures: 4, notBeforeMs: NOW + 60_000 };
    const record = updating('Building', { step: waiting });
    const image = { type: 'Pull', reference: 'x', cause: 'is not here' } as const;
    const wish = { template: B.template, imageKnown: false, reloadDigest: '', image };
    const facts = factsWith(B.template, { retryAtMs: NOW }, { ...world.Building, wish });
    const decision = decide(facts, record, NOW);
    expect(planOf(decision, facts)).toContain('pull');
    expect(decision.record.retriedAtMs).toBe(NOW);
    expect(decide(facts, { ...decision.record, step: waiting }, NOW).record.step).toEqual(waiting);
  });
});

describe('restart', () => {
  test.each(['Healthy', 'Healing', 'Degraded', 'Completed'] as const)(
    'in %s rolls the same out in a new container',
    (state) => {
      const facts = factsWith(A.template, { restartedAtMs: NOW }, seen(of(A, 1)));
      const decision = decide(facts, settledOn(A, state), NOW);
      const { record } = decision;
      expect(record).toMatchObject({ state: 'Preparing', currentRevision: A.id, trigger: 'Restart' });
      expect(record.targetRevision).not.toBe(A.id);
      expect(record.revisions.at(-1)).toMatchObject({ cause: 'restarted by a person', template: A.template });
      expect(planOf(decision, facts)).toContain(`create container ns.twin-${record.targetRevision}-3-0`);
    },
  );

  test('is done once, and what came of it asks for nothing new', () => {
    const facts = factsWith(A.template, { restartedAtMs: NOW }, seen(of(A, 1)));
    const { record } = decide(facts, settledOn(A), NOW);
    const done: AgentRecord = {
      ...record,
      state: 'Healthy',
      currentRevision: record.targetRevision ?? '',
      stableRevision: record.targetRevision ?? '',
    };
    expect(decide(facts, done, NOW + 1).transitions.map(({ event }) => event)).not.toContain('RESTART');
    expect(
      decide({ ...facts, acts: { specHash: 'hash' } }, done, NOW + 1).transitions.map(({ event }) => event),
    ).not.toContain('NEW_TARGET');
  });

  test('leaves the next manifest its own revision', () => {
    const record = { ...settledOn(A), restartedAtMs: 5 };
    const { record: after } = decide(factsWith(B.template, {}, seen(of(A, 1))), record, NOW);
    expect(after.targetRevision).toBe(B.id);
    expect(after.restartedAtMs).toBeUndefined();
  });
});

describe('history', () => {
  test('says from where to where, why, and out of which file', () => {
    const { record } = decide(factsWith(B.template, {}, seen(of(A, 1))), settledOn(A), NOW);
    expect(record.rollouts?.at(-1)).toEqual({
      revision: B.id,
      from: A.id,
      trigger: 'Manifest',
      changes: ['env V changed a → b'],
      origin: { file: 'twin.yaml', line: 3 },
      startedAtMs: NOW,
      outcome: 'UnderWay',
    });
    expect(record.revisions.at(-1)).toMatchObject({ id: B.id, origin: { file: 'twin.yaml', line: 3 } });
  });

  test('says how each ended', () => {
    const stable = decide(
      factsWith(B.template, {}, world.Monitoring),
      updating('Monitoring', { deadlineAtMs: NOW }),
      NOW,
    ).record;
    expect(stable.state).toBe('Healthy');
    expect(stable.rollouts?.at(-1)).toMatchObject({ outcome: 'Stable', endedAtMs: NOW });
    expect(stable.revisions.find(({ id }) => id === B.id)).toMatchObject({
      outcome: 'Stable',
      stableAtMs: NOW,
    });
    const other = aTemplate({ env: { V: 'c' } });
    const superseded = decide(factsWith(other, {}, world.Starting), updating('Starting'), NOW).record;
    expect(superseded.rollouts?.map(({ outcome }) => outcome)).toEqual(['Superseded', 'UnderWay']);
    const failed = decide(
      factsWith(B.template, {}, { ...world.Preparing }),
      updating('Preparing', {
        stepFailure: { operation: 'x', reason: 'Y', message: 'no', terminal: true, atMs: 1 },
      }),
      NOW,
    ).record;
    expect(failed.state).toBe('RolledBack');
    expect(failed.rollouts?.at(-1)).toMatchObject({ outcome: 'RolledBack', message: 'no', endedAtMs: NOW });
  });

  test('tells of an update whose image could not be had', () => {
    const stepFailure = {
      operation: 'pull',
      reason: 'ImageNotFound',
      message: 'no such image',
      terminal: true,
      atMs: 1,
    };
    const wish = { template: B.template, imageKnown: false, reloadDigest: '' };
    const facts = factsWith(B.template, {}, { ...world.Building, wish });
    const { record } = decide(facts, updating('Building', { stepFailure }), NOW);
    expect(record.rollouts).toEqual([
      expect.objectContaining({
        from: A.id,
        changes: ['env V changed a → b'],
        outcome: 'RolledBack',
        message: 'no such image',
      }),
    ]);
  });

  test('keeps as many as the manifest says', () => {
    const spec = agent.parse(agentManifest('twin', { rollout: { revisionHistoryLimit: 2 } })).spec;
    let record = settledOn(A);
    for (let version = 0; version < 5; version += 1) {
      const template = aTemplate({ env: { V: String(version) } });
      record = decide(factsWith(template, {}, { ...seen(of(A, 1)), spec }), record, NOW).record;
    }
    expect(record.rollouts).toHaveLength(2);
  });

  test('begins with what an older Rookery kept', () => {
    const { rollouts: _, ...old } = settledOn(A);
    const { record } = decide(factsWith(A.template, {}, seen(of(A, 1))), old, NOW);
    expect(record.rollouts).toBeUndefined();
    expect(decide(factsWith(B.template, {}, seen(of(A, 1))), old, NOW).record.rollouts).toHaveLength(1);
  });
});

describe('what is left of the acts', () => {
  const all: Acts = {
    specHash: 'hash',
    suspended: { sinceMs: 1 },
    pausedAtMs: 1,
    approvedRevision: B.id,
    abortedAtMs: 1,
    undoToRevision: A.id,
    retryAtMs: 1,
    restartedAtMs: 1,
  };
  const lasting = { specHash: 'hash', suspended: { sinceMs: 1 }, undoToRevision: A.id };

  test.each(agentStates)('in %s is what still has a meaning there', (state) => {
    const isUnderWay = state in world;
    const left = remainingActs(all, { ...updating(state), retriedAtMs: 1, restartedAtMs: 1 });
    expect(left).toEqual({
      ...lasting,
      ...(isUnderWay && { pausedAtMs: 1, approvedRevision: B.id, abortedAtMs: 1 }),
    });
  });

  test('is what was not carried out', () => {
    const left = remainingActs(all, settledOn(A));
    expect(left).toEqual({ ...lasting, retryAtMs: 1, restartedAtMs: 1 });
  });
});

describe('a suspension', () => {
  test('is looked at again when its time is over', () => {
    const acts = { suspended: { sinceMs: NOW, untilMs: NOW + 5_000 } };
    const facts = factsWith(B.template, acts, { ...seen(of(A, 1)), suspended: true });
    const decision = decide(facts, settledOn(A), NOW);
    expect(decision).toMatchObject({ requeueAtMs: NOW + 5_000, transitions: [] });
    expect(planOf(decision, facts)).toBe('');
  });
});
