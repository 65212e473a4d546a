import type { Condition } from '../../src/api/conditions.ts';
import type { AgentStatus } from '../../src/api/status.ts';
import { type Site, untilAgents } from './site.ts';

export const isStable = ({ phase, ready }: AgentStatus): boolean => phase === 'Healthy' && ready;

export const untilStable = (site: Site, count: number, limitMs?: number): Promise<void> =>
  untilAgents(site, count, isStable, limitMs);

export const conditionOf = ({ conditions }: AgentStatus, type: string): Condition | undefined =>
  conditions.find((condition) => condition.type === type);
