import { WaitingError } from '../src/api/errors.ts';
import { keyString, type ObjectKey } from '../src/api/key.ts';
import { labels } from '../src/api/labels.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { hashOf } from '../src/state/canonical.ts';
import { isOurs, ownerLabels, ownFilter, podName } from '../src/state/names.ts';
import { ownEntry } from '../src/state/own-entry.ts';
import type { ObservedPod } from '../src/state/observed.ts';
import { factsOf, type PodFacts } from '../src/state/provision.ts';
import { publishedPorts } from '../src/state/resolve.ts';
import { networksOf } from '../src/state/resolve-network.ts';
import type { NetworkAttachment, PodTemplate, PublishedPort } from '../src/state/template.ts';
import { conflict, createSharedReconciler, perform, type Subject } from './shared.ts';
import type { World } from './world.ts';

/**
 * The pod that members live in, named by what it is: another network or port is another pod, because containers
 * cannot move. The members follow by themselves; their revisions name the pod.
 */
export const createPodGroupReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, { kind: 'PodGroup', ensure: ensurePod, remove: removePods });

async function ensurePod(subject: Subject<'PodGroup'>): Promise<PodFacts> {
  const { world, object, uid, context } = subject;
  const { template, hostsFile } = podTemplate(subject);
  const revision = hashOf(template).slice(0, 8);
  const name = podName(object.key.namespace, object.key.name, revision);
  const found = await world.podman.listPods(ownFilter(world.installation(), object.key));
  const wanted = found.find((pod) => pod.name === name);
  const broken = wanted && !usable(wanted) ? [removal(wanted, 'its infra container is not running')] : [];
  const others = found.filter((pod) => pod.name !== name);
  const making = usable(wanted) ? [] : [create(subject, { name, template, uid, revision })];
  const operations: Operation[] = [
    ...(usable(wanted) ? [] : freePorts(template, found)),
    ...broken,
    ...making,
    ...others.map((pod) => removal(pod, 'its pod group changed')),
  ];
  if (operations.length > 0) {
    const stranger = wanted ? undefined : await world.podman.inspectPod(name);
    if (stranger && !isOurs(world.installation(), object.key, stranger.labels)) throw conflict(`pod ${name}`);
    await perform(world, object.key, operations, context.signal);
  }
  return podFacts(world, { key: object.key, name, revision, hostsFile, template }, context.signal);
}

/** An infra that died left its members in a network namespace that nobody can reach: only a new pod helps. */
const usable = (pod: ObservedPod | undefined): boolean =>
  pod?.infraState === 'running' || pod?.infraState === 'created';

/** Everything that can fail comes before the old pod goes; a port that it holds itself is free once it is gone. */
function freePorts({ ports }: PodTemplate, found: readonly ObservedPod[]): Operation[] {
  const held = new Set(found.flatMap((pod) => (pod.labels[labels.ports] ?? '').split(' ')));
  const cause = 'is published by the new pod';
  return ports
    .filter((port) => !held.has(portText(port)))
    .map((port) => ({ type: 'CheckPort', port, cause }));
}

const portText = ({ hostPort, protocol }: PublishedPort): string => `${hostPort}/${protocol}`;

const removal = ({ id, name }: ObservedPod, cause: string): Operation => ({
  type: 'RemovePod',
  id,
  name,
  cause,
});

interface NewPod {
  readonly name: string;
  readonly template: PodTemplate;
  readonly uid: string;
  readonly revision: string;
}

function create(
  { world, object }: Subject<'PodGroup'>,
  { name, template, uid, revision }: NewPod,
): Operation {
  const own = ownerLabels(world.installation(), object.key, uid);
  return {
    type: 'CreatePod',
    name,
    template,
    labels: {
      ...own,
      [labels.revision]: revision,
      [labels.self]: name,
      [labels.ports]: template.ports.map(portText).join(' '),
    },
    cause: 'is not there',
  };
}

interface NamedPod {
  readonly key: ObjectKey;
  readonly name: string;
  readonly revision: string;
  readonly hostsFile: string | undefined;
  readonly template: PodTemplate;
}

/** The infra is started by itself, never by `pods/start`: that also starts members that were kept stopped. */
async function podFacts(
  world: World,
  { key, name, revision, hostsFile, template }: NamedPod,
  signal: AbortSignal,
): Promise<PodFacts> {
  const pod = await world.podman.inspectPod(name);
  if (!pod) throw new Error(`pod ${name} vanished right after it was created`);
  if (pod.infraState !== 'running')
    await perform(
      world,
      key,
      [{ type: 'StartContainer', name: pod.infraId, cause: 'holds the namespaces of its pod' }],
      signal,
    );
  const started = (await world.podman.inspectPod(name)) ?? pod;
  const ip = template.network.mode === 'bridge' ? template.network.networks[0]?.ip : undefined;
  return {
    kind: 'PodGroup',
    podName: name,
    revision,
    infraPid: started.infraPid,
    ...(ip !== undefined && { ip }),
    ...(hostsFile !== undefined && { hostsFile }),
  };
}

function podTemplate({ world, object }: Subject<'PodGroup'>): {
  template: PodTemplate;
  hostsFile: string | undefined;
} {
  const { spec } = object.manifest;
  const { network, hostsFile } = spec.hostNetwork
    ? { network: { mode: 'host' } as const, hostsFile: undefined }
    : bridge(world, object);
  const template: PodTemplate = {
    network,
    ports: publishedPorts(spec.ports, !spec.hostNetwork),
    hostname: object.key.name,
    sharedNamespaces: spec.sharedNamespaces,
    mounts: [],
  };
  return { template, hostsFile };
}

function bridge(
  world: World,
  { key, manifest }: Subject<'PodGroup'>['object'],
): { network: Extract<NetworkAttachment, { mode: 'bridge' }>; hostsFile: string | undefined } {
  const attached = networksOf(manifest.spec.networks).map((network) => {
    const id = keyString({ kind: 'Network', namespace: key.namespace, name: network });
    const facts = factsOf(world.provisions.all(), id, 'Network');
    const ip = facts && ownEntry(facts.addresses, key.name);
    if (!facts || ip === undefined)
      throw new WaitingError('NetworkNotReady', `network ${network} is not ready yet`, 1_000);
    return {
      facts,
      attachment: { name: facts.podmanName, ip, aliases: [key.name, `${key.name}.${key.namespace}`] },
    };
  });
  return {
    network: { mode: 'bridge', networks: attached.map(({ attachment }) => attachment) },
    hostsFile: attached[0]?.facts.hostsFile,
  };
}

async function removePods(
  world: World,
  key: ObjectKey,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  const found = await world.podman.listPods(ownFilter(world.installation(), key));
  await perform(
    world,
    key,
    found.map((pod) => removal(pod, 'its manifest was deleted')),
    signal,
  );
}
