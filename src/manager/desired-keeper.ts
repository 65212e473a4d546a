import { type KeyString, parseKey } from '../api/key.ts';
import type { SyncWindow } from '../api/sync-window.ts';
import { hashOf } from '../state/canonical.ts';
import { type DesiredObject, type DesiredState, EMPTY_DESIRED, type Snapshot } from '../state/desired.ts';
import { holdChanges } from '../state/hold-changes.ts';
import { type Merged, mergeDesired } from '../state/merge-desired.ts';
import type { Clock } from './clock.ts';

export interface DesiredKeeperOptions {
  readonly read: (known: ReadonlySet<KeyString>) => Promise<Snapshot>;
  /** Every object that we made and that is not known to be gone. */
  readonly inventory: () => readonly KeyString[];
  readonly approved: () => ReadonlySet<KeyString>;
  readonly onApprove: (keys: readonly KeyString[]) => Promise<void>;
  /** Consent was for one removal: it ends when the object is back, or gone. */
  readonly onApprovalEnd: (keys: readonly KeyString[]) => Promise<void>;
  /** Told before anybody acts on it. */
  readonly onDecision: (decided: Pick<DesiredState, 'objects' | 'pruned'>) => Promise<void>;
  readonly clock: Clock;
  readonly absenceMs: number;
  /** What a lost or damaged state would remove needs a person's consent, however little it is. */
  readonly mustAskBeforePruning: (key: KeyString) => boolean;
  /** Whether what is new may be applied now. */
  readonly window: () => SyncWindow;
  /** Of what is not in memory after a start: whether this is what was applied. */
  readonly wasApplied: (object: DesiredObject) => boolean;
  /** Whether it was found running after its state was lost, and nobody knows of what manifest. */
  readonly wasFound: (key: KeyString) => boolean;
  readonly onChange: (desired: DesiredState) => void;
}

export interface DesiredKeeper {
  current(): DesiredState;
  /** Reads the source anew; one reading at a time, and one more when asked meanwhile. */
  refresh(options?: RefreshOptions): Promise<void>;
  /** What a reading now would make of it, within a sync window or not; keeps nothing. */
  preview(): Promise<DesiredState>;
  close(): void;
}

export interface RefreshOptions {
  /** Somebody agrees to all that is gone. */
  readonly approvePrune?: boolean;
  /** Somebody agrees to the removal of these. */
  readonly approve?: readonly KeyString[];
  /** Somebody has what waits for a sync window applied at once. */
  readonly now?: boolean;
}

/** What a former life left behind. */
export interface Remembered {
  readonly lastGood: DesiredState['objects'];
  /** Whose removal began. */
  readonly pruned: ReadonlySet<KeyString>;
}

/** A window opens by the wall clock, which may be set meanwhile. */
const HELD_RECHECK_MS = 60_000;

/** Holds the one DesiredState: readings go in, and whoever cares is told when the meaning changed. */
export function createDesiredKeeper(options: DesiredKeeperOptions, remembered: Remembered): DesiredKeeper {
  let merged = beginWith(remembered);
  let told = '';
  let cancelRecheck = (): void => undefined;
  let running: Promise<void> = Promise.resolve();

  const merge = async (approvedPrunes: ReadonlySet<KeyString> | 'all'): Promise<Merged> => {
    const { clock, absenceMs, inventory } = options;
    const snapshot = await options.read(new Set(merged.desired.objects.keys()));
    const previous = merged.desired;
    const input = {
      previous,
      snapshot,
      inventory: inventory(),
      approvedPrunes,
      nowMs: clock.uptimeMs(),
      absenceMs,
    };
    const next = mergeDesired({ ...input, absentSinceMs: merged.absentSinceMs });
    return askFirst(options, { previous, merged: next, approved: approvedPrunes });
  };
  const hold = (next: Merged): Merged => {
    const window = options.window();
    if (window.open) return next;
    const { wasApplied, wasFound } = options;
    const holding = { previous: merged.desired, next: next.desired, window, wasApplied, wasFound };
    const desired = holdChanges(holding);
    return { ...next, desired };
  };
  const accept = (next: Merged): void => {
    merged = next;
    cancelRecheck();
    const delayMs = recheckDelayMs(options.clock, next.desired);
    if (delayMs !== undefined) cancelRecheck = options.clock.setTimer(delayMs, () => void refresh());
    const meaning = meaningOf(next.desired);
    if (meaning === told) return;
    told = meaning;
    options.onChange(next.desired);
  };
  const refreshOnce = async ({
    approvePrune = false,
    approve = [],
    now = false,
  }: RefreshOptions): Promise<void> => {
    const next = await merge(approvePrune ? 'all' : new Set([...options.approved(), ...approve]));
    // Also what is not absent for long enough yet: nobody agrees twice.
    if (approvePrune) await options.onApprove([...next.absentSinceMs.keys()]);
    else await options.onApprove(approve);
    await options.onApprovalEnd(outlived(options, next));
    const decided = now ? next : hold(next);
    await options.onDecision(decided.desired);
    accept(decided);
  };
  const refresh: DesiredKeeper['refresh'] = (wish = {}) => {
    const turn = running.then(() => refreshOnce(wish));
    running = turn.catch(() => undefined);
    return turn;
  };
  return {
    current: () => merged.desired,
    refresh,
    preview: async () => (await merge(options.approved())).desired,
    close: () => cancelRecheck(),
  };
}

/** A removal that began was absent for long enough, and is nobody's to start again. */
const beginWith = ({ lastGood, pruned }: Remembered): Merged => ({
  desired: {
    ...EMPTY_DESIRED,
    objects: new Map([...lastGood].filter(([key]) => !pruned.has(key))),
    pruned,
  },
  absentSinceMs: new Map([...pruned].map((key) => [key, Number.NEGATIVE_INFINITY])),
});

function recheckDelayMs(clock: Clock, { recheckAtMs, held }: DesiredState): number | undefined {
  const delays = [
    ...(recheckAtMs === undefined ? [] : [recheckAtMs - clock.uptimeMs()]),
    ...(held ? [Math.min(HELD_RECHECK_MS, (held.untilMs ?? Number.POSITIVE_INFINITY) - clock.now())] : []),
  ];
  return delays.length > 0 ? Math.min(...delays) : undefined;
}

function outlived(
  { approved, inventory }: DesiredKeeperOptions,
  { desired, absentSinceMs }: Merged,
): KeyString[] {
  const made = new Set(inventory());
  const isBack = (key: KeyString): boolean => desired.objects.has(key) && !absentSinceMs.has(key);
  return [...approved()].filter((key) => isBack(key) || !made.has(key));
}

interface Asking {
  readonly previous: DesiredState;
  readonly merged: Merged;
  readonly approved: ReadonlySet<KeyString> | 'all';
}

/** What nobody agreed to remove goes on being looked after, as it was. */
function askFirst(
  { mustAskBeforePruning }: DesiredKeeperOptions,
  { previous, merged, approved }: Asking,
): Merged {
  const { desired } = merged;
  const asked = approved === 'all' ? [] : [...desired.pruned].filter((key) => !approved.has(key));
  const refused = asked.filter(mustAskBeforePruning);
  if (refused.length === 0) return merged;
  const names = refused.map((key) => parseKey(key).name).join(', ');
  const pruneBlocked = `the state directory was lost or damaged; ${names} would be removed. Agree: rookery prune approve, or rookery apply --approve-prune`;
  const pruned = new Set([...desired.pruned].filter((key) => !refused.includes(key)));
  const kept = [...previous.objects].filter(([key]) => refused.includes(key));
  return {
    ...merged,
    desired: {
      ...desired,
      objects: new Map([...desired.objects, ...kept]),
      pruned,
      pruneBlocked,
      awaitsConsent: refused,
    },
  };
}

/** Two states of one meaning are told once: a rescan of unchanged files wakes nobody. */
function meaningOf(desired: DesiredState): string {
  const { objects, problems, stalled, pruned, pruneBlocked, awaitsConsent, frozen, held } = desired;
  return hashOf({
    objects: [...objects].map(([key, object]) => [key, object.specHash, object.inputs, object.position.file]),
    problems: problems.map(({ message, position }) => [message, position]),
    stalled: [...stalled.keys()],
    pruned: [...pruned],
    pruneBlocked,
    awaitsConsent,
    frozen,
    held,
  });
}

export const keysToVisit = (desired: DesiredState, inventory: readonly KeyString[]): KeyString[] => [
  ...new Set([...desired.objects.keys(), ...desired.pruned, ...inventory]),
];
