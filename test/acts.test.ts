import { describe, expect, test } from 'vitest';
import { type Acts, formatActs, hasActs, parseActs, standingActs } from '../src/state/acts.ts';

const NOW = 1_750_000_000_000;

const everything: Required<Acts> = {
  specHash: 'spec',
  wishHash: 'wish',
  suspended: { sinceMs: NOW, untilMs: NOW + 1_000, reason: 'a look at its disk' },
  pausedAtMs: NOW + 1,
  approvedRevision: 'aaaaaaaa',
  abortedAtMs: NOW + 4,
  undoToRevision: 'cccccccc',
  retryAtMs: NOW + 2,
  restartedAtMs: NOW + 3,
};

describe('acts as annotations', () => {
  test('everything that was written is read again', () => {
    expect(parseActs(formatActs(everything))).toEqual(everything);
    expect(parseActs(formatActs({ specHash: 'spec' }))).toEqual({ specHash: 'spec' });
  });

  test('people can read them', () => {
    expect(formatActs({ specHash: 'spec', suspended: { sinceMs: NOW, reason: 'why' } })).toEqual({
      'rookery.dev/acts-of-spec': 'spec',
      'rookery.dev/suspended-at': '2025-06-15T15:06:40.000Z',
      'rookery.dev/suspend-reason': 'why',
    });
  });

  test('what does not fit is not there', () => {
    expect(parseActs({ 'rookery.dev/paused-at': 'yesterday', 'example.com/other': 'x' })).toEqual({
      specHash: '',
    });
    expect(parseActs()).toEqual({ specHash: '' });
  });

  test('tells whether anything was asked for', () => {
    expect(hasActs({ specHash: 'spec', wishHash: 'wish' })).toBe(false);
    expect(hasActs({ specHash: 'spec', pausedAtMs: 1 })).toBe(true);
  });
});

describe('what still holds', () => {
  const basis = { specHash: 'spec', wishHash: 'wish', nowMs: NOW };

  test('all of it, while nothing changed', () => {
    expect(standingActs(everything, basis)).toEqual(everything);
    expect(standingActs(everything, { ...basis, wishHash: undefined })).toEqual(everything);
  });

  test('none of it, once the manifest changed', () => {
    expect(standingActs(everything, { ...basis, specHash: 'other' })).toEqual({ specHash: 'other' });
  });

  test('only the suspension, once an input changed', () => {
    expect(standingActs(everything, { ...basis, wishHash: 'other' })).toEqual({
      specHash: 'spec',
      suspended: everything.suspended,
    });
  });

  test('the suspension until its time', () => {
    expect(standingActs(everything, { ...basis, nowMs: NOW + 999 }).suspended).toBeDefined();
    expect(standingActs(everything, { ...basis, nowMs: NOW + 1_000 }).suspended).toBeUndefined();
    const open = { specHash: 'spec', suspended: { sinceMs: NOW } };
    expect(standingActs(open, { ...basis, nowMs: NOW * 2 })).toEqual(open);
  });
});
