/** What a person is told of. */
export type Reason = 'Degraded' | 'RolledBack' | 'Failed' | 'PruneBlocked';

/** One object as it is now: in trouble, well, or on its way to either. */
export interface Standing {
  readonly object: string;
  readonly state:
    | { readonly type: 'Trouble'; readonly reason: Reason; readonly message: string }
    | { readonly type: 'Well' }
    | { readonly type: 'Between' };
}

export interface Notice {
  readonly object: string;
  readonly reason: Reason | 'Recovered';
  readonly message: string;
}

/** What was told of an object, and when; kept over restarts. */
export interface Told {
  readonly reason: Reason | 'Recovered';
  /** When each reason was told last. */
  readonly atMs: Readonly<Partial<Record<Reason, number>>>;
}

export type ToldOf = Readonly<Record<string, Told>>;

/** An object that fails, recovers and fails again within this is told of once. */
const WINDOW_MS = 15 * 60_000;

/** What is news against what was told. Level, not edge: looked at twice, or after a restart, it is told once. */
export function newsOf(standings: readonly Standing[], told: ToldOf, nowMs: number): Notice[] {
  return standings.flatMap(({ object, state }): Notice[] => {
    const before = told[object];
    if (state.type === 'Between') return [];
    if (state.type === 'Well') {
      if (before === undefined || before.reason === 'Recovered') return [];
      return [{ object, reason: 'Recovered', message: `was ${before.reason}` }];
    }
    const { reason, message } = state;
    const lastMs = before?.atMs[reason] ?? Number.NEGATIVE_INFINITY;
    // A clock that was set back tells nothing of how long ago that was.
    if (before?.reason === reason || (lastMs <= nowMs && nowMs - lastMs < WINDOW_MS)) return [];
    return [{ object, reason, message }];
  });
}

export function afterTelling(told: ToldOf, { object, reason }: Notice, nowMs: number): ToldOf {
  const atMs = { ...told[object]?.atMs, ...(reason !== 'Recovered' && { [reason]: nowMs }) };
  return { ...told, [object]: { reason, atMs } };
}

/** Of objects that are gone nothing need be remembered. */
export const onlyOf = (told: ToldOf, objects: ReadonlySet<string>): ToldOf =>
  Object.fromEntries(Object.entries(told).filter(([object]) => objects.has(object)));
