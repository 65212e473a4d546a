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

/** As long as most calls take. */
const LONGEST_CALL_MS = 150;

/** Each call that may be the last one of somebody is so once: before it, while it is made, or when it is over and not yet heard of. */
export function deaths({ random, chance, mayDie, kill }: DeathsOptions): Deaths {
  const seen = new Set<string>();
  const died: string[] = [];
  const moment = (): Fault =>
    random.pick<Fault>([
      { type: 'DropBefore', onBreak: kill },
      { type: 'CutDuring', afterMs: random.int(0, LONGEST_CALL_MS), onBreak: kill },
      { type: 'CutAfterEffect', onBreak: kill },
    ]);
  return {
    rule: (call) => {
      const id = `${call.method} ${call.path} ${call.name}`.trim();
      if (seen.has(id) || !mayDie(call)) return undefined;
      seen.add(id);
      if (!random.chance(chance)) return undefined;
      const fault = moment();
      died.push(`${fault.type} ${id}`);
      return fault;
    },
    calls: () => died,
  };
}
