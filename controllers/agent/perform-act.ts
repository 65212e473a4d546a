import type { ActRequest } from '../../src/api/act-request.ts';
import { type KeyString, keyString, type ObjectKey } from '../../src/api/key.ts';
import {
  type Acts,
  type ActsBasis,
  formatActs,
  hasActs,
  parseActs,
  standingActs,
} from '../../src/state/acts.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import { wishHash } from '../../src/state/revision.ts';
import type { Annotations } from '../../src/store/store.ts';
import { desiredObject, type World } from '../world.ts';
import { type Answer, answerTo } from './answer.ts';
import { remainingActs } from './asked.ts';
import { findRevision } from './facts.ts';
import { type ResolvedWish, resolveWish } from './gather.ts';
import { goneInputs, undoneWish } from './undo.ts';

/** What is asked of an agent: by its manifest, and by a person. */
export interface Asked {
  readonly acts: Acts;
  readonly basis: ActsBasis;
  readonly resolved: ResolvedWish;
}

interface Subject {
  readonly key: ObjectKey;
  readonly record: AgentRecord;
  readonly nowMs: number;
}

/** The only part of the facts that has to be waited for. */
export async function askedOf(world: World, { key, record, nowMs }: Subject): Promise<Asked> {
  const object = desiredObject(world, 'Agent', keyString(key));
  const manifests: ResolvedWish = object ? await resolveWish(world, object) : { missing: [] };
  const basis = {
    specHash: object?.specHash ?? record.specHash,
    wishHash: manifests.wish && wishHash(manifests.wish.template),
    nowMs,
  };
  const acts = standingActs(parseActs(world.store.annotations.get(key)?.values), basis);
  const undone = findRevision(record, acts.undoToRevision);
  return { acts, basis, resolved: undone ? await undoneWish(world, undone, manifests) : manifests };
}

/** Forgets what was carried out, once the record that says so is saved. */
export async function settleActs(world: World, basis: ActsBasis, record: AgentRecord): Promise<void> {
  const { annotations } = world.store;
  if (annotations.get(record.key) === undefined) return;
  await annotations.update(record.key, (stored) =>
    annotationsOf(record.key, remainingActs(standingActs(parseActs(stored?.values), basis), record)),
  );
}

const annotationsOf = (key: ObjectKey, acts: Acts): Annotations | undefined =>
  hasActs(acts) ? { key, values: formatActs(acts) } : undefined;

/** Takes down what a person asks for, if it makes sense now; the agent's own loop does it. */
export async function performAct(
  world: World,
  { key, request }: { readonly key: ObjectKey; readonly request: ActRequest },
  nowMs: number,
): Promise<Answer> {
  const id = keyString(key);
  const object = desiredObject(world, 'Agent', id);
  const record = world.store.records.get(key);
  if (!object || !record) return { refused: whyUnknown(world, id) };
  const { wish } = await resolveWish(world, object);
  const { specHash, manifest, position } = object;
  const basis = { specHash, wishHash: wish && wishHash(wish.template), nowMs };
  const situation = { record, spec: manifest.spec, position, wished: wish?.template, nowMs };
  const ask = (stored: Annotations | undefined): Answer => {
    const standing = standingActs(parseActs(stored?.values), basis);
    const acts = { ...standing, ...(basis.wishHash !== undefined && { wishHash: basis.wishHash }) };
    return answerTo(request, { ...situation, acts });
  };
  const gone = await goneFor(world, record, ask(world.store.annotations.get(key)));
  if (gone !== undefined) return { refused: gone };
  let answer: Answer = { refused: '' };
  await world.store.annotations.update(key, (stored) => {
    answer = ask(stored);
    return 'refused' in answer ? stored : annotationsOf(key, answer.acts);
  });
  if ('message' in answer) tell(world, key, request, (answer as { readonly message: string }).message);
  return answer;
}

const whyUnknown = ({ desired }: World, id: KeyString): string =>
  desired().objects.has(id)
    ? 'it was not looked at yet; try again in a moment'
    : 'its manifest is gone: there is nothing to act on';

/** The way back must be there before anybody sets out on it. */
async function goneFor(world: World, record: AgentRecord, answer: Answer): Promise<string | undefined> {
  const revision = 'acts' in answer ? findRevision(record, answer.acts.undoToRevision) : undefined;
  const gone = revision ? await goneInputs(world, revision) : [];
  return gone.length > 0 ? gone.map(({ message }) => message).join('; ') : undefined;
}

function tell(world: World, key: ObjectKey, { action }: ActRequest, message: string): void {
  world.store.events.record({
    key,
    type: 'Normal',
    reason: REASONS[action],
    message: `${message}: asked for by a person`,
  });
  world.enqueue(key);
}

const REASONS: Readonly<Record<ActRequest['action'], string>> = {
  undo: 'UndoRequested',
  pause: 'PauseRequested',
  resume: 'ResumeRequested',
  approve: 'ApprovalGiven',
  abort: 'AbortRequested',
  retry: 'RetryRequested',
  restart: 'RestartRequested',
  suspend: 'SuspendRequested',
  unsuspend: 'ResumeRequested',
};
