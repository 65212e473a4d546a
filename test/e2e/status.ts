import type { Condition } from '../../src/api/conditions.ts';
import type { AgentStatus } from '../../src/api/status.ts';
import { type Site, untilAgents } from './site.ts';
import { until } from './until.ts';

export const isStable = ({ phase, ready }: AgentStatus): boolean => phase === 'Healthy' && ready;

/** All of them, and the controller is at rest: it says that a revision is stable just before it removes the one before. */
export async function untilStable(site: Site, count: number, limitMs?: number): Promise<void> {
  await untilAgents(site, count, isStable, limitMs);
  await untilAtRest(site);
}

/** Nothing is looked at, nor waits to be: what was decided is done. */
export const untilAtRest = ({ get }: Site): Promise<boolean> =>
  until(
    'the controller is at rest',
    async () => !(await get<{ busy: boolean }>('/apis/rookery.dev/v1alpha1/convergence')).busy,
  );

export const conditionOf = ({ conditions }: AgentStatus, type: string): Condition | undefined =>
  conditions.find((condition) => condition.type === type);
