import { newRecord } from '../../controllers/agent/decide.ts';
import type { AgentFacts, GroupPods, View, Wish } from '../../controllers/agent/facts.ts';
import { agentKey } from '../../src/api/key.ts';
import type { PodsFacts } from '../../src/state/provision.ts';
import type { AgentRecord, AgentState, Revision, UnitProgress } from '../../src/state/record.ts';
import { createRevision } from '../../src/state/revision.ts';
import { aView } from './agent-views.ts';
import { aTemplate } from './templates.ts';

/** Two pods of one group, of which the first is to be given up for the second, and one of another group. */
export const OLD_POD = 'ns.core-aaaaaaaa';
export const NEW_POD = 'ns.core-bbbbbbbb';
export const EDGE_POD = 'ns.edge-aaaaaaaa';

const livingIn = (pod: string): Revision =>
  createRevision(aTemplate({ network: { mode: 'pod', pod } }), `lives in ${pod}`, 0);
export const IN_OLD = livingIn(OLD_POD);
export const IN_NEW = livingIn(NEW_POD);
export const IN_EDGE = livingIn(EDGE_POD);
/** In no pod at all. */
export const ALONE = createRevision(aTemplate(), 'lives alone', 0);

export const wishFor = ({ template }: Revision): { readonly wish: Wish } => ({
  wish: { template, imageKnown: true, reloadDigest: '' },
});

export const wayTo = (pod: string, attempt = 1): UnitProgress => ({ pod, attempt, waits: false });
const waiting: UnitProgress = { pod: NEW_POD, attempt: 1, waits: true };

/** Moves from the old pod to the new one, unless something else is said. */
const moving: Partial<AgentRecord> = {
  revisions: [IN_OLD, IN_NEW, IN_EDGE, ALONE],
  currentRevision: IN_OLD.id,
  stableRevision: IN_OLD.id,
  targetRevision: IN_NEW.id,
  unit: wayTo(NEW_POD),
};
export const WAITS = { unit: waiting };
export const PROMOTED = { currentRevision: IN_NEW.id };
export const ARRIVED = { currentRevision: IN_NEW.id, stableRevision: IN_NEW.id };

/** A record without some of its optional fields. */
export function without(record: AgentRecord, ...fields: readonly (keyof AgentRecord)[]): AgentRecord {
  const left = Object.entries(record).filter(([field]) => !fields.some((one) => one === field));
  return Object.fromEntries(left) as unknown as AgentRecord;
}

/** Another member of the group, on its way like this one. */
export const fellow = (name: string, state: AgentState, change: Partial<AgentRecord> = {}): AgentRecord => ({
  ...newRecord({ key: agentKey('ns', name), specHash: 'hash' }, `uid-${name}`, 0),
  ...moving,
  state,
  ...change,
});

/** A group's pods as they were looked at. */
export const podsSeen = (seen?: Omit<PodsFacts, 'kind'>, name = 'core'): GroupPods => ({
  name,
  ...(seen && { seen: { kind: 'Pods', ...seen } }),
});

export interface Member {
  readonly record?: Partial<AgentRecord>;
  readonly lacks?: readonly (keyof AgentRecord)[];
  readonly facts?: Partial<AgentFacts>;
}

/** A member of the group on its way from the old pod to the new one, seen with its fellows. */
export function memberView(
  state: AgentState,
  { record, lacks = [], facts }: Member,
  fellows: readonly AgentRecord[] = [],
): View {
  const view = aView(state, {
    record: { ...moving, ...record },
    facts: { ...wishFor(IN_NEW), fellows, ...facts },
  });
  return { ...view, record: without(view.record, ...lacks) };
}
