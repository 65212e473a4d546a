import { newTally, type Tally } from './run.ts';

export interface Sum extends Tally {
  readonly stories: number;
  readonly failed: number;
}

export const NOTHING: Sum = {
  stories: 0,
  failed: 0,
  ...newTally(),
};

export function add(sum: Sum, { tally, complaint }: { tally: Tally; complaint?: string }): Sum {
  const faults = { ...sum.faults };
  for (const [kind, count] of Object.entries(tally.faults)) faults[kind] = (faults[kind] ?? 0) + count;
  return {
    stories: sum.stories + 1,
    failed: sum.failed + (complaint === undefined ? 0 : 1),
    calls: sum.calls + tally.calls,
    changes: sum.changes + tally.changes,
    places: sum.places + tally.places,
    steps: sum.steps + tally.steps,
    crashes: sum.crashes + tally.crashes,
    faults,
    situations: new Set([...sum.situations, ...tally.situations]),
    deaths: new Set([...sum.deaths, ...tally.deaths]),
  };
}

/** One line, for whoever reads only the last. */
export function summaryOf(sum: Sum, tookMs: number): string {
  const faults = Object.entries(sum.faults)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([kind, count]) => `${kind} ${count}`);
  return [
    `${sum.stories} seeds, ${sum.failed} failed, ${sum.steps} steps, ${sum.crashes} crashes`,
    `${sum.situations.size} situations, ${sum.deaths.size} places of death`,
    `${sum.calls} calls and ${sum.changes} writes watched, ${(tookMs / 1000).toFixed(1)} s`,
    `faults: ${faults.join(', ')}`,
  ].join('; ');
}
