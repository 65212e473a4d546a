import { describe, expect, test } from 'vitest';
import { agentKey } from '../src/api/key.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { upgradeRecord } from '../src/state/upgrade-record.ts';
import { createMemoryFiles, memoryStore } from './fakes/memory-store.ts';

const key = agentKey('ns', 'twin');
const exit = { containerId: 'c1', code: 3, oomKilled: false, atMs: 9 };
const verdict = { key, containerId: 'c1', startedAtMs: 1, verdict: { ready: true } };
const condemned = { containerId: 'c1', startedAtMs: 1, reason: 'its liveness probe failed' };

/** As version 0.1 wrote it: an agent had one container. */
const single = (change: object = {}): AgentRecord =>
  ({
    key,
    uid: 'uid',
    generation: 3,
    state: 'Degraded',
    revisions: [],
    currentRevision: 'aaaaaaaa',
    targetRevision: 'bbbbbbbb',
    attempts: { aaaaaaaa: 4 },
    restarts: 2,
    rolloutRestarts: 1,
    crash: { failures: 2, notBeforeMs: 50 },
    step: { failures: 0, notBeforeMs: 0 },
    lastExit: exit,
    condemned,
    bootId: 'boot',
    verdict,
    conditions: [],
    ...change,
  }) as unknown as AgentRecord;

describe('a record of an earlier version', () => {
  test('keeps what it knew of its one container, and everything else as it was', () => {
    const { replicas, ...rest } = upgradeRecord(single());
    expect(replicas).toEqual({
      'aaaaaaaa-4-0': {
        crash: { failures: 2, notBeforeMs: 50 },
        restarts: 2,
        rolloutRestarts: 1,
        lastExit: exit,
        condemned,
        bootId: 'boot',
        verdict,
        joined: true,
      },
    });
    expect(rest).toMatchObject({ state: 'Degraded', restarts: 2, lastExit: exit });
    expect(rest).not.toHaveProperty('crash');
    expect(rest).not.toHaveProperty('verdict');
  });

  test('written while a candidate was tried tells of the candidate', () => {
    const { replicas } = upgradeRecord(single({ state: 'Verifying' }));
    expect(Object.keys(replicas)).toEqual(['bbbbbbbb-0-0']);
    expect(replicas['bbbbbbbb-0-0']?.joined).toBeUndefined();
  });

  test('that knew little says little', () => {
    const little = { lastExit: undefined, condemned: undefined, bootId: undefined, verdict: undefined };
    const bare = { ...little, crash: undefined, rolloutRestarts: undefined };
    expect(upgradeRecord(single(bare)).replicas).toEqual({
      'aaaaaaaa-4-0': {
        crash: { failures: 0, notBeforeMs: 0 },
        restarts: 2,
        rolloutRestarts: 0,
        joined: true,
      },
    });
  });

  test('without a revision has no replicas', () => {
    const none = { currentRevision: undefined, targetRevision: undefined };
    expect(upgradeRecord(single(none)).replicas).toEqual({});
  });

  test('of today stays as it is', () => {
    const today = upgradeRecord(single());
    expect(upgradeRecord(today)).toBe(today);
  });

  test('is brought up to date when the state directory is read', async () => {
    const contents = new Map([
      ['records/Agent.ns.twin.json', JSON.stringify({ schemaVersion: 1, value: single() })],
    ]);
    const store = await memoryStore({ files: createMemoryFiles({ contents }) });
    expect(store.records.get(key)?.replicas).toHaveProperty(['aaaaaaaa-4-0', 'joined'], true);
  });
});
