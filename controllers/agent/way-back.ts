import type { ObservedAgent, ObservedContainer } from '../../src/state/observed.ts';
import { labels } from '../../src/api/labels.ts';
import { secretPrefix } from '../../src/state/names.ts';
import type { AgentRecord, AgentState, Revision } from '../../src/state/record.ts';
import { type ContainerTemplate, podIn } from '../../src/state/template.ts';
import { wishHash } from '../../src/state/revision.ts';
import type { World } from '../world.ts';
import { attemptOf, findRevision, type Wish } from './facts.ts';

/** What of the world tells whether a revision can run again. */
export interface WayBackWorld extends Pick<World, 'installation'> {
  readonly images: Pick<World['images'], 'inspect'>;
  readonly podman: Pick<World['podman'], 'inspectPod' | 'listSecrets'>;
}

export interface WayBackSubject {
  readonly record: AgentRecord;
  readonly observed: ObservedAgent;
  readonly wish: Wish | undefined;
}

/**
 * Why the stable revision could not be gone back to, if so: a person's `podman system prune` takes kept containers
 * and their images, and nothing can pin them. Looked at before an update touches anything, so that it is told first.
 */
export async function noWayBack(
  world: WayBackWorld,
  { record, observed, wish }: WayBackSubject,
): Promise<string | undefined> {
  const stable = findRevision(record, record.stableRevision);
  if (!stable || isAtRest(record, wish)) return undefined;
  const { template } = stable;
  const isKept = containerOf(record, stable, observed) !== undefined;
  const hasImage = isKept || (await world.images.inspect(template.image.id)) !== undefined;
  // What was mounted is in the container since it was created; a variable is read again at every start.
  const secrets = isKept ? Object.values(template.secretEnv) : secretsOf(template);
  const lost = [
    ...(hasImage ? [] : [`container and image ${template.image.reference}`]),
    ...(await missingSecrets(world, secrets)).map((name) => `secret ${name}`),
    ...(await missingPod(world, template)).map((name) => `pod ${name}`),
  ];
  if (lost.length === 0) return undefined;
  return `no way back if this fails: of revision ${stable.id}, ${lost.join(', ')} are gone from Podman; was it pruned?`;
}

/** Where nothing is about to be replaced nobody needs a way back. */
const SETTLED: ReadonlySet<AgentState> = new Set<AgentState>([
  'Healthy',
  'Healing',
  'Degraded',
  'Completed',
  'RolledBack',
  'Terminating',
]);

function isAtRest(record: AgentRecord, wish: Wish | undefined): boolean {
  if (!SETTLED.has(record.state)) return false;
  if (!wish || wishHash(wish.template) !== record.wishHash) return wish === undefined;
  const target = findRevision(record, record.targetRevision);
  return !wish.imageKnown || target?.template.image.id === wish.template.image.id;
}

const containerOf = (
  record: AgentRecord,
  { id }: Revision,
  { containers }: ObservedAgent,
): ObservedContainer | undefined =>
  containers.find(
    ({ labels: found }) =>
      found[labels.revision] === id && found[labels.attempt] === String(attemptOf(record, id)),
  );

/** A container of it could not be made anywhere else. */
async function missingPod({ podman }: WayBackWorld, template: ContainerTemplate): Promise<readonly string[]> {
  const pod = podIn(template);
  return pod === undefined || (await podman.inspectPod(pod)) ? [] : [pod];
}

async function missingSecrets(
  { podman, installation }: WayBackWorld,
  names: readonly string[],
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const present = new Set(await podman.listSecrets(secretPrefix(installation())));
  return names.filter((name) => !present.has(name));
}

/** The Podman secrets that a container is made with. */
export const secretsOf = ({ secretEnv, mounts }: ContainerTemplate): readonly string[] => [
  ...Object.values(secretEnv),
  ...mounts.flatMap((mount) => (mount.type === 'secret' ? [mount.secret] : [])),
];
