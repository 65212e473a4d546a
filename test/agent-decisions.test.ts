import { describe, expect, test } from 'vitest';
import { decide, newRecord } from '../controllers/agent/decide.ts';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { freeze } from '../controllers/agent/freeze.ts';
import { gatingOf } from '../controllers/agent/peers.ts';
import { noteOutcome } from '../controllers/agent/outcome.ts';
import { rebuildRecord } from '../controllers/agent/rebuild.ts';
import { wayBack } from '../controllers/agent/rollout.ts';
import { statusOf } from '../controllers/agent/status.ts';
import { agentKey, type KeyString } from '../src/api/key.ts';
import { labels, REVISION_ANNOTATION } from '../src/api/labels.ts';
import { formatPlan } from '../src/plan/operation.ts';
import { planAgent } from '../src/plan/plan-agent.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, Revision } from '../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord } from '../src/state/replica.ts';
import { createRevision, wishHash } from '../src/state/revision.ts';
import { factsWith, NOW, READY, specOf } from './fakes/agent-views.ts';
import { aContainer, aTemplate } from './fakes/templates.ts';

const key = agentKey('ns', 'twin');
const A = createRevision(aTemplate({ env: { V: 'a' }, stopGraceSeconds: 20 }), 'made A', 0);
const B = createRevision(aTemplate({ env: { V: 'b' }, stopGraceSeconds: 20 }), 'made B', 0);

const of = (
  revision: Revision,
  attempt: number,
  change: Partial<ObservedContainer> = {},
): ObservedContainer =>
  aContainer(revision.id, attempt, { ...change, name: `ns.twin-${revision.id}-${attempt}-0` });
const stopped = { state: 'exited' as const, networks: {}, startedAtMs: 5, finishedAtMs: 9 };

const KNOWN: ReplicaRecord = { ...NEW_REPLICA, joined: true, bootId: 'boot' };
const seen = (...containers: ObservedContainer[]) => ({ observed: { containers, observedAtMs: NOW } });

const recordWith = (state: AgentRecord['state'], change: Partial<AgentRecord>): AgentRecord => ({
  ...newRecord({ key, specHash: 'hash' }, 'uid', 0),
  state,
  replicas: { [`${A.id}-1-0`]: KNOWN, [`${B.id}-2-0`]: KNOWN },
  revisions: [A, B],
  attempts: { [A.id]: 1, [B.id]: 2 },
  attempt: 2,
  ...change,
});

const planOf = (
  facts: AgentFacts,
  record: AgentRecord,
): { state: string; plan: string; record: AgentRecord } => {
  const decision = decide(facts, record, NOW);
  const plan = planAgent(decision.aim, facts.observed, { key, ownerLabels: {} });
  return { state: decision.record.state, plan: formatPlan(plan), record: decision.record };
};

describe('an edit that is taken back', () => {
  test('from a revision that has not proved itself starts the kept container again', () => {
    const record = recordWith('Monitoring', {
      wishHash: wishHash(B.template),
      currentRevision: B.id,
      targetRevision: B.id,
      stableRevision: A.id,
    });
    const facts = factsWith(A.template, seen(of(A, 1, stopped), of(B, 2)));
    const { state, plan, record: after } = planOf(facts, record);
    expect(state).toBe('StoppingOld');
    expect(after).toMatchObject({ targetRevision: A.id, attempts: { [A.id]: 1 } });
    expect(plan).toBe(`stop container ns.twin-${B.id}-2-0 (update to revision ${A.id}: env V changed b → a)`);
    const next = planOf({ ...facts, ...seen(of(A, 1, stopped), of(B, 2, stopped)) }, after);
    expect(next.plan).toContain(`start container ns.twin-${A.id}-1-0`);
    expect(next.plan).not.toContain('remove');
  });

  test('makes a new container when the kept one is gone', () => {
    const record = recordWith('Monitoring', {
      wishHash: wishHash(B.template),
      currentRevision: B.id,
      targetRevision: B.id,
      stableRevision: A.id,
    });
    expect(planOf(factsWith(A.template, seen(of(B, 2))), record).plan).toContain(
      `create container ns.twin-${A.id}-3-0`,
    );
  });
});

describe('a build that brings the same image', () => {
  test('changes nothing', () => {
    const record = recordWith('Building', {
      wishHash: wishHash(A.template),
      currentRevision: A.id,
      stableRevision: A.id,
    });
    expect(planOf(factsWith(A.template, seen(of(A, 1))), record)).toMatchObject({
      state: 'Healthy',
      plan: '',
    });
  });
});

describe('a survivor', () => {
  const failed = recordWith('Failed', {
    wishHash: wishHash(B.template),
    currentRevision: A.id,
    targetRevision: B.id,
    triedGeneration: 1,
  });

  test('runs alone: what failed makes room first, with little grace, and stays for a look at it', () => {
    const { plan } = planOf(factsWith(B.template, seen(of(A, 1, stopped), of(B, 2))), failed);
    expect(plan.split('\n').map((line) => line.replace(/ \(.*/, ''))).toEqual([
      `stop container ns.twin-${B.id}-2-0`,
      `start container ns.twin-${A.id}-1-0`,
    ]);
  });

  test('that serves again is a rollback, not a success', () => {
    const record = { ...failed, healthySinceMs: NOW - 60_000 };
    expect(planOf(factsWith(B.template, seen(of(A, 1))), record).state).toBe('RolledBack');
  });

  test('of a job that ended well is a rollback, too; the target itself has completed', () => {
    const exit = { containerId: of(A, 1).id, code: 0, oomKilled: false, atMs: 9 };
    const spec = specOf({ restartPolicy: 'OnFailure' });
    const facts = factsWith(B.template, { spec, ...seen(of(A, 1, stopped)) });
    const replicas = { [`${A.id}-1-0`]: { ...KNOWN, lastExit: exit } };
    expect(planOf(facts, { ...failed, replicas }).state).toBe('RolledBack');
    const own = { ...failed, replicas, targetRevision: A.id, wishHash: wishHash(A.template) };
    expect(
      planOf({ ...facts, wish: { template: A.template, imageKnown: true, reloadDigest: '' } }, own).state,
    ).toBe('Completed');
  });
});

describe('a way back', () => {
  const record = recordWith('Failing', {
    targetRevision: B.id,
    stableRevision: A.id,
    currentRevision: A.id,
    generation: 3,
  });
  const view = (change: Partial<AgentRecord>, template = B.template) => ({
    record: { ...record, ...change },
    facts: factsWith(template, seen(of(A, 1, stopped))),
    nowMs: NOW,
  });

  test('is taken once in a generation', () => {
    expect(wayBack(view({}))?.id).toBe(A.id);
    expect(wayBack(view({ rolledBackGeneration: 3 }))).toBeUndefined();
  });

  test('is no way when its pod is gone', () => {
    const inPod = (pod: string) => createRevision(aTemplate({ network: { mode: 'pod', pod } }), 'made', 0);
    const [old, current] = [inPod('ns.core-aaaaaaaa'), inPod('ns.core-bbbbbbbb')];
    const revisions = [old, B];
    const back = (...present: string[]) => {
      const { facts, ...rest } = view({ revisions, stableRevision: old.id }, current.template);
      const pods = { kind: 'Pods', present, running: { name: 'ns.core-bbbbbbbb' } } as const;
      return wayBack({ ...rest, facts: { ...facts, pods: [{ name: 'core', seen: pods }] } });
    };
    expect(back('ns.core-bbbbbbbb')).toBeUndefined();
    expect(back('ns.core-aaaaaaaa', 'ns.core-bbbbbbbb')?.id).toBe(old.id);
  });
});

describe('what was changed behind our back', () => {
  const renamed = of(A, 1);
  const serving = {
    wishHash: wishHash(A.template),
    currentRevision: A.id,
    targetRevision: A.id,
    stableRevision: A.id,
  };
  const facts = factsWith(A.template, seen({ ...renamed, name: 'mine' }));

  test('is put right', () => {
    const { state, plan } = planOf(facts, recordWith('Healthy', serving));
    expect(state).toBe('Healing');
    expect(plan).toBe(`rename container mine (was renamed to mine)`);
  });

  test('is given up for a while when it cannot be put right', () => {
    expect(planOf(facts, recordWith('Healing', { ...serving, deadlineAtMs: NOW - 1 })).state).toBe(
      'Degraded',
    );
    expect(planOf(facts, recordWith('Healing', { ...serving, deadlineAtMs: NOW + 1 })).state).toBe('Healing');
  });

  test('matters less than that it is not well', () => {
    const verdictOf = () => ({ ...READY, ready: false });
    expect(planOf({ ...facts, verdictOf }, recordWith('Healing', serving)).state).toBe('Degraded');
  });
});

describe('a deletion', () => {
  test('gives the container the time that its manifest promised', () => {
    const record = recordWith('Healthy', { currentRevision: A.id, targetRevision: A.id });
    const decision = decide(factsWith(A.template, { spec: undefined, ...seen(of(A, 1)) }), record, NOW);
    expect(decision.record.state).toBe('Terminating');
    expect(decision.aim).toEqual({
      containers: [],
      others: { remove: 'its manifest was deleted', graceSeconds: 20 },
    });
  });

  test('of an agent that never got a revision is short', () => {
    const decision = decide(
      factsWith(A.template, { spec: undefined }),
      recordWith('Blocked', { revisions: [] }),
      NOW,
    );
    expect(decision.aim.others).toMatchObject({ graceSeconds: 1 });
  });
});

describe('a failure is told', () => {
  const trying = {
    wishHash: wishHash(B.template),
    currentRevision: A.id,
    targetRevision: B.id,
    stableRevision: A.id,
  };
  const failing = (facts: Partial<AgentFacts>, change: Partial<AgentRecord>): string => {
    const all = factsWith(B.template, { ...seen(of(A, 1, stopped), of(B, 2, stopped)), ...facts });
    const { record } = decide(all, recordWith('Verifying', { ...trying, ...change }), NOW);
    return record.message;
  };

  test('with the exit code, and that memory ran out', () => {
    const exit = { containerId: of(B, 2).id, code: 137, oomKilled: true, atMs: 9 };
    expect(
      failing({}, { replicas: { [`${B.id}-2-0`]: { ...KNOWN, rolloutRestarts: 3, lastExit: exit } } }),
    ).toBe('exited 3 times while starting; last exit code 137 (out of memory)');
  });

  test('with what the probes said last', () => {
    const verdictOf = () => ({ ...READY, ready: false, messages: { readiness: 'status is error' } });
    const message = failing({ verdictOf, ...seen(of(A, 1, stopped), of(B, 2)) }, { deadlineAtMs: NOW - 1 });
    expect(message).toBe('was not healthy in time (Verifying); readiness: status is error');
  });

  test('in the status, where a person looks for the retry', () => {
    const facts = factsWith(A.template, seen(of(A, 1, stopped)));
    const record = recordWith('Degraded', {
      currentRevision: A.id,
      targetRevision: A.id,
      replicas: {
        [`${A.id}-1-0`]: { ...KNOWN, crash: { failures: 2, notBeforeMs: NOW + 5_000 } },
      },
      lastExit: { containerId: 'x', code: 1, oomKilled: false, atMs: 9 },
    });
    const status = statusOf({ record, facts, nowMs: NOW, lastPlan: [] });
    expect(status).toMatchObject({
      ready: false,
      nextRetryAt: new Date(NOW + 5_000).toISOString(),
      lastExit: { code: 1 },
    });
    expect(status.conditions.find(({ type }) => type === 'Degraded')?.status).toBe('True');
  });
});

describe('last words that cannot be read', () => {
  const operation = { type: 'CaptureLogs', id: 'x', name: 'x', tailLines: 1, cause: '' } as const;
  const outcome = { failure: { operation, kind: 'Other', message: 'gone' }, logTails: {}, done: [] } as const;

  test('are none of a revision that has not failed', () => {
    const record = recordWith('Failing', { targetRevision: A.id });
    expect(noteOutcome(record, outcome, NOW)).toEqual(record);
  });
});

describe('a record that was lost', () => {
  const fresh = newRecord({ key, specHash: 'hash' }, 'uid', NOW);
  const telling = (
    revision: Revision,
    attempt: number,
    change: Partial<ObservedContainer>,
  ): ObservedContainer => ({
    ...of(revision, attempt, change),
    annotations: { [REVISION_ANNOTATION]: JSON.stringify(revision.template) },
  });

  test('is rebuilt from the container that runs, and counts on from the highest attempt', () => {
    const record = rebuildRecord(fresh, [telling(B, 7, stopped), telling(A, 3, {})], NOW);
    expect(record).toMatchObject({
      state: 'Healthy',
      currentRevision: A.id,
      stableRevision: A.id,
      attempt: 7,
      attempts: { [A.id]: 3 },
      uid: 'uid',
    });
    expect(planOf(factsWith(A.template, seen(telling(A, 3, {}))), record).plan).toBe('');
  });

  test('is rebuilt from one that was stopped, and keeps its uid', () => {
    const one = telling(A, 1, stopped);
    const record = rebuildRecord(fresh, [{ ...one, labels: { ...one.labels, [labels.uid]: 'before' } }], NOW);
    expect(record).toMatchObject({ currentRevision: A.id, uid: 'before' });
  });

  test.each([
    ['no annotation', {}],
    ['one that is no JSON', { [REVISION_ANNOTATION]: '{' }],
    ['one without an image', { [REVISION_ANNOTATION]: '{"network":{"mode":"host"}}' }],
    ['one that is nothing', { [REVISION_ANNOTATION]: 'null' }],
  ])('begins anew where the container has %s', (_, annotations) => {
    expect(rebuildRecord(fresh, [{ ...of(A, 1), annotations }], NOW)).toBe(fresh);
  });

  test('begins anew where the container does not say its revision', () => {
    expect(rebuildRecord(fresh, [{ ...telling(A, 1, {}), labels: {} }], NOW)).toBe(fresh);
  });
});

describe('while nothing can be read', () => {
  test('images are not pulled either, and only what is there is started', () => {
    const pull = { type: 'PullImage', reference: 'a', cause: '' } as const;
    const start = { type: 'StartContainer', name: 'n', cause: '' } as const;
    const remove = { type: 'RemoveContainer', id: 'n', name: 'n', cause: '' } as const;
    const port = { containerPort: 1, hostPort: 1, hostIP: '127.0.0.1', protocol: 'tcp' } as const;
    const check = { type: 'CheckPort', port, mayListen: [], cause: '' } as const;
    expect(freeze({ operations: [pull, check, start, remove] }).operations).toEqual([check, start]);
  });

  test('what a probe condemned is stopped, last words are read, and what would be made anew waits', () => {
    const one = { id: 'n', name: 'n', cause: '' };
    const stop = { ...one, type: 'StopContainer', graceSeconds: 1 } as const;
    const logs = { ...one, type: 'CaptureLogs', tailLines: 1 } as const;
    const made = { name: 'new', labels: {}, annotations: {}, cause: '' };
    const create = { ...made, type: 'CreateContainer', template: A.template } as const;
    const start = { type: 'StartContainer', name: 'new', cause: '' } as const;
    expect(freeze({ operations: [stop, logs, create, start] }).operations).toEqual([stop, logs]);
  });

  test('a port is not looked at for a container that is not made', () => {
    const port = { containerPort: 1, hostPort: 1, hostIP: '127.0.0.1', protocol: 'tcp' } as const;
    const check = { type: 'CheckPort', port, mayListen: [], cause: '' } as const;
    expect(freeze({ operations: [check] }).operations).toEqual([]);
  });

  test('who was started again is routed to, and a holder that is gone is neither made nor started', () => {
    const holder = { name: 'holder', labels: {}, annotations: {}, cause: '' };
    const create = { ...holder, type: 'CreateHolder', template: { networks: [], ports: [] } } as const;
    const start = { type: 'StartContainer', name: 'holder', cause: '' } as const;
    const route = { type: 'RouteTraffic', id: 'n', name: 'n', to: ['10.0.0.2'], cause: '' } as const;
    expect(freeze({ operations: [route, create, start] }).operations).toEqual([route]);
  });
});

describe('a gate that stays closed', () => {
  const gate = {
    on: 'Agent/ns/low' as KeyString,
    condition: 'Healthy',
    from: 'dependsOn',
    optional: false,
  } as const;
  const peer = (state: AgentRecord['state'], change: Partial<AgentRecord>, suspended = false) => ({
    record: { ...recordWith(state, change), key: agentKey('ns', 'low') },
    live: false,
    ready: false,
    suspended,
    outdated: false,
  });
  const reasonOf = (one: ReturnType<typeof peer>, optional = false): string => {
    const gating = gatingOf([{ ...gate, optional }], new Map([[gate.on, one]]));
    return gating.open ? 'open' : `${gating.reason}: ${gating.message}`;
  };

  test.each([
    [
      peer('Failed', { reason: 'CrashLoop', message: 'exited 3 times' }),
      'DependencyFailed: low is Failed: CrashLoop (exited 3 times)',
    ],
    [peer('Paused', { reason: 'CrashLoop', message: '' }), 'DependencyFailed: low is Paused: CrashLoop'],
    [
      peer('Blocked', { reason: 'DependencyFailed', message: 'base is Failed' }),
      'DependencyFailed: base is Failed',
    ],
    [peer('Starting', {}), 'WaitingForDependency: waits for low to be Healthy (Starting)'],
    [
      peer('Healthy', {}, true),
      'DependencySuspended: low is suspended and down; resume it or drop the dependency',
    ],
  ])('says why, with the root cause', (one, expected) => {
    expect(reasonOf(one)).toBe(expected);
  });

  test('is no gate when who failed is optional', () => {
    expect(reasonOf(peer('Failed', {}), true)).toBe('open');
    expect(reasonOf(peer('Starting', {}), true)).not.toBe('open');
  });

  test('names three of many', () => {
    const gates = ['a', 'b', 'c', 'd', 'e'].map((name) => ({ ...gate, on: `Agent/ns/${name}` as KeyString }));
    const gating = gatingOf(gates, new Map());
    expect(gating).toMatchObject({
      message: 'waits for a (not seen yet), b (not seen yet), c (not seen yet) and 2 more',
    });
  });
});
