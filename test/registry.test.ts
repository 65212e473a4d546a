import { describe, expect, test } from 'vitest';
import type { WatchEvent } from '../src/server/backend.ts';
import { createRegistry } from '../src/server/registry.ts';
import { fakeAgent } from './fakes/fake-backend.ts';

const START_MS = 1_000;

const start = (mostChanges = 100) => createRegistry({ nowMs: () => START_MS, mostChanges });

const told = (events: readonly WatchEvent[]) =>
  events.map(({ type, object }) => `${type} ${object.metadata.name} ${object.metadata.resourceVersion}`);

describe('what the API serves', () => {
  test('every change has its own version, over all kinds', () => {
    const registry = start();
    registry.publish(fakeAgent('a'));
    registry.publish({ ...fakeAgent('a'), kind: 'Volume' });
    expect(registry.list('Agent').resourceVersion).toBe('1002');
    expect(registry.get('Agent', 'default', 'a')?.metadata.resourceVersion).toBe('1001');
    expect(registry.get('Volume', 'default', 'a')?.metadata.resourceVersion).toBe('1002');
  });

  test('an object published again unchanged makes no version and tells nobody', () => {
    const registry = start();
    const events: WatchEvent[] = [];
    registry.publish(fakeAgent('a', { labels: { x: '1' } }));
    registry.watch({ kind: 'Agent', sinceVersion: START_MS }, (event) => events.push(event));
    registry.publish(fakeAgent('a', { labels: { x: '1' } }));
    expect(told(events)).toEqual(['ADDED a 1001']);
    registry.publish(fakeAgent('a', { labels: { x: '2' } }));
    expect(told(events)).toEqual(['ADDED a 1001', 'MODIFIED a 1002']);
  });

  test('lists are in order of their names and of one namespace when asked', () => {
    const registry = start();
    registry.publish(fakeAgent('b'));
    registry.publish(fakeAgent('c', { namespace: 'another' }));
    registry.publish(fakeAgent('a'));
    const names = (namespace?: string) =>
      registry.list('Agent', namespace).items.map(({ metadata }) => metadata.name);
    expect(names()).toEqual(['c', 'a', 'b']);
    expect(names('default')).toEqual(['a', 'b']);
  });

  test('a watcher gets what it missed, then what comes, and only what it asked for', () => {
    const registry = start();
    const events: WatchEvent[] = [];
    registry.publish(fakeAgent('a'));
    registry.publish(fakeAgent('b'));
    const stop = registry.watch(
      { kind: 'Agent', namespace: 'default', name: 'b', sinceVersion: START_MS },
      (event) => events.push(event),
    );
    registry.publish(fakeAgent('b', { namespace: 'another' }));
    registry.remove('Agent', 'default', 'b');
    registry.remove('Agent', 'default', 'b');
    expect(registry.list('Agent').resourceVersion).toBe('1004');
    stop();
    registry.publish(fakeAgent('b'));
    expect(told(events)).toEqual(['ADDED b 1002', 'DELETED b 1004']);
  });

  test.each([
    ['from before what is kept', 1_001],
    ['from before a restart', 12],
    ['never given out', 9_999],
  ])('history %s is gone', (_, sinceVersion) => {
    const registry = start(2);
    for (const name of ['a', 'b', 'c', 'd']) registry.publish(fakeAgent(name));
    const watch = () => registry.watch({ kind: 'Agent', sinceVersion }, () => undefined);
    expect(watch).toThrow(/too old resource version/);
    registry.watch({ kind: 'Agent', sinceVersion: 1_002 }, () => undefined);
  });

  test('of a Secret only the names of its entries pass', () => {
    const registry = start();
    registry.publish({
      ...fakeAgent('s'),
      kind: 'Secret',
      metadata: {
        ...fakeAgent('s').metadata,
        annotations: { 'kubectl.kubernetes.io/last-applied-configuration': 'hunter2', note: 'kept' },
      },
      spec: { stringData: { token: 'hunter2' } },
      data: { token: 'aHVudGVyMg==' },
    });
    const held = registry.get('Secret', 'default', 's');
    expect(held?.data).toEqual({ token: '' });
    expect(held?.metadata.annotations).toEqual({ note: 'kept' });
    expect(JSON.stringify(held)).not.toMatch(/hunter2|aHVudGVyMg/);
  });
});
