import { describe, expect, test } from 'vitest';
import {
  afterCrash,
  afterFailure,
  CRASH_RESET_MS,
  delayMs,
  IMAGE_BACKOFF,
  NO_BACKOFF,
  STEP_BACKOFF,
  TRANSIENT_BACKOFF,
} from '../controllers/agent/backoff.ts';
import { NOW } from './fakes/agent-views.ts';

const NEXT_DAY_MS = NOW + 86_400_000;
const seconds = (delaysMs: readonly number[]): readonly number[] => delaysMs.map((ms) => ms / 1_000);

describe('what fails again and again', () => {
  test.each([
    ['a step', STEP_BACKOFF, [1, 2, 4, 8, 16, 32, 60, 60]],
    ['an image', IMAGE_BACKOFF, [10, 20, 40, 80, 160, 300, 300]],
    ['what another holds for now', TRANSIENT_BACKOFF, [5, 10, 20, 40, 80, 160, 180, 180]],
  ])('waits twice as long each time, up to a bound: %s', (_, policy, expected) => {
    expect(seconds(expected.map((__, index) => delayMs(policy, index + 1)))).toEqual(expected);
  });

  test('counts on from the failure before', () => {
    const once = afterFailure(NO_BACKOFF, STEP_BACKOFF, NOW);
    expect(once).toEqual({ failures: 1, notBeforeMs: NOW + 1_000 });
    expect(afterFailure(once, STEP_BACKOFF, NEXT_DAY_MS)).toEqual({
      failures: 2,
      notBeforeMs: NEXT_DAY_MS + 2_000,
    });
  });
});

describe('what crashes again and again', () => {
  const crash = (failures: number, ranForMs: number) =>
    afterCrash({ failures, notBeforeMs: 7 }, ranForMs, NOW);

  test('is restarted at once the first time, and waits twice as long each time from then on', () => {
    const waitsMs = Array.from({ length: 12 }, (_, failures) => crash(failures, 50).notBeforeMs - NOW);
    expect(seconds(waitsMs)).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    expect(crash(4, 50).failures).toBe(5);
  });

  test('and ran for ten minutes in between had recovered', () => {
    expect(crash(4, CRASH_RESET_MS)).toEqual({ failures: 1, notBeforeMs: NOW });
    expect(crash(4, 599_999)).toEqual({ failures: 5, notBeforeMs: NOW + 8_000 });
  });
});
