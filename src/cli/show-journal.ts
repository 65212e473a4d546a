import type { EventObject } from '../api/status.ts';
import type { Log } from '../manager/reconciler.ts';
import type { Backend } from '../server/backend.ts';

/** Every event as an entry of the log, with its level and fields. Returns the end of it. */
export const showJournal = ({ events }: Pick<Backend, 'events'>, log: Log): (() => void) =>
  events.subscribe(({ type, reason, message, involvedObject }: EventObject) => {
    const { kind, namespace, name } = involvedObject;
    // What is wrong with the manifests as a whole was logged where it was found.
    if (kind === 'Source') return;
    log[type === 'Warning' ? 'warn' : 'info']({ object: `${kind}/${namespace}/${name}`, reason }, message);
  });
