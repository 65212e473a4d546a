import { keyString } from '../src/api/key.ts';
import type { AgentDiff, DiffView } from '../src/api/status.ts';
import type { ReconcileContext } from '../src/manager/reconciler.ts';
import { type DesiredObject, type DesiredState, desiredOf } from '../src/state/desired.ts';
import type { ContainerTemplate } from '../src/state/template.ts';
import type { Agent } from '../src/api/agent.ts';
import { findRevision } from './agent/facts.ts';
import { resolveWish } from './agent/gather.ts';
import { dryWorld, manifestProblems, previewShared } from './preview.ts';
import { previewMoves } from './preview-pods.ts';
import type { World } from './world.ts';

/** What runs beside what the files ask for, agent by agent; nothing is touched. */
export async function previewDiff(
  real: World,
  desired: DesiredState,
  context: ReconcileContext,
): Promise<DiffView> {
  const world = dryWorld(real, desired, () => undefined);
  const problems = await previewShared(world, context);
  previewMoves(world);
  const agents: AgentDiff[] = [];
  for (const agent of desiredOf(desired, 'Agent')) agents.push(await diffOf(world, agent));
  const known = new Set(agents.map(({ object }) => object));
  const gone = world.store.records
    .list()
    .filter(({ key }) => !known.has(keyString(key)))
    .map(({ key }) => ({ object: keyString(key), ...runningOf(world, { key }) }));
  return { agents: [...agents, ...gone], problems: [...manifestProblems(desired), ...problems] };
}

async function diffOf(world: World, agent: DesiredObject<Agent>): Promise<AgentDiff> {
  const { wish, missing } = await resolveWish(world, agent);
  const { file, line } = agent.position;
  const common = { object: keyString(agent.key), origin: { file, line }, ...runningOf(world, agent) };
  if (!wish) return { ...common, problem: missing.map(({ message }) => message).join('; ') };
  return { ...common, wished: shown(wish.template) };
}

function runningOf(
  { store }: World,
  { key }: Pick<DesiredObject, 'key'>,
): Pick<AgentDiff, 'running' | 'revision'> {
  const record = store.records.get(key);
  const current = record && findRevision(record, record.currentRevision);
  return current ? { running: shown(current.template), revision: current.id } : {};
}

/** Secrets stand there by name. An image that is not here yet has no id. */
const shown = ({ secretEnv, image, ...rest }: ContainerTemplate): object => ({
  image: image.reference,
  imageId: image.id === '' ? '(not in local storage)' : image.id,
  ...rest,
  ...(Object.keys(secretEnv).length > 0 && { secretEnv }),
});
