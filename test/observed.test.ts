import { describe, expect, test } from 'vitest';
import { type ContainerState, isHalfMade, isRunning, runningThenNewest } from '../src/state/observed.ts';
import { factsOf, podsKey, type Provision } from '../src/state/provision.ts';
import { aContainer } from './fakes/templates.ts';

test.each<[ContainerState, string]>([
  ['created', ''],
  ['initialized', 'half made'],
  ['running', 'runs'],
  ['paused', 'runs'],
  ['stopping', 'runs'],
  ['exited', ''],
  ['removing', 'half made'],
  ['unknown', 'half made'],
])('a container that is %s: %s', (state, expected) => {
  const container = aContainer('aaaaaaaa', 1, { state });
  const said = [isRunning(container) ? 'runs' : '', isHalfMade(container) ? 'half made' : ''];
  expect(said.join('')).toBe(expected);
});

test('those that run come first, then the newest', () => {
  const at = (id: string, state: ContainerState, createdAtMs: number) =>
    aContainer('aaaaaaaa', 1, { id, state, createdAtMs });
  const sorted = [
    at('old and down', 'exited', 1),
    at('old', 'running', 2),
    at('down', 'exited', 9),
    at('new', 'running', 3),
  ].sort(runningThenNewest);
  expect(sorted.map(({ id }) => id)).toEqual(['new', 'old', 'down', 'old and down']);
});

describe('the facts of a provision', () => {
  const facts = { kind: 'Volume', podmanName: 'ns.data' } as const;
  const unready = { ready: false, reason: 'Conflict', message: 'is not ours', terminal: true } as const;
  const of = (provision?: Provision) => {
    const provisions = new Map(provision ? [['Volume/ns/data' as const, provision]] : []);
    return factsOf(provisions, 'Volume/ns/data', 'Volume');
  };

  test('are there when it is ready, and of that kind', () => {
    expect(of({ ready: true, facts })).toBe(facts);
    expect(of({ ready: true, facts: { kind: 'Secret' } })).toBeUndefined();
    expect(of(unready)).toBeUndefined();
    expect(of()).toBeUndefined();
  });

  test('of the pods of a group are told by themselves', () => {
    expect(podsKey('ns', 'core')).toEqual({ kind: 'Pods', namespace: 'ns', name: 'core' });
  });
});
