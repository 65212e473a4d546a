import { describe, expect, test } from 'vitest';
import { TerminalError, WaitingError } from '../src/api/errors.ts';
import { agentKey, type ObjectKey } from '../src/api/key.ts';
import { createController, type Outcome } from '../src/manager/controller.ts';
import type { ReconcileContext, Result } from '../src/manager/reconciler.ts';
import { createWorkQueue } from '../src/manager/workqueue.ts';
import { createRecordingLog } from './fakes/log.ts';
import { createSimulatedClock } from './fakes/simulated-clock.ts';

type Reconcile = (key: ObjectKey, context: ReconcileContext) => Promise<Result>;

const a = agentKey('default', 'a');
const b = agentKey('default', 'b');

function setUp(reconcile: Reconcile, workers?: number) {
  const clock = createSimulatedClock(0);
  const log = createRecordingLog();
  const outcomes: { key: ObjectKey; outcome: Outcome; durationMs: number }[] = [];
  const runs: string[] = [];
  const controller = createController({
    reconciler: {
      kind: 'Agent',
      reconcile: (key, context) => {
        runs.push(`${key.name}@${clock.now()}`);
        return reconcile(key, context);
      },
    },
    queue: createWorkQueue({ clock, random: () => 0.5 }),
    clock,
    log,
    onOutcome: (key, outcome, durationMs) => outcomes.push({ key, outcome, durationMs }),
    ...(workers !== undefined && { workers }),
  });
  controller.start();
  return { clock, log, outcomes, runs, controller, queue: controller.queue };
}

test('many calls in flight may listen for the end without a warning', async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', note);
  const { clock, queue } = setUp(async (_key, { signal }) => {
    for (let call = 0; call < 64; call += 1) signal.addEventListener('abort', () => undefined);
    return {};
  });
  queue.add(a);
  await clock.settle();
  await new Promise(setImmediate);
  process.off('warning', note);
  expect(warnings).toEqual([]);
});

describe('outcomes', () => {
  test('a result says when to look again; without one only an event does', async () => {
    const results: Result[] = [{ requeueAfterMs: 300 }, {}];
    const { clock, runs, queue, outcomes } = setUp(async () => results.shift() ?? {});
    queue.add(a);
    await clock.advance(10_000);
    expect(runs).toEqual(['a@0', 'a@300']);
    expect(outcomes.map(({ outcome }) => outcome.kind)).toEqual(['Success', 'Success']);
  });

  test('a terminal error is stalled, not retried, and a later event tries again', async () => {
    const { clock, runs, queue, outcomes, log } = setUp(async () => {
      throw new TerminalError('InvalidImage', 'image "nope" cannot be built');
    });
    queue.add(a);
    await clock.advance(3_600_000);
    expect(runs).toEqual(['a@0']);
    expect(outcomes[0]?.outcome).toMatchObject({ kind: 'Stalled', error: { reason: 'InvalidImage' } });
    queue.add(a);
    await clock.settle();
    expect(runs).toHaveLength(2);
    expect(log.lines()).toEqual(['warn image "nope" cannot be built']);
  });

  test('a waiting error comes back after its own delay, without back-off or noise', async () => {
    const { clock, runs, queue, log } = setUp(async () => {
      throw new WaitingError('DependencyNotReady', 'twin is not ready', 5_000);
    });
    queue.add(a);
    await clock.advance(15_000);
    expect(runs).toEqual(['a@0', 'a@5000', 'a@10000', 'a@15000']);
    expect(log.entries.every((entry) => entry.level === 'debug')).toBe(true);
  });

  test('anything else is retried with back-off, logged once for each distinct message, and its end is told', async () => {
    let turn = 0;
    const { clock, runs, queue, log } = setUp(async () => {
      turn += 1;
      if (turn <= 3) throw new Error('no route to registry');
      if (turn === 4) throw new Error('disk full');
      return {};
    });
    queue.add(a);
    await clock.advance(60_000);
    expect(runs).toEqual(['a@0', 'a@1000', 'a@3000', 'a@7000', 'a@15000']);
    expect(log.lines()).toEqual([
      'error reconcile failed: no route to registry',
      'error reconcile failed: disk full',
      'info reconciles again',
    ]);
  });

  test('a success starts the back-off anew', async () => {
    const script = [true, true, false, true, false];
    const { clock, runs, queue } = setUp(async () => {
      if (script.shift()) throw new Error('flaky');
      return {};
    });
    queue.add(a);
    await clock.advance(10_000);
    queue.add(a);
    await clock.advance(10_000);
    expect(runs).toEqual(['a@0', 'a@1000', 'a@3000', 'a@10000', 'a@11000']);
  });

  test('a reconciler that throws no Error, or at once, is a failure like any other', async () => {
    const { clock, outcomes, queue } = setUp(() => {
      throw 'plain text';
    });
    queue.add(a);
    await clock.settle();
    expect(outcomes[0]?.outcome).toEqual({ kind: 'Failed', error: 'plain text' });
  });
});

describe('workers', () => {
  test('one slow key never blocks another', async () => {
    const { clock, runs, queue, outcomes } = setUp(
      (key) =>
        key.name === 'a'
          ? new Promise((resolve) => clock.setTimer(30_000, () => resolve({})))
          : Promise.resolve({}),
      2,
    );
    queue.add(a);
    await clock.settle();
    queue.add(b);
    queue.add(agentKey('default', 'c'));
    await clock.settle();
    expect(runs).toEqual(['a@0', 'b@0', 'c@0']);
    await clock.advance(30_000);
    expect(outcomes.at(-1)).toMatchObject({ key: a, durationMs: 30_000 });
  });

  test('a key never runs twice at a time, however often it is added', async () => {
    let running = 0;
    let most = 0;
    const { clock, runs, queue } = setUp(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => clock.setTimer(100, resolve));
      running -= 1;
      return {};
    });
    for (let turn = 0; turn < 5; turn += 1) {
      queue.add(a);
      await clock.advance(10);
    }
    await clock.advance(1_000);
    expect(most).toBe(1);
    expect(runs).toEqual(['a@0', 'a@100']);
  });

  test('no more keys run at once than there are workers', async () => {
    const { clock, queue } = setUp(() => new Promise(() => {}), 3);
    for (let index = 0; index < 10; index += 1) queue.add(agentKey('default', `k${index}`));
    await clock.settle();
    expect(queue.stats()).toMatchObject({ running: 3, queued: 7 });
  });

  test('stopping aborts what runs, waits for it, reconciles nothing more, and logs no failure', async () => {
    const { clock, runs, queue, controller, log, outcomes } = setUp(
      (_key, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => clock.setTimer(50, () => reject(signal.reason as Error)));
        }),
      1,
    );
    queue.add(a);
    queue.add(b);
    await clock.settle();
    let stopped = false;
    const stop = controller.stop().then(() => {
      stopped = true;
    });
    await clock.advance(49);
    expect(stopped).toBe(false);
    await clock.advance(1);
    await stop;
    expect(runs).toEqual(['a@0']);
    expect(outcomes).toEqual([]);
    expect(log.lines()).toEqual([]);
  });

  test('an outcome that cannot be published does not cost a worker', async () => {
    const clock = createSimulatedClock(0);
    const log = createRecordingLog();
    const runs: string[] = [];
    const controller = createController({
      reconciler: {
        kind: 'Agent',
        reconcile: async (key) => {
          runs.push(key.name);
          return {};
        },
      },
      queue: createWorkQueue({ clock, random: () => 0.5 }),
      clock,
      log,
      workers: 1,
      onOutcome: () => {
        throw new Error('no room');
      },
    });
    controller.start();
    controller.queue.add(a);
    controller.queue.add(b);
    await clock.settle();
    expect(runs).toEqual(['a', 'b']);
    expect(log.lines()).toEqual(Array(2).fill('error could not publish an outcome'));
  });
});
