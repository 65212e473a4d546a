import type { Random } from '../fakes/random.ts';
import type { Fault, FaultRule, PodmanCall } from './faulty-podman.ts';

export interface Deaths {
  readonly rule: FaultRule;
  /** The calls at which somebody died. */
  calls(): readonly string[];
}

interface DeathsOptions {
  readonly random: Random;
  /** Of the calls that may be somebody's last, how many are. */
  readonly chance: number;
  readonly mayDie: (call: PodmanCall) => boolean;
  readonly kill: () => void;
}

/** As long as most calls take; a build takes seconds, and does something else in each part of them. */
const LONGEST_CALL_MS = 150;
const LONGEST_BUILD_MS = 2_000;
const DEATHS_OF_A_BUILD = 3;

/**
 * Each call that may be the last one of somebody is so once, a build a few times: before it, while it is made, or when it is
 * over and not yet heard of.
 */
export function deaths({ random, chance, mayDie, kill }: DeathsOptions): Deaths {
  const seen = new Map<string, number>();
  const died: string[] = [];
  const moment = (call: PodmanCall): Fault =>
    random.pick<Fault>([
      { type: 'DropBefore', onBreak: kill },
      {
        type: 'CutDuring',
        afterMs: random.int(0, isBuild(call) ? LONGEST_BUILD_MS : LONGEST_CALL_MS),
        onBreak: kill,
      },
      { type: 'CutAfterEffect', onBreak: kill },
    ]);
  return {
    rule: (call) => {
      const id = `${call.method} ${call.path} ${call.name}`.trim();
      const times = seen.get(id) ?? 0;
      if (times >= (isBuild(call) ? DEATHS_OF_A_BUILD : 1) || !mayDie(call)) return undefined;
      seen.set(id, times + 1);
      if (!random.chance(chance)) return undefined;
      const fault = moment(call);
      died.push(`${fault.type} ${id}`);
      return fault;
    },
    calls: () => died,
  };
}

const isBuild = ({ path }: PodmanCall): boolean => path === '/build';
