import { describe, expect, test } from 'vitest';
import { agentKey, type ObjectKey } from '../src/api/key.ts';
import { createController } from '../src/manager/controller.ts';
import { createManager, type Enqueue, type Trigger } from '../src/manager/manager.ts';
import type { ReconcileContext } from '../src/manager/reconciler.ts';
import { createWorkQueue } from '../src/manager/workqueue.ts';
import { createRecordingLog } from './fakes/log.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

function setUp(run: (context: ReconcileContext) => Promise<void> = async () => {}) {
  const clock = createSimulatedClock(0);
  const log = createRecordingLog();
  const story: string[] = [];
  const controllerOf = (kind: string) =>
    createController({
      reconciler: {
        kind,
        reconcile: async (key, context) => {
          story.push(`${kind} ${key.name}@${clock.now()}`);
          await run(context);
          return {};
        },
      },
      queue: createWorkQueue({ clock, random: () => 0.5 }),
      clock,
      log,
      onOutcome: () => {},
    });
  const trigger = (name: string, begin: (enqueue: Enqueue) => void = () => {}): Trigger => ({
    name,
    start: async (enqueue) => {
      story.push(`start ${name}`);
      begin(enqueue);
      return async () => void story.push(`stop ${name}`);
    },
  });
  return { clock, log, story, controllerOf, trigger };
}

const network: ObjectKey = { kind: 'Network', namespace: 'default', name: 'n' };

describe('manager', () => {
  test('a key goes to the controller of its kind; a kind without one is ignored', async () => {
    const { clock, log, story, controllerOf } = setUp();
    const controllers = [controllerOf('Agent'), controllerOf('Network')];
    const manager = createManager({ controllers, triggers: [], clock, log });
    await manager.start();
    manager.enqueue(network);
    manager.enqueue(agentKey('default', 'a'), 500);
    manager.enqueue({ kind: 'Unheard', namespace: 'default', name: 'x' });
    await clock.advance(1_000);
    expect(story).toEqual(['Network n@0', 'Agent a@500']);
  });

  test('every trigger watches before the first key is reconciled; they stop in reverse, controllers first', async () => {
    const { clock, log, story, controllerOf, trigger } = setUp();
    const triggers = [trigger('files', (enqueue) => enqueue(network)), trigger('events')];
    const manager = createManager({ controllers: [controllerOf('Network')], triggers, clock, log });
    await manager.start();
    await clock.settle();
    expect(story).toEqual(['start files', 'start events', 'Network n@0']);
    expect(await manager.stop(1_000)).toEqual([]);
    manager.enqueue(network);
    await clock.settle();
    expect(story.slice(3)).toEqual(['stop events', 'stop files']);
    expect(clock.pendingTimers).toBe(0);
  });

  test('a trigger that cannot start stops those before it, and its error is told', async () => {
    const { clock, log, story, controllerOf, trigger } = setUp();
    const broken: Trigger = { name: 'events', start: () => Promise.reject(new Error('no socket')) };
    const triggers = [trigger('files'), broken];
    const manager = createManager({ controllers: [controllerOf('Network')], triggers, clock, log });
    await expect(manager.start()).rejects.toThrow('no socket');
    expect(story).toEqual(['start files', 'stop files']);
  });

  test('a reconcile that hangs holds the stop only until the deadline, and is named', async () => {
    const { clock, log, story, controllerOf, trigger } = setUp(() => new Promise(() => {}));
    const triggers = [trigger('files', (enqueue) => enqueue(network))];
    const manager = createManager({ controllers: [controllerOf('Network')], triggers, clock, log });
    await manager.start();
    await clock.settle();
    const stop = manager.stop(2_000);
    await clock.advance(1_999);
    expect(story).not.toContain('stop files');
    await clock.advance(1);
    expect(await stop).toEqual(['Network controller']);
    expect(story).toContain('stop files');
  });

  test('all controllers are told to stop at once: one that is slow does not let another go on', async () => {
    const aborted: number[] = [];
    const { clock, log, controllerOf } = setUp(
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            aborted.push(clock.now());
            clock.setTimer(100, resolve);
          });
        }),
    );
    const controllers = [controllerOf('Agent'), controllerOf('Network')];
    const manager = createManager({ controllers, triggers: [], clock, log });
    await manager.start();
    manager.enqueue(network);
    manager.enqueue(agentKey('default', 'a'));
    await clock.settle();
    const stop = manager.stop(1_000);
    await clock.advance(100);
    expect(await stop).toEqual([]);
    expect(aborted).toEqual([0, 0]);
  });

  test('a trigger that fails to stop does not keep the others running', async () => {
    const { clock, log, story, trigger } = setUp();
    const broken: Trigger = {
      name: 'events',
      start: async () => () => Promise.reject(new Error('already gone')),
    };
    const manager = createManager({ controllers: [], triggers: [trigger('files'), broken], clock, log });
    await manager.start();
    expect(await manager.stop(1_000)).toEqual([]);
    expect(story).toEqual(['start files', 'stop files']);
    expect(log.lines()).toEqual(['error could not stop cleanly']);
  });
});
