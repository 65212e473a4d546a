import type { AgentRecord } from '../../src/state/record.ts';
import { NEW_REPLICA } from '../../src/state/replica.ts';
import { A, B, containerOf, EXITED } from './agent-views.ts';

export const down = containerOf(B, 2, EXITED);
export const update = { currentRevision: A.id, stableRevision: A.id, targetRevision: B.id };
export const serving = { currentRevision: B.id, stableRevision: B.id, targetRevision: B.id };
export const failure = {
  operation: 'CreateContainer',
  reason: 'Conflict',
  message: 'is not ours',
  terminal: true,
  atMs: 0,
};
export const underWay: Partial<AgentRecord> = {
  rollouts: [{ revision: B.id, trigger: 'Manifest', changes: ['env'], startedAtMs: 1, outcome: 'UnderWay' }],
};
export const crashed: Partial<AgentRecord> = {
  replicas: {
    [`${B.id}-2-0`]: {
      ...NEW_REPLICA,
      joined: true,
      rolloutRestarts: 3,
      restarts: 4,
      crash: { failures: 3, notBeforeMs: 9 },
      lastExit: { containerId: down.id, code: 137, oomKilled: true, atMs: 9 },
    },
  },
};
