import { describe, expect, test } from 'vitest';
import { optionsOf } from './convergence/options.ts';
import { taskOf as fuzzTaskOf } from './fuzz/options.ts';

const taskOf = (...words: string[]) => optionsOf(words, 2).task;

describe('what npm run simulate is asked', () => {
  test('stories by their number, on every processor', () => {
    const { task, workers } = optionsOf(['--seeds', '3', '--start', '7'], 2);
    expect(task.type === 'Many' && task.scripts.map(({ seed }) => seed)).toEqual([7, 8, 9]);
    expect([workers, optionsOf(['--workers', '5'], 2).workers]).toEqual([2, 5]);
  });

  test('one story, or parts of it', () => {
    const whole = taskOf('--seed', '7');
    const part = taskOf('--seed', '7', '--steps', '1', '--kill-at', '4');
    if (whole.type !== 'One' || part.type !== 'One') throw new Error('no story');
    expect(part.script.steps).toEqual(whole.script.steps.filter(({ index }) => index === 1));
    expect(part.script.killAt).toBe(4);
  });

  test('for help', () => expect(taskOf('--help')).toEqual({ type: 'Help' }));

  test.each([
    [['--sedes', '3'], /sedes/],
    [['--seeds', 'many'], /"many" is not a whole number/],
    [['--scale', 'huge'], /huge is no scale: small or large/],
    [['--seeds', ''], /"" is not a whole number/],
    [['3'], /3/],
  ])('what it does not know it says, with what it knows: %j', (words, complaint) => {
    expect(taskOf(...words)).toEqual({ type: 'Help', complaint: expect.stringMatching(complaint) });
  });
});

describe('what npm run fuzz is asked', () => {
  test('documents by their number', () => {
    expect(fuzzTaskOf([])).toEqual({ type: 'Fuzz', documents: 10_000, seed: 1 });
    expect(fuzzTaskOf(['--documents', '5', '--seed', '2'])).toEqual({ type: 'Fuzz', documents: 5, seed: 2 });
    expect(fuzzTaskOf(['--help'])).toEqual({ type: 'Help' });
  });

  // It tried none of them and reported no violation.
  test('so many, or none at all', () => {
    expect(fuzzTaskOf(['--documents', '1e6x'])).toEqual({
      type: 'Help',
      complaint: '"1e6x" is not a whole number',
    });
  });
});
