import { labels } from '../api/labels.ts';
import type { ObservedAgent, ObservedContainer } from '../state/observed.ts';
import type { ReplicaRef } from '../state/replica.ts';

/** By label, never by name: a rename behind our back loses nothing. */
export const findIncarnation = (
  observed: Pick<ObservedAgent, 'containers'>,
  { revision, attempt, ordinal }: ReplicaRef,
): ObservedContainer | undefined =>
  observed.containers.find(
    (container) =>
      container.labels[labels.revision] === revision &&
      container.labels[labels.attempt] === String(attempt) &&
      container.labels[labels.ordinal] === String(ordinal),
  );
