import type { Agent } from '../src/api/agent.ts';
import { keyString, type ObjectKey } from '../src/api/key.ts';
import type { PlanView } from '../src/api/status.ts';
import { isOutdated } from '../src/plan/plan-holder.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import { differences } from '../src/state/differences.ts';
import { holderTemplateOf } from '../src/state/holder.ts';
import type { ObservedAgent } from '../src/state/observed.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { revisionId } from '../src/state/revision.ts';
import { attemptOf, findRevision, type Wish } from './agent/facts.ts';
import { resolveWish } from './agent/gather.ts';
import { isRollingOut } from './agent/machine.ts';
import { refOf } from './agent/replicas.ts';
import { desiredObject, type World } from './world.ts';

type Change = PlanView['changes'][number];

/** What an agent's loop would do about its manifest, in a person's words. */
export async function previewAgent(world: World, key: ObjectKey): Promise<Change[]> {
  const agent = desiredObject(world, 'Agent', keyString(key));
  if (!agent) return [];
  const record = world.store.records.get(key);
  const { wish, missing } = await resolveWish(world, agent);
  const said = wish
    ? await changesOf(world, { agent, record, wish })
    : waits(record, agent.specHash, missing.map(({ message }) => message).join('; '));
  return said.map((change) => ({ object: keyString(key), ...change }));
}

type Said = Omit<Change, 'object'>;

const FIRST_DEPLOY: readonly Said[] = [{ operation: 'create container', cause: 'first deploy' }];

function waits(record: AgentRecord | undefined, specHash: string, missing: string): readonly Said[] {
  if (!record || !targetOf(record)) return FIRST_DEPLOY;
  return record.specHash === specHash ? [] : [{ operation: 'update', cause: missing }];
}

const targetOf = (record: AgentRecord) =>
  findRevision(record, record.targetRevision ?? record.currentRevision);

interface Subject {
  readonly agent: DesiredObject<Agent>;
  readonly record: AgentRecord | undefined;
  readonly wish: Wish;
}

async function changesOf(world: World, { agent, record, wish }: Subject): Promise<readonly Said[]> {
  const target = record && targetOf(record);
  if (!record || !target) return FIRST_DEPLOY;
  const { template, imageKnown } = wish;
  const isSame = revisionId(template) === revisionId(target.template);
  if (imageKnown && isSame && isRollingOut(record.state))
    return [{ operation: `under way (${record.state})`, cause: target.cause }];
  const observed = await world.observer.observe(agent.key);
  const wanted = agent.manifest.spec.replicas;
  const scaled = record.state === 'Completed' ? [] : scaling(wanted, replicasOf(record, observed));
  const cause = differences(target.template, template).join('; ');
  const beside = [...scaled, ...holderChanges(wish, observed)];
  if (!imageKnown) return [{ operation: 'build or pull image, recreate container', cause }, ...beside];
  if (!isSame) return [{ operation: 'recreate container', cause }, ...beside];
  const rests = record.state === 'Completed' || wanted === 0 || scaled.length > 0;
  return rests || observed.containers.some(({ state }) => state === 'running')
    ? beside
    : [{ operation: 'start container', cause: 'it does not run' }, ...beside];
}

function scaling(wanted: number, now: number): readonly Said[] {
  if (wanted === now) return [];
  const operation = `scale ${wanted > now ? 'up' : 'down'} to ${wanted}`;
  return [{ operation, cause: `replicas changed ${now} → ${wanted}` }];
}

/** How many there are, or were to be there when it was looked at last: one that somebody removed comes back. */
function replicasOf(record: AgentRecord, { containers }: ObservedAgent): number {
  const { currentRevision: revision = '' } = record;
  const prefix = `${revision}-${attemptOf(record, revision)}-`;
  const remembered = Object.keys(record.replicas)
    .filter((id) => id.startsWith(prefix))
    .map((id) => Number(id.slice(prefix.length)));
  const found = containers
    .map(refOf)
    .filter((ref) => ref.revision === revision)
    .map(({ ordinal }) => ordinal);
  return 1 + Math.max(-1, ...remembered, ...found);
}

/** Its ports and networks are no part of a revision: no replica is replaced for them. */
function holderChanges({ template, holder }: Wish, observed: ObservedAgent): readonly Said[] {
  const found = observed.holder?.container;
  const before = found && holderTemplateOf(found);
  if (!before || !holder || !isOutdated(found, holder)) return [];
  const shown = ({ ports, networks }: typeof holder) => ({
    ...template,
    ports,
    network: { mode: 'bridge' as const, networks },
  });
  return [
    {
      operation: 'replace the holder of its name',
      cause: differences(shown(before), shown(holder)).join('; '),
    },
  ];
}
