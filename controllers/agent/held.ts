import { isHeld } from './asked.ts';
import type { View } from './facts.ts';

export interface HeldStatus {
  readonly phase?: string;
  readonly reason: string;
  readonly message: string;
}

/** What people read of an agent that a person holds, or took back; and how to let it go. */
export function heldStatus(view: View): HeldStatus | undefined {
  const { record, facts } = view;
  const { suspended, undoToRevision } = facts.acts;
  const resume = (command: string): string =>
    `rookery ${command} ${record.key.name} -n ${record.key.namespace}`;
  if (suspended) {
    const until =
      suspended.untilMs === undefined ? '' : ` until ${new Date(suspended.untilMs).toISOString()}`;
    const why = suspended.reason === undefined ? '' : ` (${suspended.reason})`;
    const message = `suspended by a person${until}${why}; it goes on with: ${resume('resume')}`;
    return { phase: 'Suspended', reason: 'SuspendedByUser', message };
  }
  if (isHeld(view)) {
    const message = `paused by a person in ${record.state}; it goes on with: ${resume('rollout resume')}`;
    return { phase: 'Paused', reason: 'PausedByUser', message };
  }
  if (undoToRevision === undefined || record.message !== '') return undefined;
  const message = `taken back to revision ${undoToRevision} by a person; it follows its manifest again with: ${resume('rollout resume')}`;
  return { reason: 'UndoneByUser', message };
}
