import type { AgentRecord } from './record.ts';
import { NEW_REPLICA, type ReplicaRecord, replicaId } from './replica.ts';

/** Before an agent could have several replicas its record held what is now one of `replicas`. */
type SingleRecord = Omit<AgentRecord, 'replicas'> &
  Partial<ReplicaRecord> & { readonly replicas?: AgentRecord['replicas'] };

/** What an earlier version wrote, in today's shape: an upgrade must look like a restart. */
export function upgradeRecord(stored: AgentRecord): AgentRecord {
  const single: SingleRecord = stored;
  if (single.replicas !== undefined) return stored;
  const { crash, rolloutRestarts, condemned, bootId, verdict, ...record } = single;
  const revision = judgedRevision(record);
  if (revision === undefined) return { ...record, replicas: {} };
  const ref = { revision, attempt: record.attempts[revision] ?? 0, ordinal: 0 };
  const replica: ReplicaRecord = {
    ...NEW_REPLICA,
    restarts: record.restarts,
    ...(crash && { crash }),
    ...(rolloutRestarts !== undefined && { rolloutRestarts }),
    ...(record.lastExit && { lastExit: record.lastExit }),
    ...(condemned && { condemned }),
    ...(bootId !== undefined && { bootId }),
    ...(verdict && { verdict }),
    ...(record.currentRevision === revision && { joined: true }),
  };
  return { ...record, replicas: { [replicaId(ref)]: replica } };
}

const judgedRevision = ({
  state,
  currentRevision,
  targetRevision,
}: Omit<AgentRecord, 'replicas'>): string | undefined =>
  state === 'Starting' || state === 'Verifying' ? targetRevision : (currentRevision ?? targetRevision);
