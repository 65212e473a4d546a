import { describe, expect, test } from 'vitest';
import { firstCounter, flagsOf, fold, probesDue, type ProbeCounter } from '../src/probe/fold.ts';
import { outcomeOfError, readable } from '../src/probe/outcome.ts';
import type { ProbeKind } from '../src/state/verdict.ts';

const OUTCOMES = { s: 'Success', f: 'Failure', u: 'Unknown' } as const;

/** Folds `ssfu`-like text; the result after every outcome: `+`, `-`, or `?` for none yet. */
function results(
  kind: ProbeKind,
  outcomes: string,
  [successThreshold, failureThreshold]: [number, number],
): string {
  let counter: ProbeCounter = firstCounter(kind);
  let text = '';
  for (const letter of outcomes) {
    const verdict = OUTCOMES[letter as keyof typeof OUTCOMES];
    counter = fold(counter, { verdict, message: verdict }, { successThreshold, failureThreshold });
    text += counter.result === undefined ? '?' : counter.result ? '+' : '-';
  }
  return text;
}

describe('outcomes are counted as the kubelet counts them', () => {
  test.each<[ProbeKind, string, [number, number], string]>([
    ['readiness', 's', [1, 3], '+'],
    ['readiness', 'f', [1, 3], '-'],
    ['readiness', 'sfffs', [1, 3], '+++-+'],
    ['readiness', 'sffsfff', [1, 3], '++++++-'],
    ['readiness', 'ssfss', [2, 1], '-+--+'],
    ['liveness', 'fff', [1, 3], '++-'],
    ['liveness', 'ffsfff', [1, 3], '+++++-'],
    ['liveness', 'f', [1, 1], '-'],
    ['startup', 'fffs', [1, 3], '??-+'],
    ['startup', 'ffs', [1, 3], '??+'],
    ['startup', 'ss', [2, 3], '?+'],
  ])('%s %s with thresholds %j: %s', (kind, outcomes, thresholds, expected) => {
    expect(results(kind, outcomes, thresholds)).toBe(expected);
  });

  test.each<[ProbeKind, string, string]>([
    ['readiness', 'sffuf', '++++-'],
    ['readiness', 'suuuu', '+++++'],
    ['liveness', 'ffuuf', '++++-'],
    ['startup', 'uuuu', '????'],
  ])('a probe that could not run changes no counter: %s %s', (kind, outcomes, expected) => {
    expect(results(kind, outcomes, [1, 3])).toBe(expected);
  });

  test('but its message is kept', () => {
    const counter = fold(
      firstCounter('liveness'),
      { verdict: 'Unknown', message: 'no way there' },
      { successThreshold: 1, failureThreshold: 1 },
    );
    expect(counter).toMatchObject({ result: true, streak: 0, message: 'no way there' });
  });
});

describe('what the probes say together', () => {
  const counter = (kind: ProbeKind, result: boolean | undefined) => ({ ...firstCounter(kind), result });
  const startup = (result: boolean | undefined) => ({ startup: counter('startup', result) });
  const readiness = (result: boolean) => ({ readiness: counter('readiness', result) });
  const liveness = (result: boolean) => ({ liveness: counter('liveness', result) });

  test.each([
    ['no probes', {}, 'started ready live', ''],
    [
      'startup undecided',
      { ...startup(undefined), ...readiness(false), ...liveness(true) },
      'live',
      'startup',
    ],
    ['startup alone, done', startup(true), 'started ready live', ''],
    ['startup failed', { ...startup(false), ...liveness(true) }, 'live startupFailed', ''],
    ['startup done, not ready', { ...startup(true), ...readiness(false) }, 'started live', 'readiness'],
    ['startup undecided overrides ready', { ...startup(undefined), ...readiness(true) }, 'live', 'startup'],
    ['ready', { ...readiness(true), ...liveness(true) }, 'started ready live', 'readiness liveness'],
    [
      'dead stays ready until it is restarted',
      { ...readiness(true), ...liveness(false) },
      'started ready',
      '',
    ],
  ])('%s', (_, counters, flags, due) => {
    const set = Object.entries(flagsOf(counters)).filter(([, value]) => value);
    expect(set.map(([name]) => name).join(' ')).toBe(flags);
    expect(probesDue(counters).join(' ')).toBe(due);
  });
});

describe('messages', () => {
  test.each([
    ['a\n\tb  c\r\n', 'a b c'],
    ['\u0000\u0007\u001b[31mred\u009b', '\\u{0}\\u{7}\\u{1b}[31mred\\u{9b}'],
    ['\u202egnp.exe\u2066', '\\u{202e}gnp.exe\\u{2066}'],
    ['\ud800 alone', '\\u{d800} alone'],
    ['grün 🐦', 'grün 🐦'],
  ])('%j is shown as %j', (raw, shown) => {
    expect(readable(raw)).toBe(shown);
  });

  test('are at most 256 characters', () => {
    expect(readable('x'.repeat(10_000))).toHaveLength(256);
    expect(readable('\u0001'.repeat(10_000))).toHaveLength(256);
  });

  const coded = (code: string) => Object.assign(new Error(`raw ${code}`), { code });
  test.each([
    ['ECONNREFUSED', 'Failure'],
    ['ECONNRESET', 'Failure'],
    ['EHOSTUNREACH', 'Failure'],
    ['HPE_INVALID_CONSTANT', 'Failure'],
    ['ENETUNREACH', 'Unknown'],
    ['EMFILE', 'Unknown'],
    ['EACCES', 'Unknown'],
  ])('%s is %s', (code, verdict) => {
    expect(outcomeOfError('tcp x', coded(code))).toMatchObject({
      verdict,
      message: expect.stringContaining('tcp x: '),
    });
  });

  test('an error of the program itself says nothing about the container', () => {
    expect(outcomeOfError('tcp x', new TypeError('undefined is not a function')).verdict).toBe('Unknown');
    expect(outcomeOfError('tcp x', 'thrown text')).toEqual({
      verdict: 'Unknown',
      message: 'tcp x: thrown text',
    });
  });
});
