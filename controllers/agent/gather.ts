import type { Agent } from '../../src/api/agent.ts';
import { agentKey, keyString, type ObjectKey } from '../../src/api/key.ts';
import type { Gate } from '../../src/plan/graph.ts';
import type { Acts } from '../../src/state/acts.ts';
import { hashOf } from '../../src/state/canonical.ts';
import type { DesiredObject } from '../../src/state/desired.ts';
import { desiredDigest } from '../../src/state/desired-digest.ts';
import { isRunning, type ObservedAgent, type ObservedContainer } from '../../src/state/observed.ts';
import { factsOf } from '../../src/state/provision.ts';
import type { AgentRecord, Origin } from '../../src/state/record.ts';
import { resolveAgent } from '../../src/state/resolve.ts';
import type { MissingInput, ResolutionContext } from '../../src/state/resolver.ts';
import type { ContainerVerdict } from '../../src/state/verdict.ts';
import { desiredObject, type ReadableWorld } from '../world.ts';
import { asFound, awaitsWindow } from './adopted.ts';
import { changeGate, changeOf } from './change.ts';
import type { AgentFacts, Gating, Wish } from './facts.ts';
import { gatesOfMove, podGating, podToMoveTo, unitFacts } from './gather-unit.ts';
import { imageWish, marked } from './image.ts';
import { everyRecord, gatingOf, isOfChange, type Peers, rolloutSlot, type Slots } from './peers.ts';
import { unsupported } from './unsupported.ts';

export interface GatherInput {
  readonly world: ReadableWorld;
  readonly peers: Peers;
  readonly key: ObjectKey;
  readonly observed: ObservedAgent;
  readonly record: AgentRecord | undefined;
  readonly acts: Acts;
  readonly resolved: ResolvedWish;
  readonly noWayBack?: string | undefined;
  readonly verdictOf: (container: ObservedContainer) => ContainerVerdict | undefined;
}

/**
 * Reads everything that `decide` may look at, at one instant. Not async on purpose: whoever counts the peers that are
 * busy and then becomes one must do both before anybody else gets a turn.
 */
export function gather(input: GatherInput): AgentFacts {
  const { world, key, observed, verdictOf, peers, acts, resolved } = input;
  const change = followed(input);
  const object = desiredObject(world, 'Agent', keyString(key));
  const unit = unitFacts({ world, peers, key, record: input.record, spec: object?.manifest.spec });
  return {
    key,
    spec:
      object &&
      (awaitsWindow(world, key) ? asFound(object.manifest.spec, input.record) : object.manifest.spec),
    specHash: object?.specHash ?? input.record?.specHash ?? '',
    wish: resolved.wish,
    missing: resolved.missing,
    gating: updateGating(input, unit, change),
    ...(change !== undefined && { change }),
    bootGating: gatingOf(gatesOf(input, unit.fellows), peers),
    dependencyDown: object && dependencyDown(object, peers),
    ...(input.noWayBack !== undefined && { noWayBack: input.noWayBack }),
    suspended: object?.manifest.spec.suspend === true || acts.suspended !== undefined,
    acts,
    origin: object && originOf(world, object),
    observed,
    verdictOf,
    bootId: world.bootId,
    ...unit,
  };
}

/** Told as in the source, wherever on this host that lies. */
const originOf = ({ desired }: ReadableWorld, { position }: DesiredObject): Origin => {
  const { commit, origin } = desired();
  const { line } = position;
  const file = position.file.startsWith(`${origin}/`)
    ? position.file.slice(origin.length + 1)
    : position.file;
  return { file, line, ...(commit !== undefined && { commit }) };
};

export interface ResolvedWish {
  readonly wish?: Wish;
  readonly missing: readonly MissingInput[];
}

export async function resolveWish(world: ReadableWorld, agent: DesiredObject<Agent>): Promise<ResolvedWish> {
  const unmet = unsupported(agent.manifest) ?? awaitsWindow(world, agent.key);
  if (unmet) return { missing: [unmet] };
  const image = imageWish(agent, resolvable(world, agent));
  if ('missing' in image) return { missing: [image.missing] };
  const id = image.id ?? (await world.images.inspect(image.reference))?.id ?? '';
  // What is ready may be more by now.
  const context = resolvable(world, agent);
  const resolution = resolveAgent(context, { reference: image.reference, id });
  if (resolution.missing) return { missing: resolution.missing };
  const { template, holder } = resolution;
  const reloadDigest = reloadDigestOf(agent, context.provisions);
  const imageKnown = id !== '';
  const wish: Wish = {
    template,
    ...(holder && { holder }),
    imageKnown,
    reloadDigest,
    ...(image.aim && { image: marked(image.aim, imageKnown, context.installation) }),
  };
  return { wish, missing: [] };
}

const resolvable = (world: ReadableWorld, agent: DesiredObject<Agent>): ResolutionContext => ({
  agent,
  objects: world.desired().objects,
  provisions: world.provisions.all(),
  installation: world.installation(),
});

const NOTHING_MOUNTED = hashOf([]);

/** What the mounted files hold now; only agents with `reload` are told about it. */
function reloadDigestOf(
  { key, manifest, inputs }: DesiredObject<Agent>,
  provisions: ReturnType<ReadableWorld['provisions']['all']>,
): string {
  if (manifest.spec.volumes.length === 0) return NOTHING_MOUNTED;
  const digests = manifest.spec.volumes.map(({ configMap, hostPath }) => {
    if (hostPath) return inputs.digests[hostPath.path];
    const name = configMap?.name;
    return name === undefined
      ? undefined
      : factsOf(provisions, keyString({ kind: 'ConfigMap', namespace: key.namespace, name }), 'ConfigMap')
          ?.digest;
  });
  return hashOf(digests);
}

/**
 * A dependency gates updates and starts; a layer a start from not running, and updates of one change; an update also
 * needs a free slot, and a change that has not failed elsewhere.
 */
function updateGating(
  input: GatherInput,
  { fellows, pods }: Pick<AgentFacts, 'fellows' | 'pods'>,
  change: string | undefined,
): Gating {
  const { world, peers, key, record, observed, resolved } = input;
  const placed = { wish: resolved.wish, record };
  const housing = podGating(placed, pods);
  if (!housing.open) return housing;
  const pod = podToMoveTo(placed);
  const gates = gatesOf(input, fellows);
  if (record?.currentRevision === undefined || !observed.containers.some(isRunning))
    return gatingOf(gates, peers);
  const records = everyRecord(peers, world.store.records.list());
  const stop = changeGate(change, record, records);
  if (!stop.open) return stop;
  const gating = gatingOf(
    gates.filter((gate) => gate.from === 'dependsOn' || isOfChange(peers.get(gate.on), change)),
    peers,
  );
  return gating.open ? rolloutSlot(records, { ...slotsOf(world, key.namespace), own: pod }) : gating;
}

const gatesOf = (
  { world, key, record, resolved }: GatherInput,
  fellows: AgentFacts['fellows'],
): readonly Gate[] =>
  podToMoveTo({ wish: resolved.wish, record }) === undefined
    ? (world.graph().gates.get(keyString(key)) ?? [])
    : gatesOfMove(world.graph(), keyString(key), fellows);

const slotsOf = (world: ReadableWorld, namespace: string): Omit<Slots, 'own'> => ({
  namespace,
  limit: world.maxConcurrentRollouts,
  needsApproval: (key) =>
    desiredObject(world, 'Agent', keyString(key))?.manifest.spec.rollout.canary?.promotion === 'Manual',
});

/** A person's own undo is nobody else's change. */
const followed = ({ world, record, resolved, acts }: GatherInput): string | undefined =>
  acts.undoToRevision === undefined
    ? changeOf({
        record,
        wish: resolved.wish,
        digest: () => desiredDigest(world.installation(), world.desired().objects),
      })
    : undefined;

function dependencyDown({ key, manifest }: DesiredObject<Agent>, peers: Peers): string | undefined {
  const down = manifest.spec.dependsOn.find(({ name, condition }) => {
    const peer = peers.get(keyString(agentKey(key.namespace, name)));
    return (
      condition === 'Healthy' &&
      peer !== undefined &&
      !peer.ready &&
      peer.record.currentRevision !== undefined
    );
  });
  return down?.name;
}
