import { describe, expect, test } from 'vitest';
import { rebuildRecord } from '../controllers/agent/rebuild.ts';
import { labels, REVISION_ANNOTATION } from '../src/api/labels.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { Revision } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { A, aView, B, EXITED, NOW, replicaOf } from './fakes/agent-views.ts';

const { record: fresh } = aView('Pending', {});
const telling = (revision: Revision, attempt: number, change: Partial<ObservedContainer> = {}, ordinal = 0) =>
  replicaOf(revision, attempt, ordinal, {
    annotations: { [REVISION_ANNOTATION]: JSON.stringify(revision.template) },
    ...change,
  });
const without = (container: ObservedContainer, label: string): ObservedContainer => ({
  ...container,
  labels: Object.fromEntries(Object.entries(container.labels).filter(([key]) => key !== label)),
});

describe('a record that is rebuilt from containers', () => {
  test('takes what runs for stable', () => {
    const record = rebuildRecord(fresh, [telling(A, 3)], NOW);
    expect(record).toMatchObject({
      state: 'Healthy',
      reason: 'Healthy',
      message: 'rebuilt from the labels of its container',
      targetRevision: A.id,
      currentRevision: A.id,
      stableRevision: A.id,
      attempt: 3,
    });
    expect(record.revisions).toEqual([
      { ...A, outcome: 'Stable', cause: 'rebuilt from labels', createdAtMs: NOW },
    ]);
  });

  test.each<[name: string, containers: readonly ObservedContainer[], serves: Revision, attempt: number]>([
    ['what runs serves, though an older one is kept', [telling(A, 1, EXITED), telling(B, 2)], B, 2],
    ['of two that run the older one serves', [telling(B, 2), telling(A, 1)], A, 2],
    ['of two that run the older one serves, in whichever order', [telling(A, 1), telling(B, 2)], A, 2],
    ['of several that are down the first does', [telling(B, 2, EXITED), telling(A, 1, EXITED)], B, 2],
    [
      'what does not say what it is does not count',
      [{ ...telling(B, 9), annotations: {} }, telling(A, 1)],
      A,
      1,
    ],
    [
      'what has no network does not count',
      [telling(B, 9, { annotations: { [REVISION_ANNOTATION]: '{"image":{}}' } }), telling(A, 1)],
      A,
      1,
    ],
    [
      'what does not say its attempt is the first of all',
      [without(telling(B, 2), labels.attempt), telling(A, 1)],
      B,
      1,
    ],
  ])('%s', (_name, containers, serves, attempt) => {
    expect(rebuildRecord(fresh, containers, NOW)).toMatchObject({ currentRevision: serves.id, attempt });
  });

  test('knows the replicas of what serves as ready ones, and no others', () => {
    const containers = [
      telling(A, 1, {}, 0),
      telling(A, 1, {}, 1),
      telling(A, 2, {}, 2),
      telling(B, 1, EXITED, 3),
      telling(B, 4, EXITED, 0),
    ];
    const known = { ...NEW_REPLICA, joined: true };
    expect(rebuildRecord(fresh, containers, NOW).replicas).toEqual({
      [`${A.id}-1-0`]: known,
      [`${A.id}-1-1`]: known,
    });
  });

  test('keeps the revision’s own name, though it is not that of its template', () => {
    const odd = { ...telling(A, 1).labels, [labels.revision]: '01234567' };
    const record = rebuildRecord(fresh, [telling(A, 1, { labels: odd })], NOW);
    expect(record).toMatchObject({ currentRevision: '01234567', attempts: { '01234567': 1 } });
  });
});
