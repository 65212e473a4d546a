import { describe, expect, test } from 'vitest';
import { humanDuration, parseDurationMs } from '../src/cli/duration.ts';
import { displayWidth, pad, truncate } from '../src/cli/width.ts';

describe('durations', () => {
  test.each([
    ['90', 90_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
  ])('%s is %d ms', (text, durationMs) => {
    expect(parseDurationMs(text, '--since')).toBe(durationMs);
  });

  test.each([
    [-5_000, '0s'],
    [119_999, '119s'],
    [120_000, '2m'],
    [310_000, '5m10s'],
    [600_000, '10m'],
    [10_799_000, '179m'],
    [10_800_000, '3h'],
    [12_000_000, '3h20m'],
    [28_800_000, '8h'],
    [172_800_000, '2d'],
    [180_000_000, '2d2h'],
    [864_000_000, '10d'],
  ])('%d ms reads %s', (durationMs, text) => {
    expect(humanDuration(durationMs)).toBe(text);
  });
});

describe('text on a terminal', () => {
  test.each([
    ['abc', 3],
    ['漢字', 4],
    ['🚀', 2],
    ['e\u0301', 1],
    ['→', 1],
  ])('%s is %d columns wide', (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  test.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['漢字漢', 5, '漢字…'],
    ['漢字漢', 4, '漢…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
  ])('%s cut to %d columns is %s', (text, columns, cut) => {
    expect(truncate(text, columns)).toBe(cut);
  });

  test('is filled up to a width', () => {
    expect(pad('漢字', 6)).toBe('漢字  ');
  });
});
