import type { World } from '../controllers/world.ts';
import type { Agent } from './api/agent.ts';
import { keyString } from './api/key.ts';
import type { SourceStatus } from './api/source-status.ts';
import { APPLY_AT_ONCE, type SyncWindowStatus } from './api/sync-window.ts';
import type { AgentStatus, ConvergeView } from './api/status.ts';
import type { ObjectReader } from './server/backend.ts';
import { type DesiredObject, type DesiredState, desiredOf } from './state/desired.ts';
import { DIRECTORY_ABSENCE_MS } from './state/merge-desired.ts';

export interface ConvergenceParts {
  readonly world: World;
  readonly objects: ObjectReader;
  /** Something is being looked at, or waits to be: what is known may not be the newest. */
  readonly isBusy: () => boolean;
  readonly source: () => SourceStatus;
  readonly window: () => SyncWindowStatus;
}

const DONE: ReadonlySet<string> = new Set(['Monitoring', 'Healthy', 'Completed', 'Suspended']);

type Row = ConvergeView['waitingFor'][number];

/** Converged: every agent follows its manifest and serves; an optional one that does not is told, and holds nothing up. */
export function convergence(parts: ConvergenceParts): ConvergeView {
  const { world } = parts;
  const desired = world.desired();
  const window = parts.window();
  const busy = parts.isBusy();
  const source = parts.source();
  const agents = wantedAgents(desired);
  const behind = agents.flatMap((agent) => behindRow(parts, agent));
  const terminating = [...leavingRows(desired), ...prunedRows(world)];
  const problems = [...sourceProblems(source), ...problemsOf(world)];
  return {
    busy,
    converged:
      !busy &&
      behind.every(({ optional = false }) => optional) &&
      terminating.length === 0 &&
      problems.length === 0 &&
      desired.held === undefined,
    total: agents.length,
    healthy: agents.length - behind.length,
    waitingFor: [...behind, ...terminating, ...waitingForWindow(window)],
    problems,
    ...pruneBlockedOf(desired),
    source,
    window,
  };
}

function wantedAgents(desired: DesiredState): DesiredObject<Agent>[] {
  const leaving = new Set(desired.leaving);
  return desiredOf(desired, 'Agent').filter(({ key }) => !leaving.has(keyString(key)));
}

function behindRow(
  { world, objects }: ConvergenceParts,
  { key, manifest, specHash }: DesiredObject<Agent>,
): Row[] {
  const status = objects.get('Agent', key.namespace, key.name)?.status as AgentStatus | undefined;
  const record = world.store.records.get(key);
  const isDone =
    status !== undefined && DONE.has(status.phase) && (status.ready || status.phase !== 'Monitoring');
  if (isDone && record?.specHash === specHash) return [];
  const phase = status?.phase ?? 'Pending';
  const row = { object: keyString(key), phase, message: status?.message ?? '' };
  return [manifest.spec.required ? row : { ...row, optional: true }];
}

/** One that failed waits for nobody any more: without its manifest it only has to go. */
const leavingRows = ({ leaving = [] }: DesiredState): Row[] =>
  leaving.map((object) => ({
    object,
    phase: 'Terminating',
    message: `its manifest is gone; it is removed when that has lasted for ${DIRECTORY_ABSENCE_MS / 1_000} s`,
  }));

function prunedRows({ desired, store }: World): Row[] {
  const made = new Set(store.inventory.list().map(({ key }) => keyString(key)));
  return [...desired().pruned]
    .filter((id) => made.has(id))
    .map((object) => ({ object, phase: 'Terminating', message: 'its manifest is gone' }));
}

const pruneBlockedOf = ({
  pruneBlocked,
  awaitsConsent = [],
}: DesiredState): Pick<ConvergeView, 'pruneBlocked'> =>
  pruneBlocked === undefined ? {} : { pruneBlocked: { message: pruneBlocked, objects: awaitsConsent } };

const waitingForWindow = ({ waiting, message }: SyncWindowStatus): ConvergeView['waitingFor'] =>
  waiting.map((object) => ({
    object,
    phase: 'Waiting',
    message: `its change waits: ${message}; at once: ${APPLY_AT_ONCE}`,
  }));

/** An outage passes by itself, and what was applied before it is what should be. */
export const sourceProblems = (status: SourceStatus): string[] =>
  status.type === 'Git' && status.failure && status.failure.reason !== 'FetchFailed'
    ? [`${status.failure.reason}: ${status.failure.message}`]
    : [];

function problemsOf({ desired, provisions }: World): string[] {
  const unready = [...provisions.all()].flatMap(([id, provision]) =>
    provision.ready || !provision.terminal ? [] : [`${id}: ${provision.message}`],
  );
  return [...refusals(desired()), ...unready];
}

/** What of the manifests is not applied. */
export const refusals = ({ problems, pruneBlocked, frozen }: DesiredState): string[] => [
  ...problems.map(
    ({ message, position }) => `${position.file}:${position.line}:${position.column}: ${message}`,
  ),
  ...(pruneBlocked === undefined ? [] : [`PruneBlocked: ${pruneBlocked}`]),
  ...(frozen === undefined ? [] : [`frozen: ${frozen}`]),
];
