import { type KeyString, keyString, parseKey } from '../api/key.ts';
import type { DesiredObject, DesiredState, ManifestProblem, Snapshot } from './desired.ts';
import { neededBy } from './needed.ts';

export interface MergeInput {
  readonly previous: DesiredState;
  readonly snapshot: Snapshot;
  /** Every object that we made and that is not known to be gone. */
  readonly inventory: readonly KeyString[];
  /** What a person agreed to remove although the guards refuse. */
  readonly approvedPrunes: ReadonlySet<KeyString> | 'all';
  readonly nowMs: number;
  /** Since when each absent object was missed; what the last merge returned. */
  readonly absentSinceMs: ReadonlyMap<KeyString, number>;
  /** How long an absence must last: 10 s for a directory, which may be caught half-written; 0 for a commit. */
  readonly absenceMs: number;
}

export interface Merged {
  readonly desired: DesiredState;
  readonly absentSinceMs: ReadonlyMap<KeyString, number>;
}

export const DIRECTORY_ABSENCE_MS = 10_000;

/** So many objects go without a question, however small the inventory. */
const FREE_REMOVALS = 3;
const FREE_FRACTION = 0.3;
const MAX_NAMED = 5;

/**
 * What should be, after another reading of the source. Nothing that could not be read well changes or removes
 * anything; what is gone for certain is `pruned`, unless so much is gone that a person must agree.
 */
export function mergeDesired(input: MergeInput): Merged {
  const { previous, snapshot } = input;
  if (snapshot.rootError !== undefined) return freeze(previous, snapshot, snapshot.rootError);
  const stalled = stalledObjects(previous, snapshot);
  const absence = confirmAbsence(input, stalled);
  const guard = guardPrunes(input, dispensable(input, { stalled, confirmed: absence.confirmed }));
  const kept = [...previous.objects].filter(([key]) => !guard.pruned.has(key));
  const desired: DesiredState = {
    objects: sorted(new Map([...kept, ...[...snapshot.objects].filter(([key]) => !stalled.has(key))])),
    problems: snapshot.problems,
    stalled: sorted(stalled),
    pruned: guard.pruned,
    origin: snapshot.origin,
    ...(snapshot.commit !== undefined && { commit: snapshot.commit }),
    ...(guard.blocked && { pruneBlocked: guard.blocked.message, awaitsConsent: guard.blocked.refused }),
    ...(absence.recheckAtMs !== undefined && { leaving: absence.leaving, recheckAtMs: absence.recheckAtMs }),
  };
  return { desired, absentSinceMs: absence.sinceMs };
}

/** Nothing is known while the root is away: what was desired stays, and absences are counted anew afterwards. */
function freeze(previous: DesiredState, snapshot: Snapshot, frozen: string): Merged {
  const { objects, problems, stalled, commit } = previous;
  const desired = {
    objects,
    problems,
    stalled,
    pruned: new Set<KeyString>(),
    origin: snapshot.origin,
    ...(commit !== undefined && { commit }),
    frozen,
  };
  return { desired, absentSinceMs: new Map() };
}

const sorted = <T>(map: ReadonlyMap<KeyString, T>): Map<KeyString, T> =>
  new Map([...map].sort(([left], [right]) => (left < right ? -1 : 1)));

/** Every object that is in the source and cannot be taken from it, and why; also those that never ran. */
function stalledObjects(previous: DesiredState, snapshot: Snapshot): Map<KeyString, ManifestProblem> {
  const stalled = new Map<KeyString, ManifestProblem>();
  for (const problem of snapshot.problems) {
    const key = problem.key && keyString(problem.key);
    if (key !== undefined && !stalled.has(key) && !snapshot.objects.has(key)) stalled.set(key, problem);
  }
  for (const [key, object] of previous.objects) {
    const now = snapshot.objects.get(key);
    if (stalled.has(key) || now?.position.file === object.position.file) continue;
    const hides = now ? mayHideOverride : mayHide;
    const problem = snapshot.problems.find((candidate) => hides(candidate, object, previous));
    if (problem) stalled.set(key, problem);
  }
  return stalled;
}

/** It is there, from another file: the one that took its place may only be unreadable right now. */
const mayHideOverride = (problem: ManifestProblem, object: DesiredObject): boolean =>
  problem.key === undefined && problem.position.file === object.position.file;

/** A broken document may be any object of its file; one with a new name may be one that was just renamed. */
function mayHide(problem: ManifestProblem, object: DesiredObject, previous: DesiredState): boolean {
  if (problem.position.file !== object.position.file) return false;
  if (!problem.key) return true;
  return problem.key.kind === object.key.kind && !previous.objects.has(keyString(problem.key));
}

interface Absence {
  readonly confirmed: readonly KeyString[];
  readonly leaving: readonly KeyString[];
  readonly sinceMs: ReadonlyMap<KeyString, number>;
  readonly recheckAtMs?: number;
}

function confirmAbsence(input: MergeInput, stalled: ReadonlyMap<KeyString, unknown>): Absence {
  const { previous, snapshot, inventory, nowMs, absenceMs } = input;
  if (!snapshot.complete) return { confirmed: [], leaving: [], sinceMs: new Map() };
  const known = new Set([...previous.objects.keys(), ...inventory]);
  const absent = [...known].filter((key) => !snapshot.objects.has(key) && !stalled.has(key)).sort();
  const sinceMs = new Map(absent.map((key) => [key, input.absentSinceMs.get(key) ?? nowMs]));
  const dueAtMs = (key: KeyString): number => (sinceMs.get(key) ?? nowMs) + absenceMs;
  const confirmed = absent.filter((key) => dueAtMs(key) <= nowMs);
  const leaving = absent.filter((key) => dueAtMs(key) > nowMs);
  const recheck = leaving.length > 0 && { recheckAtMs: Math.min(...leaving.map(dueAtMs)) };
  return { confirmed, leaving, sinceMs, ...recheck };
}

interface Leavetaking {
  readonly stalled: ReadonlyMap<KeyString, unknown>;
  readonly confirmed: readonly KeyString[];
}

/** What runs from its last good spec, or is gone for a shorter time, keeps what it needs: half an edit takes nothing away. */
function dispensable(
  { previous: { objects }, snapshot }: MergeInput,
  { stalled, confirmed }: Leavetaking,
): readonly KeyString[] {
  const gone = new Set(confirmed);
  const isRead = (key: KeyString): boolean => snapshot.objects.has(key) && !stalled.has(key);
  const staying = [...objects].flatMap(([key, object]) => (gone.has(key) || isRead(key) ? [] : [object]));
  const needed = neededBy(staying, objects);
  return confirmed.filter((key) => !needed.has(key));
}

interface Guard {
  readonly pruned: ReadonlySet<KeyString>;
  readonly blocked?: { readonly message: string; readonly refused: readonly KeyString[] };
}

/** A removal that was let through once is not asked about again while it is carried out. */
function guardPrunes(input: MergeInput, confirmed: readonly KeyString[]): Guard {
  const { approvedPrunes, previous, snapshot } = input;
  const isApproved = (key: KeyString): boolean =>
    approvedPrunes === 'all' || approvedPrunes.has(key) || snapshot.approvedPrunes?.has(key) === true;
  const unasked = confirmed.filter((key) => !isApproved(key));
  const why = refusal(input, unasked);
  if (why === undefined) return { pruned: new Set(confirmed) };
  const refused = unasked.filter((key) => !previous.pruned.has(key));
  if (refused.length === 0) return { pruned: new Set(confirmed) };
  const held = new Set(refused);
  return {
    pruned: new Set(confirmed.filter((key) => !held.has(key))),
    blocked: {
      message: `${why}; nothing of ${listed(refused)} is removed. Put the manifests back, or agree: rookery prune approve, or rookery apply --approve-prune`,
      refused,
    },
  };
}

function refusal({ snapshot, inventory }: MergeInput, removals: readonly KeyString[]): string | undefined {
  if (removals.length === 0) return undefined;
  if (snapshot.objects.size === 0) return `there is no manifest left in ${snapshot.origin}`;
  const limit = Math.max(FREE_REMOVALS, Math.floor(inventory.length * FREE_FRACTION));
  if (removals.length <= limit) return undefined;
  return `${removals.length} of ${inventory.length} objects are gone from ${snapshot.origin}, and more than ${limit} at once need consent`;
}

function listed(keys: readonly KeyString[]): string {
  const names = keys.slice(0, MAX_NAMED).map((key) => {
    const { kind, namespace, name } = parseKey(key);
    return `${kind} ${namespace}/${name}`;
  });
  const rest = keys.length - names.length;
  return rest > 0 ? `${names.join(', ')} and ${rest} more` : names.join(', ');
}
