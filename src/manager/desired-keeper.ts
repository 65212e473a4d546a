import { type KeyString, parseKey } from '../api/key.ts';
import { hashOf } from '../state/canonical.ts';
import { type DesiredState, EMPTY_DESIRED, type Snapshot } from '../state/desired.ts';
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
  readonly clock: Clock;
  readonly absenceMs: number;
  /** What a lost or damaged state would remove needs a person's consent, however little it is. */
  readonly mustAskBeforePruning: boolean;
  readonly onChange: (desired: DesiredState) => void;
}

export interface DesiredKeeper {
  current(): DesiredState;
  /** Reads the source anew; one reading at a time, and one more when asked meanwhile. */
  refresh(options?: { readonly approvePrune?: boolean }): Promise<void>;
  /** What a reading now would make of it; keeps nothing. */
  preview(): Promise<DesiredState>;
  close(): void;
}

/** Holds the one DesiredState: readings go in, and whoever cares is told when the meaning changed. */
export function createDesiredKeeper(
  options: DesiredKeeperOptions,
  lastGood: DesiredState['objects'],
): DesiredKeeper {
  let merged: Merged = { desired: { ...EMPTY_DESIRED, objects: lastGood }, absentSinceMs: new Map() };
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
    return options.mustAskBeforePruning ? askFirst(previous, next, approvedPrunes) : next;
  };
  const accept = (next: Merged): void => {
    merged = next;
    cancelRecheck();
    const { recheckAtMs } = next.desired;
    if (recheckAtMs !== undefined) {
      cancelRecheck = options.clock.setTimer(recheckAtMs - options.clock.uptimeMs(), () => void refresh());
    }
    const meaning = meaningOf(next.desired);
    if (meaning === told) return;
    told = meaning;
    options.onChange(next.desired);
  };
  const refreshOnce = async (approvePrune: boolean): Promise<void> => {
    const next = await merge(approvePrune ? 'all' : options.approved());
    // Also what is not absent for long enough yet: nobody agrees twice.
    if (approvePrune) await options.onApprove([...next.absentSinceMs.keys()]);
    await options.onApprovalEnd(outlived(options, next));
    accept(next);
  };
  const refresh: DesiredKeeper['refresh'] = ({ approvePrune = false } = {}) => {
    const turn = running.then(() => refreshOnce(approvePrune));
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

function outlived(
  { approved, inventory }: DesiredKeeperOptions,
  { desired, absentSinceMs }: Merged,
): KeyString[] {
  const made = new Set(inventory());
  const isBack = (key: KeyString): boolean => desired.objects.has(key) && !absentSinceMs.has(key);
  return [...approved()].filter((key) => isBack(key) || !made.has(key));
}

/** What nobody agreed to remove goes on being looked after, as it was. */
function askFirst(previous: DesiredState, merged: Merged, approved: ReadonlySet<KeyString> | 'all'): Merged {
  const { desired } = merged;
  const refused = approved === 'all' ? [] : [...desired.pruned].filter((key) => !approved.has(key));
  if (refused.length === 0) return merged;
  const names = refused.map((key) => parseKey(key).name).join(', ');
  const pruneBlocked = `the state directory was lost or damaged; ${names} would be removed. Agree: rookery apply --approve-prune`;
  const pruned = new Set([...desired.pruned].filter((key) => !refused.includes(key)));
  const kept = [...previous.objects].filter(([key]) => refused.includes(key));
  return {
    ...merged,
    desired: { ...desired, objects: new Map([...desired.objects, ...kept]), pruned, pruneBlocked },
  };
}

/** Two states of one meaning are told once: a rescan of unchanged files wakes nobody. */
function meaningOf({ objects, problems, stalled, pruned, pruneBlocked, frozen }: DesiredState): string {
  return hashOf({
    objects: [...objects].map(([key, object]) => [key, object.specHash, object.inputs, object.position.file]),
    problems: problems.map(({ message, position }) => [message, position]),
    stalled: [...stalled.keys()],
    pruned: [...pruned],
    pruneBlocked,
    frozen,
  });
}

export const keysToVisit = (desired: DesiredState, inventory: readonly KeyString[]): KeyString[] => [
  ...new Set([...desired.objects.keys(), ...desired.pruned, ...inventory]),
];
