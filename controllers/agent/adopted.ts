import type { AgentSpec } from '../../src/api/agent.ts';
import { keyString, type ObjectKey } from '../../src/api/key.ts';
import type { AgentRecord } from '../../src/state/record.ts';
import type { MissingInput } from '../../src/state/resolver.ts';
import type { World } from '../world.ts';

/**
 * Its state was lost outside of a sync window: it runs, and nobody knows from which manifest. Until the window opens it is
 * looked after as it is, by the probes and the restart policy of the newest one, and follows nothing.
 */
export function awaitsWindow({ desired }: Pick<World, 'desired'>, key: ObjectKey): MissingInput | undefined {
  const { held } = desired();
  if (!held?.adopted.includes(keyString(key))) return undefined;
  return { reason: 'OutsideSyncWindow', message: held.message, terminal: false };
}

/** As many replicas as there were. */
export const asFound = (spec: AgentSpec, record: AgentRecord | undefined): AgentSpec => ({
  ...spec,
  replicas: Math.max(1, Object.keys(record?.replicas ?? {}).length),
});
