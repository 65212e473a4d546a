import { expect, test } from 'vitest';
import { remainingActs } from '../controllers/agent/asked.ts';
import { decide, newRecord } from '../controllers/agent/decide.ts';
import { type AgentFacts, findRevision } from '../controllers/agent/facts.ts';
import { type AgentEvent, agentEdges, agentStates } from '../controllers/agent/machine.ts';
import { noteOutcome } from '../controllers/agent/outcome.ts';
import { agent, type AgentSpec } from '../src/api/agent.ts';
import { agentKey } from '../src/api/key.ts';
import type { Operation } from '../src/plan/operation.ts';
import { planAgent } from '../src/plan/plan-agent.ts';
import type { PodmanErrorKind } from '../src/podman/errors.ts';
import type { Acts } from '../src/state/acts.ts';
import { hasHolder, splitHolder } from '../src/state/holder.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { createRandom, type Random } from './fakes/random.ts';
import { agentManifest } from './fakes/simulated-host.ts';
import { aContainer, aTemplate } from './fakes/templates.ts';

const key = agentKey('ns', 'twin');
const ownership = { key, ownerLabels: {} };
const WALKS = 500;
const STEPS = 50;
const SEED = 20_260_301;

interface Health {
  readonly ready: boolean;
  readonly live: boolean;
  readonly started: boolean;
}
const WELL: Health = { ready: true, live: true, started: true };
const ILL: readonly [Health, ...Health[]] = [
  { ready: false, live: true, started: true },
  { ready: false, live: false, started: true },
  { ready: false, live: true, started: false },
];

/** One agent, its containers, and all that anybody may do to them. */
interface Model {
  nowMs: number;
  record: AgentRecord;
  spec: AgentSpec | undefined;
  version: number;
  isImageThere: boolean;
  isOpen: boolean;
  isDependencyDown: boolean;
  isPruned: boolean;
  acts: Acts;
  containers: ObservedContainer[];
  holder: ObservedContainer | undefined;
  route: readonly string[];
  health: Map<string, Health>;
  /** What the next containers are like. */
  next: Health;
  refuses: PodmanErrorKind | undefined;
  ids: number;
}

const SPECS: readonly [object, ...object[]] = [
  {},
  { rollout: { onFailure: 'Pause' } },
  { restartPolicy: 'OnFailure' },
  { restartPolicy: 'Never' },
  { driftPolicy: 'Report', replicas: 2 },
  { rollout: { strategy: 'BlueGreen' } },
  { replicas: 2, rollout: { strategy: 'BlueGreen', onFailure: 'Pause' } },
  { replicas: 3, rollout: { strategy: 'Canary' } },
  { replicas: 3, rollout: { strategy: 'Canary', canary: { promotion: 'Manual' } } },
];
const specs = SPECS.map((spec) => {
  const { rollout, ...rest } = spec as { rollout?: object };
  const times = { minHealthySeconds: 2, monitorSeconds: 10, healthyDeadlineSeconds: 30, drainSeconds: 2 };
  return agent.parse(agentManifest('twin', { ...rest, rollout: { ...times, ...rollout } })).spec;
}) as [AgentSpec, ...AgentSpec[]];

function begin(random: Random): Model {
  return {
    nowMs: 1_000_000,
    record: newRecord({ key, specHash: 'v0' }, 'uid', 1_000_000),
    spec: random.pick(specs),
    version: 0,
    isImageThere: random.chance(0.7),
    isOpen: random.chance(0.7),
    isDependencyDown: false,
    isPruned: false,
    acts: { specHash: '' },
    containers: [],
    holder: undefined,
    route: [],
    health: new Map(),
    next: WELL,
    refuses: undefined,
    ids: 0,
  };
}

function factsOf(model: Model): AgentFacts {
  const { spec, version, acts, nowMs } = model;
  const whole = aTemplate({ env: { V: String(version) }, hostname: 'twin' });
  const share = spec && hasHolder(spec) ? splitHolder(whole) : { template: whole };
  const image = { type: 'Pull', reference: 'x', cause: 'is not in local storage' } as const;
  return {
    key,
    spec,
    specHash: `v${version}-${specs.indexOf(spec as AgentSpec)}`,
    wish: spec && { ...share, imageKnown: model.isImageThere, reloadDigest: '', image },
    missing: [],
    gating: model.isOpen ? { open: true } : { open: false, reason: 'WaitingForDependency', message: 'waits' },
    bootGating: { open: true },
    dependencyDown: model.isDependencyDown ? 'other' : undefined,
    suspended: acts.suspended !== undefined,
    ...(model.isPruned && { noWayBack: 'it was pruned' }),
    acts,
    origin: { file: 'twin.yaml', line: 1 },
    observed: {
      containers: model.containers,
      ...(model.holder && { holder: { container: model.holder, route: model.route } }),
      observedAtMs: nowMs,
    },
    verdictOf: ({ id }) => ({
      ...(model.health.get(id) ?? WELL),
      startupFailed: false,
      sinceMs: 0,
      messages: {},
    }),
    bootId: 'boot',
    fellows: [],
    startGating: { open: true },
    pods: [],
  };
}

const change = (model: Model, id: string, next: Partial<ObservedContainer>): void => {
  model.containers = model.containers.map((one) => (one.id === id ? { ...one, ...next } : one));
};

function end(model: Model, id: string, exitCode: number): void {
  change(model, id, { state: 'exited', networks: {}, finishedAtMs: model.nowMs, exitCode });
}

function carryOut(model: Model, operation: Operation): void {
  switch (operation.type) {
    case 'PullImage':
      model.isImageThere = true;
      return;
    case 'CreateContainer': {
      const id = `c${(model.ids += 1)}`;
      const { name, labels, annotations } = operation;
      const made = { name, labels, annotations, state: 'created', startedAtMs: 0, networks: {} } as const;
      model.containers = [...model.containers, aContainer('x', 1, { ...made, id })];
      return;
    }
    case 'StartContainer': {
      const { nowMs } = model;
      if (model.holder?.name === operation.name) model.holder = { ...model.holder, state: 'running' };
      const found = model.containers.find(({ name }) => name === operation.name);
      if (!found) return;
      const networks = { 'ns.default': `10.0.1.${(model.ids += 1)}` };
      change(model, found.id, { state: 'running', startedAtMs: nowMs, exitCode: 0, networks });
      model.health.set(found.id, model.next);
      return;
    }
    case 'StopContainer':
      return end(model, operation.id, 0);
    case 'RemoveContainer':
      model.containers = model.containers.filter(({ id }) => id !== operation.id);
      if (model.holder?.id === operation.id) model.holder = undefined;
      return;
    case 'RenameContainer':
      return change(model, operation.id, { name: operation.to });
    case 'CreateHolder': {
      const { name, labels, annotations } = operation;
      model.route = [];
      model.holder = aContainer('x', 0, {
        id: `h${(model.ids += 1)}`,
        name,
        labels,
        annotations,
        state: 'created',
      });
      return;
    }
    case 'RouteTraffic':
      model.route = operation.to;
      return;
    default:
  }
}

/** Where that was looked at already. */
const forked = new Set<string>();

/**
 * What would come of it if exactly now its manifest went, changed or came back to what serves, a person aborted, its
 * time ran out, a step failed for good or for want of an input, all fell ill.
 */
function fork(model: Model, facts: AgentFacts, seen: Set<Edge>): void {
  const { state, rollout, currentRevision, targetRevision } = model.record;
  const place = [state, JSON.stringify(rollout), currentRevision, targetRevision].join();
  if (forked.has(place)) return;
  forked.add(place);
  const other = facts.wish && { ...facts.wish, template: aTemplate({ env: { V: 'other' } }) };
  const ill = { ready: false, live: true, started: true, startupFailed: false, sinceMs: 0, messages: {} };
  const serving = findRevision(model.record, currentRevision)?.template;
  const back = facts.wish && serving && { ...facts.wish, template: serving, imageKnown: true };
  const stepFailure = { operation: 'x', reason: 'x', message: 'made up', terminal: true, atMs: model.nowMs };
  const forks: readonly (readonly [AgentFacts, AgentRecord, number])[] = [
    [{ ...facts, spec: undefined, wish: undefined }, model.record, 0],
    [{ ...facts, wish: other }, model.record, 0],
    [{ ...facts, wish: back ?? other }, model.record, 0],
    [{ ...facts, acts: { ...facts.acts, abortedAtMs: model.nowMs } }, model.record, 0],
    [facts, model.record, 1_000_000],
    [facts, { ...model.record, stepFailure }, 0],
    [withoutInput(facts), { ...model.record, stepFailure }, 0],
    [{ ...facts, verdictOf: () => ill }, model.record, 0],
  ];
  for (const [changed, record, laterMs] of forks) {
    const { transitions } = decide(changed, record, model.nowMs + laterMs);
    for (const { from, event } of transitions) seen.add(`${from} ${event}`);
  }
  const inPod = facts.wish && { ...facts.wish, template: aTemplate({ network: { mode: 'pod', pod: POD } }) };
  // A member of a pod group is no canary.
  for (const wish of state === 'AwaitingApproval' ? [] : [facts.wish, inPod]) {
    const { transitions } = decide(...besideOneThatFailed({ ...facts, wish }, model.record), model.nowMs);
    for (const { from, event } of transitions) seen.add(`${from} ${event}`);
  }
}

const withoutInput = (facts: AgentFacts): AgentFacts => ({
  ...facts,
  wish: undefined,
  missing: [{ reason: 'SecretNotReady', message: 'there is no Secret x', terminal: false }],
});

const POD = 'ns.core-bbbbbbbb';

/** As if it were on the way to another pod, with a fellow that did not come through. */
function besideOneThatFailed(facts: AgentFacts, record: AgentRecord): [AgentFacts, AgentRecord] {
  const unit = { pod: POD, attempt: 1, waits: false };
  const fellow: AgentRecord = { ...record, key: agentKey('ns', 'fellow'), state: 'RolledBack', unit };
  return [
    { ...facts, fellows: [fellow] },
    { ...record, unit },
  ];
}

type Edge = `${AgentState} ${AgentEvent}`;

/** As the reconciler does it, until there is nothing more to do. */
function settle(model: Model, seen: Set<Edge>): void {
  for (let round = 0; round < 30; round += 1) {
    const facts = factsOf(model);
    const decision = decide(facts, model.record, model.nowMs);
    for (const { from, event } of decision.transitions) seen.add(`${from} ${event}`);
    expectPromises(decision.record, facts);
    model.record = decision.record;
    model.acts = remainingActs(model.acts, model.record);
    fork(model, facts, seen);
    const isHeldBack = model.record.stepFailure && model.nowMs < model.record.step.notBeforeMs;
    const { operations } = planAgent(decision.aim, facts.observed, ownership);
    if (operations.length === 0 || (isHeldBack && model.record.state !== 'Failing')) return;
    const outcome = { done: [] as Operation[], logTails: {} as Record<string, string[]> };
    const [first] = operations as [Operation];
    const kind = model.refuses;
    if (kind !== undefined && first.type !== 'CaptureLogs') {
      const failure = { operation: first, kind, message: 'made up' };
      model.record = noteOutcome(model.record, { ...outcome, failure }, model.nowMs);
      return;
    }
    for (const operation of operations) {
      carryOut(model, operation);
      outcome.done.push(operation);
      if (operation.type === 'CaptureLogs') outcome.logTails[operation.name] = ['last words'];
    }
    model.record = noteOutcome(model.record, outcome, model.nowMs);
    model.nowMs += 1;
  }
  throw new Error(`never at rest: ${model.record.state}`);
}

/** What holds in every state, whoever did what. */
function expectPromises({ state, deadlineAtMs, clocksStoppedAtMs }: AgentRecord, facts: AgentFacts): void {
  const timed: readonly AgentState[] = [
    'Preparing',
    'StoppingOld',
    'Starting',
    'Verifying',
    'Promoting',
    'Monitoring',
  ];
  if (timed.includes(state) && clocksStoppedAtMs === undefined && facts.spec)
    expect(deadlineAtMs, state).toBeDefined();
}

type Act = (model: Model, random: Random) => void;

const anyRunning = (model: Model, random: Random): ObservedContainer | undefined =>
  random.pickAny(model.containers.filter(({ state }) => state === 'running'));

const ACTS: readonly [Act, ...Act[]] = [
  (model, random) => void (model.nowMs += random.pick([500, 1_000, 3_000, 12_000, 40_000, 400_000])),
  (model) => void (model.nowMs += 2_500),
  (model) => void (model.nowMs += 11_000),
  (model, random) => {
    model.version = random.int(0, 3);
    model.isImageThere = random.chance(0.6);
  },
  (model, random) => void (model.spec = random.pick(specs)),
  (model, random) => {
    const one = anyRunning(model, random);
    if (one) end(model, one.id, random.pick([0, 1]));
  },
  (model, random) => {
    for (const { id, state } of model.containers)
      if (state === 'running') end(model, id, random.pick([0, 1]));
  },
  (model, random) => {
    const one = anyRunning(model, random);
    if (one) model.health.set(one.id, random.pick(ILL));
  },
  (model) => {
    for (const { id } of model.containers) model.health.set(id, WELL);
    model.next = WELL;
  },
  (model, random) => void (model.next = random.chance(0.5) ? WELL : random.pick(ILL)),
  (model, random) => {
    const one = anyRunning(model, random);
    if (one) change(model, one.id, { name: `mine-${(model.ids += 1)}` });
  },
  (model, random) => {
    const one = random.pickAny(model.containers);
    model.containers = model.containers.filter(({ id }) => id !== one?.id);
  },
  (model, random) => {
    const kinds = ['ImageUnknown', 'BadRequest', 'Other', undefined, undefined] as const;
    model.refuses = random.pick(kinds) as PodmanErrorKind | undefined;
  },
  (model) => void (model.refuses = undefined),
  (model, random) => void (model.isOpen = random.chance(0.7)),
  (model, random) => void (model.isDependencyDown = random.chance(0.2)),
  (model) => void (model.isImageThere = true),
  (model, random) => {
    const { pausedAtMs: _, suspended: __, ...rest } = model.acts;
    const sinceMs = model.nowMs;
    const held = random.pick([{}, {}, {}, { pausedAtMs: sinceMs }, { suspended: { sinceMs } }]);
    model.acts = { ...rest, ...held };
    model.isPruned = random.chance(0.1);
  },
  (model) => void (model.acts = { ...model.acts, abortedAtMs: model.nowMs }),
  (model) => void (model.acts = { ...model.acts, restartedAtMs: model.nowMs }),
  (model) => void (model.acts = { ...model.acts, retryAtMs: model.nowMs }),
  (model) => {
    const { targetRevision } = model.record;
    if (targetRevision !== undefined) model.acts = { ...model.acts, approvedRevision: targetRevision };
  },
  (model, random) => {
    if (random.chance(0.05)) model.spec = undefined;
  },
];

/** A first deploy and an update in which all goes well, to the very end. */
function goodUpdate(spec: AgentSpec, seen: Set<Edge>): void {
  const model = { ...begin(createRandom(SEED)), spec, isImageThere: true, isOpen: true };
  for (let step = 0; step < 60; step += 1) {
    if (step === 20) model.version = 1;
    const { targetRevision } = model.record;
    if (step > 30 && targetRevision !== undefined)
      model.acts = { ...model.acts, approvedRevision: targetRevision };
    settle(model, seen);
    model.nowMs += 2_500;
  }
}

/** What is done before anybody could say that it had started. */
function quickJob(spec: AgentSpec, seen: Set<Edge>): void {
  const next = { ready: false, live: true, started: false };
  const model = { ...begin(createRandom(SEED)), spec, next, isImageThere: true, isOpen: true };
  settle(model, seen);
  for (const { id } of model.containers) end(model, id, 0);
  settle(model, seen);
}

test('every state and every edge of the machine is reached, and every walk comes to rest', () => {
  const random = createRandom(SEED);
  const seen = new Set<Edge>();
  for (let walk = 0; walk < WALKS; walk += 1) {
    const model = begin(random);
    fork(model, factsOf(model), seen);
    settle(model, seen);
    for (let step = 0; step < STEPS && model.record.state !== 'Terminating'; step += 1) {
      random.pick(ACTS)(model, random);
      settle(model, seen);
    }
  }
  for (const spec of specs) goodUpdate(spec, seen);
  for (const spec of specs) quickJob(spec, seen);
  const living = agentStates.filter((state) => state !== 'Terminating');
  const all: Edge[] = [
    ...agentEdges.map(({ from, event }): Edge => `${from} ${event}`),
    ...living.flatMap((state): Edge[] => [`${state} NEW_TARGET`, `${state} DELETED`]),
  ];
  const missed = all.filter((edge) => !seen.has(edge)).sort();
  expect(missed.filter((edge) => !(edge in OUT_OF_REACH))).toEqual([]);
  expect([...seen].filter((edge) => edge in OUT_OF_REACH)).toEqual([]);
  // What the machine does not know in a state means nothing there: a judge that says it would be heard by nobody.
  expect([...seen].filter((edge) => !all.includes(edge))).toEqual([]);
}, 300_000);

/** Edges that the machine has and no judge takes, each with why it is there. */
const OUT_OF_REACH: Readonly<Record<string, string>> = {
  'Completed RETRY': 'a job that ended is begun anew by a new manifest, or by a person’s restart',
};
