import type { WaitingError } from '../../src/api/errors.ts';
import { type KeyString, keyString, type ObjectKey, parseKey } from '../../src/api/key.ts';
import type { Reconciler, ReconcileContext, Result } from '../../src/manager/reconciler.ts';
import { EMPTY_PLAN, formatPlan, type Plan } from '../../src/plan/operation.ts';
import type { AgentAim } from '../../src/plan/aim.ts';
import { planAgent } from '../../src/plan/plan-agent.ts';
import type { Prober } from '../../src/probe/prober.ts';
import { formatActs, hasActs } from '../../src/state/acts.ts';
import { isPodOf, ownerLabels } from '../../src/state/names.ts';
import type { ObservedAgent } from '../../src/state/observed.ts';
import type { AgentRecord, AgentState } from '../../src/state/record.ts';
import { podIn } from '../../src/state/template.ts';
import { networksOf } from '../../src/state/resolve-network.ts';
import { COLLECTION } from '../collect.ts';
import { track } from '../inventory.ts';
import { isUnreachable, unreachable } from '../unreachable.ts';
import { type AgentPublication, desiredObject, type World } from '../world.ts';
import { awaitsWindow } from './adopted.ts';
import { remainingActs } from './asked.ts';
import { createCrashBudget, type CrashBudget, pace, type Paced } from './crash-budget.ts';
import { type Decision, decide, newRecord } from './decide.ts';
import type { AgentFacts, View } from './facts.ts';
import { freeze } from './freeze.ts';
import { gather } from './gather.ts';
import { narrate } from './narrate.ts';
import { noteOutcome } from './outcome.ts';
import { type Peer, samePeer, seePeers } from './peers.ts';
import { type Asked, askedOf, settleActs } from './perform-act.ts';
import { probeReplicas, withVerdicts } from './probing.ts';
import { rebuildRecord } from './rebuild.ts';
import { isServed } from './readiness.ts';
import { createRepeats, repetition, type Repeats, unrepeated } from './repeats.ts';
import { liveContainers, servingReplicas } from './replicas.ts';
import { noWayBack } from './way-back.ts';
import { settledGeneration, type StatusInput, statusOf, unknownStatus } from './status.ts';
import { alike, inTime, type Timekeeping, withoutOutage } from './timekeeping.ts';

export interface AgentReconcilerOptions {
  readonly world: World;
  readonly prober: Prober;
}

/** Shared by all runs: what each agent looked like last, for those that wait for it. */
interface Memory extends AgentReconcilerOptions, Timekeeping {
  readonly peers: Map<KeyString, Peer>;
  readonly lastPlans: Map<KeyString, readonly string[]>;
  readonly published: Map<KeyString, AgentPublication>;
  readonly crashBudget: CrashBudget;
  readonly repeats: Repeats;
}

/** The agent's loop: observe → note → decide → save → plan → execute → note → publish. */
export function createAgentReconciler(options: AgentReconcilerOptions): Reconciler {
  const memory: Memory = {
    ...options,
    peers: new Map(),
    lastPlans: new Map(),
    outages: new Map(),
    leads: new WeakMap(),
    published: new Map(),
    crashBudget: createCrashBudget(),
    repeats: createRepeats(),
  };
  return { kind: 'Agent', reconcile: (key, context) => reconcileAgent(memory, key, context) };
}

async function reconcileAgent(memory: Memory, key: ObjectKey, context: ReconcileContext): Promise<Result> {
  const { world } = memory;
  if (!isOurConcern(world, key) || awaitsNetworks(world, key)) return {};
  const startedAtMs = context.now();
  const observed = await observe(memory, key, context);
  const loaded = await loadRecord(memory, key, observed, context);
  const { asked, lost } = await ask(memory, { key, observed, record: loaded }, context);
  // The clock may have been set while it waited for these; from here on nothing is waited for until it has decided.
  const before = withoutOutage(memory, inTime(memory, loaded, context), context);
  const nowMs = context.now();
  const facts = gatherFacts(memory, { key, observed, record: before, noWayBack: lost }, asked);
  const decision = decide(facts, before, nowMs);
  alike(memory, decision.record, before);
  const view = { record: decision.record, facts, nowMs };
  const wanted = pace(view, decision.aim, () => memory.crashBudget.turnMs(key, context.uptimeMs()));
  const whole = planFor(memory, wanted.aim, view);
  const waitMs = memory.repeats.waitMs(key, whole, context.uptimeMs());
  const { plan, paced } = unrepeated(whole, wanted, waitMs);
  if (removes(plan) && !isOfThisRun(observed, startedAtMs, context.now())) {
    world.observer.invalidate(key);
    return { requeueAfterMs: 0 };
  }
  memory.outages.delete(keyString(key));
  remember(memory, view);
  for (const event of narrate(decision.record, decision.transitions)) world.store.events.record(event);
  if (decision.transitions.some(({ to }) => SETTLED.has(to))) world.enqueue(COLLECTION);
  const deed = { decision, facts, plan, paced };
  const result =
    plan.operations.length === 0 ? await finish(memory, deed, context) : await act(memory, deed, context);
  await settleActs(world, asked.basis, decision.record);
  if (decision.transitions.length + plan.operations.length > 0) tellPodGroups(world, decision.record, facts);
  return result;
}

/** Which of their pods should run hangs on how far their members have come, as it is saved. */
function tellPodGroups(world: World, record: AgentRecord, { key, pods, spec }: AgentFacts): void {
  const used = record.revisions.flatMap(({ template }) => podIn(template) ?? []);
  for (const { name } of pods)
    if (spec?.podGroup === name || used.some((pod) => isPodOf(key.namespace, name, pod)))
      world.enqueue({ kind: 'PodGroup', namespace: key.namespace, name });
}

/** A revision proved itself: its image is to be kept, and an older one may go. */
const SETTLED: ReadonlySet<AgentState> = new Set<AgentState>(['Healthy', 'Completed']);

/** What cannot be taken back is decided on a look of this very run: an event that told otherwise may be lost. */
const removes = ({ operations }: Plan): boolean => operations.some(({ type }) => type === 'RemoveContainer');

/** A clock that was set back makes an old look one of the future. */
const isOfThisRun = ({ observedAtMs }: ObservedAgent, startedAtMs: number, nowMs: number): boolean =>
  startedAtMs <= observedAtMs && observedAtMs <= nowMs;

function isOurConcern({ desired, store }: World, key: ObjectKey): boolean {
  const id = keyString(key);
  return desired().objects.has(id) || (desired().pruned.has(id) && store.inventory.get(key) !== undefined);
}

/**
 * Right after the start: its networks are looked at for the first time, which takes milliseconds, and wakes it whatever
 * comes of it. Until then every agent would be looked at and written down for nothing.
 */
function awaitsNetworks(world: World, key: ObjectKey): boolean {
  const { desired, provisions } = world;
  const spec = desiredObject(world, 'Agent', keyString(key))?.manifest.spec;
  if (spec === undefined || spec.hostNetwork || spec.podGroup !== undefined) return false;
  return networksOf(spec.networks)
    .map((name) => keyString({ kind: 'Network', namespace: key.namespace, name }))
    .some((id) => desired().objects.has(id) && !provisions.all().has(id));
}

async function observe(memory: Memory, key: ObjectKey, context: ReconcileContext): Promise<ObservedAgent> {
  try {
    return await memory.world.observer.observe(key);
  } catch (error) {
    throw outage(memory, { key, error }, context);
  }
}

interface Answers {
  readonly asked: Asked;
  readonly lost: string | undefined;
}

/** What else is to be waited for; Podman may be away by now. */
async function ask(
  memory: Memory,
  { key, observed, record }: Subject,
  context: ReconcileContext,
): Promise<Answers> {
  const { world } = memory;
  try {
    const asked = await askedOf(world, { key, record, nowMs: context.now() });
    return { asked, lost: await noWayBack(world, { record, observed, wish: asked.resolved.wish }) };
  } catch (error) {
    throw isUnreachable(error) ? outage(memory, { key, error }, context) : error;
  }
}

interface Unanswered {
  readonly key: ObjectKey;
  readonly error: unknown;
}

/** Unreachable is not "everything died": nothing is judged, and the time is given back. */
function outage(memory: Memory, { key, error }: Unanswered, context: ReconcileContext): WaitingError {
  const id = keyString(key);
  if (!memory.outages.has(id)) memory.outages.set(id, context.uptimeMs());
  publishUnknown(memory, id, context.now());
  return unreachable(`Podman does not answer: ${String(error)}`);
}

async function loadRecord(
  memory: Memory,
  key: ObjectKey,
  observed: ObservedAgent,
  context: ReconcileContext,
): Promise<AgentRecord> {
  const { world, outages } = memory;
  const nowMs = context.now();
  const id = keyString(key);
  const object = desiredObject(world, 'Agent', id);
  const stored = world.store.records.get(key);
  const uid = await uidOf(world, key, stored);
  if (!stored) {
    outages.delete(id);
    const fresh = newRecord({ key, specHash: object?.specHash ?? '' }, uid, nowMs);
    return inTime(memory, rebuildRecord(fresh, observed.containers, nowMs), context);
  }
  return inTime(memory, stored, context);
}

/** What is adopted is not noted as applied: a next start would take its manifest for the one that it was made from. */
async function uidOf(world: World, key: ObjectKey, stored: AgentRecord | undefined): Promise<string> {
  const object = desiredObject(world, 'Agent', keyString(key));
  if (object && !awaitsWindow(world, key)) return track(world, object, stored?.uid);
  return stored?.uid ?? world.store.inventory.get(key)?.uid ?? world.newUid();
}

interface Subject {
  readonly key: ObjectKey;
  readonly observed: ObservedAgent;
  readonly record: AgentRecord;
  readonly noWayBack?: string | undefined;
}

function gatherFacts(memory: Memory, subject: Subject, { acts, resolved }: Asked): AgentFacts {
  const { world, prober, peers } = memory;
  probeReplicas(world, prober, subject);
  const verdictOf = (container: { readonly id: string; readonly startedAtMs: number }) =>
    prober.verdict(container.id, container.startedAtMs);
  const seen = seePeers(peers, world.desired().objects);
  const facts = gather({ world, peers: seen, ...subject, acts, resolved, verdictOf });
  return facts.spec === undefined && !mayTerminate(world, subject.key)
    ? { ...facts, suspended: true }
    : facts;
}

/** Prunes go in reverse order: an agent stays while one that needs it is still being removed. */
function mayTerminate({ store, desired }: World, key: ObjectKey): boolean {
  return !store.inventory
    .list()
    .some(
      (entry) =>
        'lastGood' in entry &&
        entry.lastGood.manifest.kind === 'Agent' &&
        desired().pruned.has(keyString(entry.key)) &&
        entry.key.namespace === key.namespace &&
        entry.lastGood.manifest.spec.dependsOn.some(({ name }) => name === key.name),
    );
}

/** Those who wait for this agent are looked at again when what they see of it differs. */
function remember(memory: Memory, view: View): void {
  const { world, peers } = memory;
  const id = keyString(view.record.key);
  const before = peers.get(id);
  const peer: Peer = {
    record: view.record,
    live: liveContainers(view, servingReplicas(view)).length > 0,
    ready: isServed(view),
    suspended: view.facts.suspended,
  };
  peers.set(id, peer);
  if (before && samePeer(before, peer)) return;
  for (const dependent of world.graph().dependents.get(id) ?? []) world.enqueue(parseKey(dependent));
  for (const { key } of view.facts.fellows) world.enqueue(key);
  for (const [other, { record }] of peers) if (WAITS.has(record.reason)) world.enqueue(parseKey(other));
}

/** Reasons to wait that any other agent of the namespace, or of the change, may end. */
const WAITS: ReadonlySet<string> = new Set(['RolloutLimit', 'ChangeStopped']);

/** A step that failed is not tried again before its time, whichever call it was; a candidate's last words are read all the same. */
const backsOff = (record: AgentRecord, nowMs: number): boolean =>
  record.stepFailure !== undefined && nowMs < record.step.notBeforeMs && record.state !== 'Failing';

function planFor({ world }: Memory, aim: AgentAim, { record, facts, nowMs }: View): Plan {
  if (backsOff(record, nowMs)) return EMPTY_PLAN;
  const ownership = {
    key: record.key,
    ownerLabels: ownerLabels(world.installation(), record.key, record.uid),
  };
  const plan = planAgent(aim, facts.observed, ownership);
  return world.desired().frozen === undefined ? plan : freeze(plan);
}

interface Deed {
  readonly decision: Decision;
  readonly facts: AgentFacts;
  readonly plan: Plan;
  readonly paced: Paced;
}

async function act(memory: Memory, deed: Deed, context: ReconcileContext): Promise<Result> {
  const { world, lastPlans } = memory;
  const { facts, plan, paced } = deed;
  const decided = asDecided(memory, deed, context);
  const { key } = decided;
  await world.store.records.put(decided);
  lastPlans.set(keyString(key), formatPlan(plan).split('\n'));
  publish(memory, decided, facts, context);
  const { priority } = paced;
  const startedAtMs = context.uptimeMs();
  const outcome = await world.execute({ key, plan, priority, signal: context.signal });
  if (priority === 'CrashRestart') memory.crashBudget.took(context.uptimeMs() - startedAtMs);
  world.observer.invalidate(key);
  if (outcome.done.some(({ type }) => type === 'PullImage' || type === 'BuildImage')) world.images.forget();
  if (outcome.failure?.kind === 'Unreachable') throw unreachable(outcome.failure.message);
  if (!outcome.failure && memory.repeats.took(key, plan, context.uptimeMs()) > 0)
    world.store.events.record(repetition(key, plan));
  const told = outcome.done.some(({ type }) => type === 'SignalContainer');
  const record = inTime(memory, decided, context);
  const noted = noteOutcome(record, outcome, context.now());
  const saved = told && facts.wish ? { ...noted, reloadDigest: facts.wish.reloadDigest } : noted;
  await world.store.records.put(alike(memory, saved, record));
  return { requeueAfterMs: 0 };
}

/** With what its probes said: a next life must not doubt what this one took for proven. */
function asDecided(
  memory: Memory,
  { decision: { record }, facts }: Pick<Deed, 'decision' | 'facts'>,
  context: ReconcileContext,
): AgentRecord {
  const replicas = withVerdicts({ record, facts, nowMs: context.now() });
  return alike(memory, { ...record, replicas }, record);
}

/** Nothing to do: says how things are, and when to look again. */
async function finish(memory: Memory, deed: Deed, context: ReconcileContext): Promise<Result> {
  const { world } = memory;
  const { decision, facts, paced } = deed;
  const record = asDecided(memory, deed, context);
  if (record.state === 'Terminating' && isGone(facts.observed)) return forget(memory, record.key);
  const published = publish(memory, record, facts, context);
  const reloadDigest = record.reloadDigest ?? facts.wish?.reloadDigest;
  const saved: AgentRecord = reloadDigest === undefined ? published : { ...published, reloadDigest };
  await world.store.records.put(alike(memory, saved, record));
  const waitsMs = [
    ...(decision.requeueAtMs === undefined ? [] : [Math.max(0, decision.requeueAtMs - context.now())]),
    ...(paced.waitMs === undefined ? [] : [paced.waitMs]),
  ];
  return waitsMs.length > 0 ? { requeueAfterMs: Math.min(...waitsMs) } : {};
}

const isGone = ({ containers, holder }: ObservedAgent): boolean =>
  containers.length === 0 && holder === undefined;

/** The one door for an agent's status; returns the record with what was said. */
function publish(
  memory: Memory,
  record: AgentRecord,
  facts: AgentFacts,
  context: ReconcileContext,
): AgentRecord {
  const { world, lastPlans } = memory;
  const id = keyString(record.key);
  const stalled = world.desired().stalled.get(id);
  const lastPlan = lastPlans.get(id) ?? EMPTY_PLAN.operations.map(String);
  const { held } = world.desired();
  const input: StatusInput = {
    record,
    facts,
    nowMs: context.now(),
    lastPlan,
    ...(stalled && { stalled }),
    ...(held?.waiting.includes(id) && { waits: `a change of its manifest waits: ${held.message}` }),
  };
  const status = statusOf(input);
  const { key, uid, generation, createdAtMs } = record;
  const object = world.desired().objects.get(id);
  const acts = remainingActs(facts.acts, record);
  const annotations = hasActs(acts) ? formatActs(acts) : {};
  const publication: AgentPublication = { key, object, uid, generation, createdAtMs, annotations, status };
  memory.published.set(id, publication);
  world.publish.agent(publication);
  return { ...record, conditions: status.conditions, observedGeneration: settledGeneration(input) };
}

/** What was last known stays; whether it still holds is unknown, and says so. */
function publishUnknown({ world, published }: Memory, id: KeyString, nowMs: number): void {
  const last = published.get(id);
  if (!last) return;
  const status = unknownStatus(last.status, nowMs);
  world.publish.agent({ ...last, status });
}

/** Confirmed absent: only now does the inventory let go of it. */
async function forget(
  { world, prober, peers, lastPlans, outages, published, crashBudget, repeats }: Memory,
  key: ObjectKey,
): Promise<Result> {
  prober.sync(key, []);
  crashBudget.forget(key);
  repeats.forget(key);
  peers.delete(keyString(key));
  lastPlans.delete(keyString(key));
  outages.delete(keyString(key));
  published.delete(keyString(key));
  await world.store.records.delete(key);
  await world.store.annotations.delete(key);
  await world.store.inventory.delete(key);
  await world.store.addresses.release(`${key.namespace}/${key.name}`);
  world.publish.removed(key);
  world.enqueue(COLLECTION);
  for (const { key: other } of world.store.inventory.list())
    if (world.desired().pruned.has(keyString(other))) world.enqueue(other);
  // Its manifest may be back already: then it begins anew.
  return world.desired().objects.has(keyString(key)) ? { requeueAfterMs: 0 } : {};
}
