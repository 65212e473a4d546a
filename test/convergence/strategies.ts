import type { Random } from '../fakes/random.ts';
import type { Actor } from './manifests.ts';

/** How many containers an agent has, and how a new revision of it takes over. */
export interface Manner {
  readonly strategy: 'Recreate' | 'BlueGreen' | 'Canary';
  readonly replicas: number;
  readonly canaries: number;
  readonly promotion: 'Auto' | 'Manual';
}

const ALONE: Manner = { strategy: 'Recreate', replicas: 1, canaries: 1, promotion: 'Auto' };

/** What there is but one of, and what ends, has no place for two. */
const mayBeMany = ({ place, job }: Pick<Actor, 'place' | 'job'>): boolean =>
  (place === 'default' || place === 'extra') && !job;

export const isMany = ({ strategy, replicas }: Manner): boolean => strategy !== 'Recreate' || replicas > 1;

function aManner(random: Random): Manner {
  const strategy = random.pick(['Recreate', 'BlueGreen', 'Canary', 'Canary'] as const);
  const replicas = random.int(strategy === 'Canary' ? 2 : 1, 4);
  const canaries = random.int(1, Math.max(1, replicas - 1));
  return { strategy, replicas, canaries, promotion: random.chance(0.8) ? 'Auto' : 'Manual' };
}

export const firstManner = (random: Random, actor: Omit<Actor, 'manner'>): Manner =>
  mayBeMany(actor) && random.chance(0.5) ? aManner(random) : ALONE;

/** More or fewer replicas of the same. */
export function scaled(random: Random, actor: Actor): Actor {
  const { manner } = actor;
  const fewest = manner.strategy === 'Canary' ? manner.canaries + 1 : 1;
  return mayBeMany(actor) ? { ...actor, manner: { ...manner, replicas: random.int(fewest, 5) } } : actor;
}

export const mannered = (random: Random, actor: Actor): Actor =>
  mayBeMany(actor) ? { ...actor, manner: aManner(random) } : actor;

export const mannerSpec = ({ strategy, replicas, canaries, promotion }: Manner) => ({
  replicas,
  rollout: {
    strategy,
    drainSeconds: 3,
    ...(strategy === 'Canary' && { canary: { replicas: canaries, promotion } }),
  },
});
