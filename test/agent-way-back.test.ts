import { describe, expect, test } from 'vitest';
import { neededRevisions, trimHistory, wayBack, withRevision } from '../controllers/agent/rollout.ts';
import type { AgentRecord, Revision } from '../src/state/record.ts';
import { A, aView, B, containerOf, EXITED, READY, type Situation } from './fakes/agent-views.ts';
import { aRevision } from './fakes/templates.ts';
import { update } from './fakes/update-records.ts';

const C = aRevision('cccccccc');
const all = { revisions: [A, B, C], attempts: { [A.id]: 1, [B.id]: 2, [C.id]: 3 } };
const unready = { verdictOf: () => ({ ...READY, ready: false }) };
const [oldUp, oldDown] = [containerOf(A, 1), containerOf(A, 1, EXITED)];
/** Serves, and has never stood the monitor window. */
const unproven = { ...all, currentRevision: C.id, stableRevision: A.id };
const unprovenUp = containerOf(C, 3);

describe('the way back of an update that failed', () => {
  test.each<[name: string, situation: Situation, to: Revision | undefined]>([
    ['leads to the one that was stopped for it', { record: update, containers: [oldDown] }, A],
    ['leads to the one that was not touched', { record: update, containers: [oldUp] }, A],
    ['leads to what serves, though it is not proven', { record: unproven, containers: [unprovenUp] }, C],
    [
      'leads to what serves, as long as one of it does',
      { record: unproven, containers: [containerOf(C, 3, EXITED), unprovenUp] },
      C,
    ],
    [
      'leads to the stable one, where what serves is no good',
      { record: unproven, containers: [unprovenUp], facts: unready },
      A,
    ],
    [
      'leads to the stable one, where what serves is itself what failed',
      { record: { ...unproven, targetRevision: C.id }, containers: [unprovenUp] },
      A,
    ],
    [
      'is none, where what failed is the stable one',
      { record: { ...update, stableRevision: B.id }, containers: [oldDown] },
      undefined,
    ],
    [
      'is none, where nothing ever proved itself',
      { record: { targetRevision: B.id }, containers: [] },
      undefined,
    ],
    [
      'is none, where the stable one cannot be had any more',
      { record: update, containers: [oldDown], facts: { noWayBack: 'it was pruned' } },
      undefined,
    ],
    [
      'is none, where what still serves is what failed, and the stable one cannot be had',
      {
        record: { ...unproven, targetRevision: C.id },
        containers: [unprovenUp],
        facts: { noWayBack: 'it was pruned' },
      },
      undefined,
    ],
    [
      'leads to the stable one, where that still serves and could not be had any more',
      { record: update, containers: [oldUp], facts: { noWayBack: 'it was pruned' } },
      A,
    ],
    [
      'leads to what serves, though the stable one cannot be had',
      { record: unproven, containers: [unprovenUp], facts: { noWayBack: 'it was pruned' } },
      C,
    ],
    [
      'is none after one in this generation',
      { record: { ...update, rolledBackGeneration: 1 }, containers: [oldUp] },
      undefined,
    ],
    [
      'is there again in the next generation',
      { record: { ...update, generation: 2, rolledBackGeneration: 1 }, containers: [oldUp] },
      A,
    ],
  ])('%s', (_name, situation, to) => {
    expect(wayBack(aView('Failing', situation))?.id).toBe(to?.id);
  });
});

const dated = (id: string, change: Partial<Revision> = {}): Revision => ({ ...aRevision(id), ...change });
const stable = (id: string): Revision => dated(id, { outcome: 'Superseded', stableAtMs: 5 });
const idsOf = (revisions: readonly Revision[]): string => revisions.map(({ id }) => id).join(' ');
const recordOf = (revisions: readonly Revision[], change: Partial<AgentRecord> = {}): AgentRecord =>
  aView('Healthy', { record: { revisions, ...change } }).record;

describe('the revisions whose image and secrets are kept', () => {
  test.each<[name: string, revisions: readonly Revision[], record: Partial<AgentRecord>, kept: string]>([
    ['are the newest two that proved themselves', [stable('a'), stable('b'), stable('c')], {}, 'b c'],
    ['are those that an older Rookery knew as stable', [dated('a', { outcome: 'Stable' })], {}, 'a'],
    ['are none that never proved themselves', [dated('a', { outcome: 'Superseded' }), dated('b')], {}, ''],
    [
      'are none that failed',
      [dated('a', { outcome: 'Failed' }), dated('b', { outcome: 'Failed', stableAtMs: 5 })],
      {},
      '',
    ],
    [
      'is what serves',
      [dated('a'), stable('b'), stable('c'), stable('d')],
      { currentRevision: 'a' },
      'a c d',
    ],
    ['is what is tried', [dated('a'), stable('b')], { targetRevision: 'a' }, 'a b'],
    ['is what was stable last', [stable('a'), stable('b'), stable('c')], { stableRevision: 'a' }, 'a b c'],
  ])('%s', (_name, revisions, record, kept) => {
    expect(idsOf(neededRevisions(recordOf(revisions, record)))).toBe(kept);
  });
});

describe('a history', () => {
  test('ends with the newest, and never loses what is needed', () => {
    const revisions = [dated('a'), dated('b'), dated('c'), dated('d'), dated('e')];
    expect(idsOf(trimHistory(recordOf(revisions), 2))).toBe('d e');
    expect(idsOf(trimHistory(recordOf(revisions, { stableRevision: 'b' }), 2))).toBe('b d e');
    expect(idsOf(trimHistory(recordOf(revisions), 10))).toBe('a b c d e');
  });

  test('tells what came back as the newest, and once', () => {
    expect(idsOf(withRevision(recordOf([dated('a'), dated('b')]), dated('c')))).toBe('a b c');
    expect(idsOf(withRevision(recordOf([dated('a'), dated('b')]), dated('a')))).toBe('b a');
  });
});
