import type { AgentStatus, ApiObject } from '../api/status.ts';

/** How a rollout stands: what `rollout status` waits for. */
export interface RolloutVerdict {
  readonly kind: 'Done' | 'Failed' | 'UnderWay';
  readonly text: string;
}

const SETTLED: ReadonlySet<string> = new Set(['Healthy', 'Healing', 'Completed']);
const GAVE_UP: ReadonlySet<string> = new Set(['RolledBack', 'Failed']);

export function rolloutVerdict({ metadata, status }: ApiObject): RolloutVerdict {
  const { phase, reason, message, currentRevision, targetRevision } = (status ?? {}) as Partial<AgentStatus>;
  const name = `agent "${metadata.name}"`;
  const because = message ? `: ${message}` : '';
  const hasFailed =
    GAVE_UP.has(phase ?? '') || (phase === 'Paused' && reason !== 'PausedByUser') || isStalled(status);
  if (hasFailed) return { kind: 'Failed', text: `${name} was not rolled out: ${phase}${because}` };
  if (phase === 'Suspended') return { kind: 'Failed', text: `${name} is suspended${because}` };
  if (SETTLED.has(phase ?? '') && currentRevision === targetRevision) {
    const undone = reason === 'UndoneByUser' ? ` (${message})` : '';
    return { kind: 'Done', text: `${name} successfully rolled out: revision ${currentRevision}${undone}` };
  }
  const target = targetRevision === undefined ? '' : `revision ${targetRevision} is `;
  return {
    kind: 'UnderWay',
    text: `Waiting for the rollout of ${name} to finish: ${target}${phase ?? 'Pending'}${because}`,
  };
}

const isStalled = (status: ApiObject['status']): boolean =>
  status?.conditions.some(({ type, status: holds }) => type === 'Stalled' && holds === 'True') === true;
