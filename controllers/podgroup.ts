import { keyString, type ObjectKey } from '../src/api/key.ts';
import { labels } from '../src/api/labels.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { type LivePod, type NewPod, planPods } from '../src/plan/plan-pods.ts';
import { portKey } from '../src/plan/ports.ts';
import { membersOf } from '../src/state/desired.ts';
import { isOurs, isPodOf, ownerLabels, ownFilter } from '../src/state/names.ts';
import type { ObservedContainer, ObservedPod } from '../src/state/observed.ts';
import { factsOf, type PodFacts, podsKey, type PodsFacts } from '../src/state/provision.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { podOf } from './agent/unit.ts';
import { refuseForeigner, refuseUnknownMembers } from './pod-guests.ts';
import { type Place, placeOf } from './pod-move.ts';
import { type ResolvedPod, resolvePod } from './pod-template.ts';
import { conflict, createSharedReconciler, perform, type Subject } from './shared.ts';
import type { World } from './world.ts';

/**
 * The pods that members live in: the one that the manifest asks for and, while the members are on the way to it, the one
 * that they come from. Which of them runs is for the members to say: see `placeOf`.
 */
export const createPodGroupReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, { kind: 'PodGroup', ensure: ensurePods, remove: removePods });

/** Make, stop and start, and a second look before a pod goes: what needs more is wrong, and the next run goes on with it. */
const MOST_ROUNDS = 6;

async function ensurePods(subject: Subject<'PodGroup'>): Promise<PodFacts> {
  const { world, object } = subject;
  const { key } = object;
  const seen = await look(world, key);
  tellPods(world, key, seen);
  const wanted = resolvePod(world, object);
  const { place, pods } = await settle(subject, wanted, seen);
  tellPods(world, key, pods);
  tellMove(world, key, place);
  const { name, hostsFile } = wanted;
  return {
    kind: 'PodGroup',
    podName: name,
    ...(hostsFile !== undefined && { hostsFile }),
    move: place.move,
  };
}

interface Settled {
  readonly place: Place;
  readonly pods: readonly LivePod[];
}

async function settle(
  subject: Subject<'PodGroup'>,
  wanted: ResolvedPod,
  seen: readonly LivePod[],
): Promise<Settled> {
  const { world, object, context } = subject;
  const { key } = object;
  let pods = seen;
  let isSure = false;
  for (let round = 1; ; round += 1) {
    const place = placeOf({ wanted: wanted.name, pods, sharers: sharersOf(world, key) });
    const { run, keep, cause, isTried } = place;
    const aim = {
      ...(isTried && { wanted: newPod(subject, wanted) }),
      ...(run !== undefined && { run }),
      keep,
      cause,
    };
    const plan = planPods(aim, pods);
    if (plan.operations.length === 0 || round > MOST_ROUNDS) return { place, pods };
    if (!isSure && plan.operations.some(({ type }) => type === 'RemovePod')) {
      pods = await lookAnew(world, key);
      isSure = true;
      continue;
    }
    refuseUnknownMembers(pods, wanted.name, plan.operations);
    await refuseStranger(subject, wanted, plan.operations);
    if (plan.operations.some(({ type }) => type === 'StopContainer')) tellPods(world, key, pods, run);
    await perform(world, key, plan.operations, context.signal);
    pods = await look(world, key);
    isSure = false;
  }
}

async function refuseStranger(
  { world, object }: Subject<'PodGroup'>,
  { name }: ResolvedPod,
  operations: readonly Operation[],
): Promise<void> {
  if (!operations.some(({ type }) => type === 'CreatePod')) return;
  const stranger = await world.podman.inspectPod(name);
  if (stranger && !isOurs(world.installation(), object.key, stranger.labels)) throw conflict(`pod ${name}`);
}

function newPod({ world, object, uid }: Subject<'PodGroup'>, pod: ResolvedPod): NewPod {
  const { name, revision, template } = pod;
  const own = ownerLabels(world.installation(), object.key, uid);
  const ports = template.ports.map(portKey).join(' ');
  return {
    name,
    template,
    labels: { ...own, [labels.revision]: revision, [labels.self]: name, [labels.ports]: ports },
  };
}

/** What cannot be taken back is decided on a look of this very moment: an event that told otherwise may be late. */
function lookAnew(world: World, key: ObjectKey): Promise<readonly LivePod[]> {
  for (const record of sharersOf(world, key)) world.observer.invalidate(record.key);
  return look(world, key);
}

/**
 * The pods of a group, with the containers that agents have in them. These first: who starts one starts its pod's infra
 * container before it, so that one which runs while that does not was left by it, and is not merely younger than the look.
 */
async function look(world: World, key: ObjectKey): Promise<readonly LivePod[]> {
  const containers = await Promise.all(
    sharersOf(world, key).map(async (record) => (await world.observer.observe(record.key)).containers),
  );
  const pods = await world.podman.listPods(ownFilter(world.installation(), key));
  return pods.map((pod) => ({ ...pod, members: containersIn(pod, containers.flat()) }));
}

const containersIn = ({ id }: ObservedPod, containers: readonly ObservedContainer[]): ObservedContainer[] =>
  containers.filter(({ podId }) => podId === id);

/** Its members, and whoever has left and may have to come back. */
function sharersOf(world: World, { namespace, name }: ObjectKey): readonly AgentRecord[] {
  const members = new Set(membersOf(world.desired(), namespace, name).map(({ key }) => keyString(key)));
  const isUsed = (record: AgentRecord): boolean =>
    [record.currentRevision, record.stableRevision].some((id) => {
      const pod = podOf(record, id);
      return pod !== undefined && isPodOf(namespace, name, pod);
    });
  return world.store.records
    .list()
    .filter(
      (record) =>
        record.key.namespace === namespace && (members.has(keyString(record.key)) || isUsed(record)),
    );
}

/** @param onlyRunning the pod that is about to run: until it does, nobody starts in another. */
function tellPods(world: World, key: ObjectKey, pods: readonly ObservedPod[], onlyRunning?: string): void {
  const present = pods.filter(({ infraId }) => infraId !== '').map(({ name }) => name);
  const running = pods.find(
    ({ name, infraState }) => infraState === 'running' && (onlyRunning === undefined || name === onlyRunning),
  );
  const ip = Object.values(running?.networks ?? {}).find((address) => address !== '');
  const facts: PodsFacts = {
    kind: 'Pods',
    present: present.sort(),
    ...(running && { running: { name: running.name, ...(ip !== undefined && { ip }) } }),
  };
  world.provisions.set(podsKey(key.namespace, key.name), { ready: true, facts });
}

/** Once for each turn that it takes; after a restart of the controller it goes on without a word. */
function tellMove({ provisions, store }: World, key: ObjectKey, { move }: Place): void {
  const before = factsOf(provisions.all(), keyString(key), 'PodGroup')?.move;
  if (!before || before.type === move.type) return;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
    store.events.record({ key, type, reason, message });
  switch (move.type) {
    case 'UnderWay':
      return tell('Normal', 'GroupMoving', move.message);
    case 'RolledBack':
      return tell('Warning', 'GroupRolledBack', move.message);
    case 'None':
      return tell('Normal', 'GroupStable', 'all its members are stable in its pod');
  }
}

async function removePods(
  world: World,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const found = await world.podman.listPods(ownFilter(world.installation(), key));
  for (const pod of found) await refuseForeigner(world, pod);
  const cause = 'its manifest was deleted';
  const operations = found.map(({ id, name }): Operation => ({ type: 'RemovePod', id, name, cause }));
  await perform(world, key, operations, signal);
  world.provisions.remove(podsKey(key.namespace, key.name));
}
