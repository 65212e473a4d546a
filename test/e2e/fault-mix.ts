import { createRandom } from '../fakes/random.ts';
import type { Fault, FaultRule, PodmanCall } from './faulty-podman.ts';

export interface FaultMix {
  readonly rule: FaultRule;
  /** How often each fault happened. */
  tally(): Readonly<Record<string, number>>;
}

/** Its answer has no end, so nothing can come after it. */
const isStream = ({ path }: PodmanCall): boolean => path === '/events' || path.endsWith('/logs');

/** Any call may go wrong in any way, `chance` of them do; which ones is the seed's to say. */
export function faultMix(seed: number, chance: number): FaultMix {
  const random = createRandom(seed);
  const counts: Record<string, number> = {};
  const choices = (): readonly [Fault, ...Fault[]] => [
    { type: 'DropBefore' },
    { type: 'CutDuring', afterMs: random.int(0, 150) },
    { type: 'CutAfterEffect' },
    { type: 'Refuse' },
    { type: 'Delay', ms: random.int(10, 1_000) },
    { type: 'HalfAnswer' },
    { type: 'SlowBody', pauseMs: random.int(1, 30) },
  ];
  return {
    rule: (call) => {
      if (!random.chance(chance)) return undefined;
      const fault = isStream(call)
        ? ({ type: 'CutDuring', afterMs: random.int(0, 2_000) } as const)
        : random.pick(choices());
      counts[fault.type] = (counts[fault.type] ?? 0) + 1;
      return fault;
    },
    tally: () => ({ ...counts }),
  };
}
