import { describe, expect, test } from 'vitest';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import {
  acknowledgeExits,
  hasCompleted,
  heldBack,
  heldSinceBoot,
  startAfresh,
  takeNote,
} from '../controllers/agent/supervise.ts';
import { labels } from '../src/api/labels.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord, type ReplicaRef, replicaId } from '../src/state/replica.ts';
import {
  A,
  aView,
  B,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  CREATED,
  NOW,
  READY,
  SEVERAL,
  type Situation,
  specOf,
  HOLDER,
} from './fakes/agent-views.ts';
import { failure, serving, update } from './fakes/update-records.ts';

const ID = `${B.id}-2-0`;
const crash = (change: Partial<ObservedContainer> = {}): ObservedContainer =>
  containerOf(B, 2, {
    state: 'exited',
    networks: {},
    startedAtMs: NOW - 3_000,
    finishedAtMs: NOW - 1_000,
    exitCode: 3,
    ...change,
  });
const up = containerOf(B, 2, { startedAtMs: NOW - 5_000 });
const exit = { containerId: up.id, code: 3, oomKilled: false, atMs: NOW - 1_000 };
const before = (change: Partial<ReplicaRecord> = {}): Partial<AgentRecord> => ({
  replicas: { [ID]: { ...NEW_REPLICA, bootId: 'boot', ...change } },
});
const labelsOf = (ordinal: number) => ({ ...up.labels, [labels.ordinal]: String(ordinal) });
const unready = { verdictOf: () => ({ ...READY, ready: false }) };
const policy = (restartPolicy: string) => ({ spec: specOf({ restartPolicy }) });

const noted = (situation: Situation, state: AgentState = 'Healthy'): AgentRecord =>
  takeNote(aView(state, { ...situation, record: { ...serving, ...situation.record } }));

/** What differs from a replica of which nothing is known but the boot. */
const replicaNoted = ({ replicas }: AgentRecord): Partial<ReplicaRecord> | undefined => {
  const replica = replicas[ID];
  const plain: Partial<ReplicaRecord> = { ...NEW_REPLICA, bootId: 'boot' };
  const isNews = ([field, value]: [string, unknown]): boolean =>
    JSON.stringify(value) !== JSON.stringify(plain[field as keyof ReplicaRecord]);
  return replica && Object.fromEntries(Object.entries(replica).filter(isNews));
};

describe('of a replica is noted', () => {
  const condemned = { containerId: up.id, startedAtMs: up.startedAtMs };
  const first = { restarts: 1, lastExit: exit, crash: { failures: 1, notBeforeMs: exit.atMs } };
  test.each<[string, Situation, Partial<ReplicaRecord> | undefined]>([
    ['that it came up', { containers: [up] }, { joined: true }],
    ['nothing while it is not ready', { containers: [up], facts: unready }, {}],
    [
      'that it was ready, also when it is not any more',
      { containers: [up], facts: unready, record: before({ joined: true }) },
      { joined: true },
    ],
    [
      'that its liveness probe wants it gone',
      { containers: [up], facts: { verdictOf: () => ({ ...READY, ready: false, live: false }) } },
      { condemned: { ...condemned, reason: 'its liveness probe failed' } },
    ],
    [
      'that its startup probe wants it gone',
      { containers: [up], facts: { verdictOf: () => ({ ...READY, ready: false, startupFailed: true }) } },
      { condemned: { ...condemned, reason: 'its startup probe failed' } },
    ],
    ['nothing before it is made', { containers: [] }, undefined],
    ['nothing before it is started', { containers: [containerOf(B, 2, CREATED)] }, undefined],
    [
      'nothing of one that never ran',
      { containers: [crash({ startedAtMs: 0, finishedAtMs: 0 })] },
      undefined,
    ],
    ['its first crash, with no wait', { containers: [crash()], record: before() }, first],
    [
      'its next one, with a wait that doubles',
      { containers: [crash()], record: before({ crash: { failures: 2, notBeforeMs: 5 }, restarts: 2 }) },
      { restarts: 3, lastExit: exit, crash: { failures: 3, notBeforeMs: exit.atMs + 2_000 } },
    ],
    [
      'a crash after it had recovered, as a first one',
      {
        containers: [crash({ startedAtMs: exit.atMs - 600_000 })],
        record: before({ crash: { failures: 8, notBeforeMs: 5 } }),
      },
      first,
    ],
    [
      'a crash that a clock set back since puts into the future, as of now',
      { containers: [crash({ finishedAtMs: NOW + 60_000 })], record: before() },
      {
        restarts: 1,
        lastExit: { ...exit, atMs: NOW + 60_000 },
        crash: { failures: 1, notBeforeMs: NOW },
      },
    ],
    ['a crash before it was ever seen running', { containers: [crash()] }, first],
  ])('%s', (_, situation, expected) => {
    expect(replicaNoted(noted(situation))).toEqual(expected);
  });

  test('an exit once, however often it is seen, and the next run’s again', () => {
    const once = noted({ containers: [crash({ oomKilled: true })], record: before() });
    expect(once).toMatchObject({ restarts: 1, lastExit: { ...exit, oomKilled: true } });
    expect(noted({ containers: [crash({ oomKilled: true })], record: once })).toEqual(once);
    const again = noted({ containers: [crash({ finishedAtMs: NOW })], record: once });
    expect(again).toMatchObject({ restarts: 2, lastExit: { atMs: NOW } });
    const another = noted({ containers: [crash({ id: 'another' })], record: once });
    expect(another).toMatchObject({ restarts: 2, lastExit: { containerId: 'another' } });
  });

  test.each<[string, AgentState, Partial<AgentRecord>, number]>([
    ['of the one that is tried', 'Verifying', { ...update, currentRevision: A.id }, 1],
    ['of the one that serves', 'Healthy', serving, 0],
  ])('whether a crash is held against an update: that %s', (_, state, record, expected) => {
    const after = noted({ containers: [crash()], record: { ...before(), ...record } }, state);
    expect(after.replicas[ID]?.rolloutRestarts).toBe(expected);
  });

  test('a crash of the old one beside the new as no fault of the new one', () => {
    const old = containerOf(BESIDE_A, 1, { ...crash(), id: 'old', labels: containerOf(BESIDE_A, 1).labels });
    const record = {
      revisions: [BESIDE_A, BESIDE_B],
      currentRevision: BESIDE_A.id,
      stableRevision: BESIDE_A.id,
      targetRevision: BESIDE_B.id,
      rollout: { strategy: 'BlueGreen' } as const,
    };
    const after = noted({ containers: [old, containerOf(BESIDE_B, 2)], record }, 'Verifying');
    expect(after.replicas[`${BESIDE_A.id}-1-0`]).toMatchObject({ restarts: 1, rolloutRestarts: 0 });
  });
});

describe('an exit with code 0', () => {
  const ended = crash({ exitCode: 0 });
  test.each<[string, Situation, number]>([
    ['ends what was meant to end', { facts: policy('OnFailure') }, 0],
    ['ends what runs once', { facts: policy('Never') }, 0],
    ['is a crash of what should always run', { facts: policy('Always') }, 1],
    ['is a crash when nobody knows what was meant', { facts: { spec: undefined } }, 1],
    [
      'is a crash when a probe wanted it gone',
      {
        facts: policy('OnFailure'),
        record: before({ condemned: { containerId: up.id, startedAtMs: 1, reason: 'it hangs' } }),
      },
      1,
    ],
    [
      'ends it, whatever a probe wanted of the container before',
      {
        facts: policy('OnFailure'),
        record: before({ condemned: { containerId: 'before', startedAtMs: 1, reason: 'it hung' } }),
      },
      0,
    ],
  ])('%s', (_, situation, restarts) => {
    const after = noted({ record: before(), ...situation, containers: [ended] });
    expect(after.restarts).toBe(restarts);
    expect(after.replicas[ID]?.lastExit).toEqual({ ...exit, code: 0 });
  });

  test.each<[string, ObservedContainer, boolean]>([
    ['is over', ended, true],
    ['is not over once it runs again', up, false],
    ['is not over in another container', { ...ended, id: 'another' }, false],
  ])('its work %s', (_, container, expected) => {
    const record = { ...serving, ...before({ lastExit: { ...exit, code: 0 } }) };
    const view = aView('Completed', { record, facts: policy('OnFailure') });
    const facts = { ...view.facts, observed: { containers: [container], observedAtMs: NOW } };
    expect(hasCompleted({ ...view, facts }, { revision: B.id, attempt: 2, ordinal: 0 })).toBe(expected);
  });

  test('another code is a crash of what runs once', () => {
    const after = noted({ record: before(), facts: policy('Never'), containers: [crash()] });
    expect(after.restarts).toBe(1);
  });
});

describe('a reboot of the host', () => {
  const taken = { ...exit, rebootedInto: 'boot' };
  const judging = { spec: specOf({ rollout: { healthyDeadlineSeconds: 70, monitorSeconds: 30 } }) };
  const rebooted = (state: AgentState, record: Partial<AgentRecord> = {}): AgentRecord =>
    noted(
      {
        containers: [crash()],
        facts: judging,
        record: { ...update, ...before({ bootId: 'before' }), ...record },
      },
      state,
    );

  test('is no crash', () => {
    const { restarts, lastExit, replicas } = rebooted('Healthy', serving);
    expect({ restarts, lastExit }).toEqual({ restarts: 0, lastExit: taken });
    expect(replicas[ID]).toEqual({ ...NEW_REPLICA, bootId: 'before', lastExit: taken });
  });

  test('takes each down once: who falls again in the new boot crashed', () => {
    const again = crash({ finishedAtMs: NOW });
    const record = before({ bootId: 'before', lastExit: taken });
    const after = noted({ containers: [again], record });
    expect(after.restarts).toBe(1);
    expect(replicaNoted(after)).toEqual({
      restarts: 1,
      lastExit: { ...exit, atMs: NOW },
      crash: { failures: 1, notBeforeMs: NOW },
    });
    const earlier = before({ bootId: 'before', lastExit: { ...taken, rebootedInto: 'before' } });
    expect(noted({ containers: [again], record: earlier }).restarts).toBe(0);
  });

  test('is over for what ended its work in the new boot', () => {
    const ended = crash({ exitCode: 0, finishedAtMs: NOW });
    const record = before({ bootId: 'before', lastExit: taken });
    const after = noted({ containers: [ended], record, facts: policy('OnFailure') });
    expect(replicaNoted(after)).toEqual({ lastExit: { ...exit, code: 0, atMs: NOW } });
  });

  const closed = { open: false, reason: 'WaitingForDependency', message: 'waits for db' } as const;
  test.each<[string, Situation, string | undefined]>([
    ['what it needs', { facts: { bootGating: closed } }, 'after a boot of the host, waits for db'],
    ['nothing that is there', {}, undefined],
    ['nothing once it runs', { facts: { bootGating: closed }, containers: [up] }, undefined],
    [
      'nothing when it was in this boot that it fell',
      { facts: { bootGating: closed }, record: before() },
      undefined,
    ],
    [
      'what it needs, when one of several has yet to come up again',
      {
        facts: { bootGating: closed, spec: specOf({ replicas: 2 }) },
        containers: [crash(), containerOf(B, 2, { id: 'second', labels: labelsOf(1) })],
      },
      'after a boot of the host, waits for db',
    ],
  ])('keeps it waiting for %s', (_, situation, expected) => {
    const record = { ...serving, ...before({ bootId: 'before' }), ...situation.record };
    expect(heldSinceBoot(aView('Healthy', { containers: [crash()], ...situation, record }))).toBe(expected);
  });

  test.each<[string, AgentState, Partial<AgentRecord>, number | undefined]>([
    ['as long again to come up', 'Starting', { deadlineAtMs: NOW + 1_000 }, NOW + 70_000],
    [
      'and the time to be watched',
      'Monitoring',
      { ...serving, deadlineAtMs: NOW + 1_000 },
      NOW + 70_000 + 30_000,
    ],
    ['never less than it had', 'Verifying', { deadlineAtMs: NOW + 90_000 }, NOW + 90_000],
    ['no deadline where there was none', 'Verifying', {}, undefined],
  ])('gives who is judged %s', (_, state, record, deadlineAtMs) => {
    const after = rebooted(state, record);
    expect(after.deadlineAtMs).toBe(deadlineAtMs);
    expect(after.replicas[ID]).toEqual({
      ...NEW_REPLICA,
      bootId: 'before',
      lastExit: taken,
      rebooted: true,
    });
  });

  test.each<[string, ObservedContainer]>([
    ['once it is up', up],
    ['once it crashed by itself', crash()],
  ])('is forgotten %s, of this replica alone', (_, container) => {
    const second = containerOf(B, 2, { id: 'second', labels: labelsOf(1) });
    const record = { replicas: { ...before({ rebooted: true, restarts: 4 }).replicas, ...secondRebooted } };
    const facts = { verdictOf: ({ id }: { id: string }) => ({ ...READY, ready: id !== 'second' }) };
    const after = noted({ containers: [container, second], record, facts });
    expect(after.replicas[ID]?.restarts).toBeGreaterThanOrEqual(4);
    expect(Object.keys(after.replicas[ID] ?? {})).not.toContain('rebooted');
    expect(after.replicas[`${B.id}-2-1`]?.rebooted).toBe(true);
  });
  const secondRebooted = { [`${B.id}-2-1`]: { ...NEW_REPLICA, rebooted: true as const } };

  test('is remembered until then', () => {
    const after = noted({ containers: [up], facts: unready, record: before({ rebooted: true }) });
    expect(after.replicas[ID]?.rebooted).toBe(true);
  });
});

describe('remembered is', () => {
  const all = (...ids: string[]) => Object.fromEntries(ids.map((id) => [id, NEW_REPLICA]));
  test.each<[string, Situation, string[]]>([
    ['who is wanted', { record: { replicas: all(ID) } }, [ID]],
    [
      'who is there',
      { record: { replicas: all(`${A.id}-1-0`) }, containers: [containerOf(A, 1)] },
      [`${A.id}-1-0`],
    ],
    ['nobody else', { record: { replicas: all(`${A.id}-1-0`) } }, []],
    [
      'no earlier attempt, though it is there',
      { record: { replicas: all(`${B.id}-1-0`) }, containers: [containerOf(B, 1)] },
      [],
    ],
  ])('%s', (_, situation, expected) => {
    expect(Object.keys(noted(situation).replicas)).toEqual(expected);
  });
});

describe('since when it is healthy', () => {
  const both = [up, containerOf(B, 2, { id: 'second', labels: labelsOf(1) })];
  const two = specOf({ replicas: 2 });
  test.each<[string, AgentState, Situation, number | undefined]>([
    ['since now', 'Healthy', { containers: [up] }, NOW],
    ['as long as before', 'Healthy', { containers: [up], record: { healthySinceMs: 7 } }, 7],
    [
      'not any more',
      'Healthy',
      { containers: [up], facts: unready, record: { healthySinceMs: 7 } },
      undefined,
    ],
    ['only with all of them', 'Healthy', { record: SEVERAL, containers: both, facts: { spec: two } }, NOW],
    [
      'not with some of them',
      'Healthy',
      {
        record: SEVERAL,
        containers: both,
        facts: { spec: two, verdictOf: ({ id }) => ({ ...READY, ready: id !== 'second' }) },
      },
      undefined,
    ],
    [
      'also with one that has done its work',
      'Healthy',
      { containers: [crash({ exitCode: 0 })], facts: policy('OnFailure') },
      NOW,
    ],
    ['not where nobody is judged', 'Paused', { containers: [up], record: { healthySinceMs: 7 } }, undefined],
  ])('%s', (_, state, situation, expected) => {
    expect(noted(situation, state).healthySinceMs).toBe(expected);
  });
});

describe('its name', () => {
  const running = containerOf(BESIDE_B, 2, { networks: { 'ns.default': '10.0.0.3' } });
  const beside = {
    revisions: [BESIDE_A, BESIDE_B],
    currentRevision: BESIDE_B.id,
    targetRevision: BESIDE_B.id,
    stableRevision: BESIDE_B.id,
  };
  const held = (route: readonly string[], record: Partial<AgentRecord> = {}): Situation => ({
    record: { ...beside, ...record },
    facts: {
      wish: { template: BESIDE_B.template, holder: HOLDER, imageKnown: true, reloadDigest: '' },
      observed: {
        containers: [running],
        holder: { container: containerOf(BESIDE_B, 9), route },
        observedAtMs: NOW,
      },
    },
  });
  const id = `${BESIDE_B.id}-2-0`;

  test('is remembered with whom it leads to', () => {
    expect(noted(held(['10.0.0.3']))).toMatchObject({
      holder: HOLDER,
      traffic: { routed: [id], drainingUntilMs: {} },
    });
  });

  test('is forgotten where nobody holds it', () => {
    const traffic = { routed: [id], drainingUntilMs: {} };
    const after = noted({ containers: [up], record: { traffic } });
    expect(Object.keys(after)).not.toContain('traffic');
    expect(Object.keys(after)).not.toContain('holder');
  });

  test.each<[string, AgentState, readonly string[], Partial<AgentRecord>, number | undefined]>([
    ['leads to it', 'Healthy', ['10.0.0.3'], {}, NOW],
    ['leads to nobody', 'Healthy', [], {}, undefined],
    ['leads to nobody before an update has proved itself', 'Verifying', [], {}, NOW],
  ])('counts for its health: it %s', (_, state, route, record, expected) => {
    expect(noted(held(route, record), state).healthySinceMs).toBe(expected);
  });
});

describe('a container that matters only now', () => {
  const kept = containerOf(A, 1, {
    state: 'exited',
    networks: {},
    startedAtMs: 5,
    finishedAtMs: 9,
    exitCode: 143,
    oomKilled: true,
  });
  const backTo = (container: ObservedContainer, from: AgentState = 'Failing'): AgentRecord => {
    const situation = { record: { ...update, replicas: { other: NEW_REPLICA } }, containers: [container] };
    return acknowledgeExits(aView('RollingBack', situation), aView(from, situation));
  };

  test('was stopped by us: that is no crash', () => {
    const lastExit = { containerId: kept.id, code: 143, oomKilled: true, atMs: 9 };
    expect(backTo(kept)).toMatchObject({
      restarts: 0,
      lastExit,
      replicas: { other: NEW_REPLICA, [`${A.id}-1-0`]: { ...NEW_REPLICA, lastExit } },
    });
  });

  test.each<[string, ObservedContainer, AgentState]>([
    ['it runs', containerOf(A, 1), 'Failing'],
    ['it mattered before', kept, 'Healthy'],
    ['it was never started', containerOf(A, 1, CREATED), 'Failing'],
  ])('and nothing is said of it when %s', (_, container, from) => {
    const after = backTo(container, from);
    expect(after.lastExit).toBeUndefined();
    expect(after.replicas).toEqual({ other: NEW_REPLICA });
  });
});

describe('a start waits', () => {
  const REF: ReplicaRef = { revision: B.id, attempt: 2, ordinal: 0 };
  const later = { failures: 3, notBeforeMs: NOW + 1 };
  const closed = { open: false, reason: 'WaitingForDependency', message: 'waits for db' } as const;
  const beside = {
    revisions: [A, B],
    ...update,
    rollout: { strategy: 'BlueGreen' } as const,
  };
  const elsewhere = (change: Partial<ObservedContainer>, ordinal = 0, revision = B, attempt = 1) =>
    containerOf(revision, attempt, {
      ...change,
      labels: { ...containerOf(revision, attempt).labels, [labels.ordinal]: String(ordinal) },
    });

  test.each<[string, Situation, string | undefined, AgentState?]>([
    ['for nothing', { containers: [crash()] }, undefined],
    ['for the step before it', { record: { step: later, stepFailure: failure } }, 'is not ours'],
    [
      'for a step that does not say what failed',
      { record: { step: later } },
      'a failed step waits for its retry',
    ],
    ['for no step whose time has come', { record: { step: { failures: 3, notBeforeMs: NOW } } }, undefined],
    [
      'for its turn after a crash',
      { containers: [crash()], record: before({ crash: later }) },
      'crash back-off',
    ],
    [
      'no longer than that',
      { containers: [crash()], record: before({ crash: { failures: 3, notBeforeMs: NOW } }) },
      undefined,
    ],
    ['for no crash of a container that is gone', { record: before({ crash: later }) }, undefined],
    [
      'for no crash of one that is made anew',
      { containers: [containerOf(B, 2, CREATED)], record: before({ crash: later }) },
      undefined,
    ],
    [
      'for no crash of one that never ran',
      { containers: [crash({ startedAtMs: 0 })], record: before({ crash: later }) },
      undefined,
    ],
    [
      'for ever, when it runs once',
      { containers: [crash()], facts: policy('Never') },
      'restartPolicy is Never',
    ],
    ['for no policy that is not known', { containers: [crash()], facts: { spec: undefined } }, undefined],
    [
      'for what it needs, after a reboot',
      {
        containers: [crash()],
        record: before({ bootId: 'before', crash: later }),
        facts: { bootGating: closed, ...policy('Never') },
      },
      'waits for db',
    ],
    [
      'for nothing else, after a reboot',
      {
        containers: [crash()],
        record: before({ bootId: 'before', crash: later }),
        facts: policy('Never'),
      },
      undefined,
    ],
    [
      'for nothing that it needs, after a crash',
      { containers: [crash()], facts: { bootGating: closed } },
      undefined,
    ],
    [
      'for an earlier attempt that answers its last requests',
      { containers: [elsewhere({})], record: beside },
      'an earlier attempt at it still runs',
      'Starting',
    ],
    [
      'for none where old and new swap',
      { containers: [elsewhere({})], record: { ...beside, rollout: { strategy: 'Recreate' } } },
      undefined,
      'Starting',
    ],
    ['for none that is down', { containers: [elsewhere(crash())], record: beside }, undefined, 'Starting'],
    [
      'for none of another replica, or another revision',
      { containers: [elsewhere({}, 1), elsewhere({}, 0, A)], record: beside },
      undefined,
      'Starting',
    ],
    ['for nobody once it runs', { containers: [up, elsewhere({})], record: beside }, undefined, 'Starting'],
  ])('%s', (_, situation, expected, state = 'Healthy') => {
    const view = aView(state, { ...situation, record: { ...serving, ...situation.record } });
    expect(heldBack(view, REF)).toBe(expected);
  });

  const member = (pod: string) => ({
    ...B,
    template: { ...B.template, network: { mode: 'pod', pod } as const },
  });
  const group = (running: string): Partial<AgentFacts> => ({
    pods: [{ name: 'core', seen: { present: [], running: { name: running } } as never }],
  });
  test.each<[string, Situation, string | undefined]>([
    [
      'until its pod has taken the place of the other',
      { facts: group('ns.core-aaaaaaaa') },
      'its pod is not up yet',
    ],
    ['no longer than that', { facts: group('ns.core-bbbbbbbb') }, undefined],
    [
      'for what its fellows do before, on the way to another pod',
      {
        facts: { ...group('ns.core-bbbbbbbb'), startGating: closed },
        record: { unit: { pod: 'ns.core-bbbbbbbb', attempt: 1, waits: false } },
      },
      'waits for db',
    ],
    [
      'for no fellow when it stays in its pod',
      { facts: { ...group('ns.core-bbbbbbbb'), startGating: closed } },
      undefined,
    ],
  ])('%s', (_, situation, expected) => {
    const record = { revisions: [A, member('ns.core-bbbbbbbb')], ...update, ...situation.record };
    expect(heldBack(aView('Starting', { ...situation, record }), REF)).toBe(expected);
  });
});

describe('a candidate starts afresh', () => {
  const known: ReplicaRecord = {
    ...NEW_REPLICA,
    restarts: 4,
    rolloutRestarts: 3,
    joined: true,
    crash: { failures: 3, notBeforeMs: 9 },
    condemned: { containerId: up.id, startedAtMs: 1, reason: 'it hangs' },
  };
  const other = replicaId({ revision: A.id, attempt: 1, ordinal: 0 });
  const { record } = aView('Healthy', { record: { replicas: { [ID]: known, [other]: known } } });

  test('with nothing held against it, and nothing forgotten of the others', () => {
    expect(startAfresh(record, B.id)).toEqual({
      [ID]: { ...NEW_REPLICA, restarts: 4, joined: true },
      [other]: known,
    });
  });

  test('when there is none, nobody does', () => {
    expect(startAfresh(record, undefined)).toEqual(record.replicas);
  });
});
