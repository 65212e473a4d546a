import { converge } from './run.ts';
import type { Script } from './script.ts';

/** A failing seed is worth some patience, not an evening. */
const MOST_TRIES = 150;

/** What is left of a story once everything is out of it that it does not need to break the same promise. */
export async function shrink(script: Script, complaint: string): Promise<Script> {
  const promise = nameOf(complaint);
  let triesLeft = MOST_TRIES;
  const stillFails = async (candidate: Script): Promise<boolean> => {
    triesLeft -= 1;
    const outcome = await converge(candidate);
    return outcome.complaint !== undefined && nameOf(outcome.complaint) === promise;
  };
  let smallest = script;
  const pass = async (): Promise<boolean> => {
    const before = smallest;
    for (const without of waysToShorten(smallest)) {
      const candidate = without(smallest);
      if (triesLeft > 0 && candidate && (await stillFails(candidate))) smallest = candidate;
    }
    return smallest !== before;
  };
  while (await pass());
  return smallest;
}

const nameOf = (complaint: string): string => complaint.split(':')[0] ?? complaint;

/** Nothing comes back where there is nothing to leave out. */
type Shorten = (script: Script) => Script | undefined;

/** Half of the steps first, then single ones, the last ones before those that led to them. */
function waysToShorten({ steps, troubles, agents }: Script): Shorten[] {
  const half = Math.ceil(steps.length / 2);
  const indexes = steps.map(({ index }) => index);
  const without =
    (gone: readonly number[]): Shorten =>
    (script) => {
      const left = script.steps.filter(({ index }) => !gone.includes(index));
      return left.length < script.steps.length ? { ...script, steps: left } : undefined;
    };
  return [
    without(indexes.slice(half)),
    without(indexes.slice(0, half)),
    ...[...indexes].reverse().map((index) => without([index])),
    ...troubles.map(
      (gone): Shorten =>
        (script) => ({ ...script, troubles: script.troubles.filter((trouble) => trouble !== gone) }),
    ),
    ...agents.map(
      (gone): Shorten =>
        (script) => ({ ...script, agents: script.agents.filter((agent) => agent !== gone) }),
    ),
  ];
}
