import { beforeEach, describe, expect, test } from 'vitest';
import { createAgentReconciler } from '../controllers/agent/reconciler.ts';
import { agentKey } from '../src/api/key.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import { PodmanError } from '../src/podman/errors.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { NOW, READY, TWIN } from './fakes/agent-views.ts';
import { createOneAgent, type OneAgent, settle, SURROUNDINGS } from './fakes/one-agent.ts';
import { fellow } from './fakes/pod-group.ts';
import { manifestOf, podGroupOf } from './fakes/readable-world.ts';

let one: OneAgent;
let loop: Reconciler;

beforeEach(async () => {
  one = await createOneAgent();
  loop = createAgentReconciler(one);
});

const reconcile = (key = TWIN) => loop.reconcile(key, one.context);

const next = async (): Promise<readonly string[]> => {
  one.done.length = 0;
  await reconcile();
  return one.done.filter((line) => line.startsWith('wake Agent/'));
};
const HOUR_MS = 3_600_000;

describe('while Podman does not answer', () => {
  const away = new Error('connection refused');

  test('it is tried again in a second, and nothing is written', async () => {
    await settle(one);
    one.observed = away;
    await expect(reconcile()).rejects.toMatchObject({
      name: 'WaitingError',
      reason: 'PodmanUnreachable',
      message: 'Podman does not answer: Error: connection refused',
      retryAfterMs: 1_000,
    });
    expect(one.done).toEqual([]);
  });

  test('what was known before is unknown', async () => {
    await settle(one);
    await reconcile();
    const [before] = one.published;
    one.observed = away;
    await expect(reconcile()).rejects.toThrow();
    expect(one.published.at(-1)).toMatchObject({
      key: TWIN,
      uid: before?.uid,
      status: { phase: 'Unknown', reason: 'PodmanUnreachable', containerName: before?.status.containerName },
    });
  });

  test('nobody’s time runs out, however often it was asked', async () => {
    const { record } = await settle(one, { state: 'Monitoring', deadlineAtMs: NOW + 5_000 });
    const { observed } = one;
    const pass = (ms: number): void => {
      one.nowMs += ms;
      one.uptimeMs += ms;
    };
    one.observed = away;
    await expect(reconcile()).rejects.toThrow();
    pass(20_000);
    await expect(reconcile()).rejects.toThrow();
    pass(20_000);
    one.observed = observed;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe((record.deadlineAtMs ?? 0) + 40_000);
    pass(1_000);
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe((record.deadlineAtMs ?? 0) + 40_000);
  });
});

describe('while Podman answers some looks only', () => {
  const unanswered = new PodmanError('Unreachable', 'socket hang up');
  const inspectedImageFails = (error: Error | undefined): void => {
    one.meanwhile = (doing) => {
      if (error && doing === 'inspect') throw error;
    };
  };

  test('it is tried again in a second, and what was known before is unknown', async () => {
    await settle(one);
    await reconcile();
    inspectedImageFails(unanswered);
    await expect(reconcile()).rejects.toMatchObject({
      name: 'WaitingError',
      reason: 'PodmanUnreachable',
      message: 'Podman does not answer: PodmanError: socket hang up',
      retryAfterMs: 1_000,
    });
    expect(one.published.at(-1)).toMatchObject({ status: { phase: 'Unknown' } });
  });

  test('what it refuses is told as it is', async () => {
    await settle(one);
    const refused = new PodmanError('Other', 'no such file or directory', 500);
    inspectedImageFails(refused);
    await expect(reconcile()).rejects.toBe(refused);
    expect(one.published).toEqual([]);
  });

  test('the time of all of it is given back', async () => {
    const { record } = await settle(one, { state: 'Monitoring', deadlineAtMs: NOW + 5_000 });
    const { observed } = one;
    const pass = (ms: number): void => {
      one.nowMs += ms;
      one.uptimeMs += ms;
    };
    one.observed = new Error('connection refused');
    await expect(reconcile()).rejects.toThrow();
    pass(20_000);
    one.observed = observed;
    inspectedImageFails(unanswered);
    await expect(reconcile()).rejects.toThrow();
    pass(20_000);
    inspectedImageFails(undefined);
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe((record.deadlineAtMs ?? 0) + 40_000);
    pass(1_000);
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe((record.deadlineAtMs ?? 0) + 40_000);
  });
});

describe('a clock that is set', () => {
  const deadlineAtMs = NOW + 5_000;
  const watched = () => settle(one, { state: 'Monitoring', deadlineAtMs, stateEnteredAtMs: NOW });
  const set = (doing?: 'observe' | 'inspect' | 'execute') => {
    let isSet = false;
    one.meanwhile = (what) => {
      if (isSet || (doing !== undefined && what !== doing)) return;
      isSet = true;
      one.nowMs += HOUR_MS;
    };
  };

  test('between two looks moves what was waited for', async () => {
    await watched();
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(deadlineAtMs);
    one.nowMs += HOUR_MS;
    await reconcile();
    expect(one.record()).toMatchObject({ state: 'Monitoring', deadlineAtMs: deadlineAtMs + HOUR_MS });
    one.nowMs -= 2 * HOUR_MS;
    await reconcile();
    expect(one.record()).toMatchObject({ state: 'Monitoring', deadlineAtMs: deadlineAtMs - HOUR_MS });
  });

  test('little by little moves it in the end', async () => {
    await watched();
    await reconcile();
    one.nowMs += 1_500;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(deadlineAtMs);
    one.nowMs += 1_500;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(deadlineAtMs + 3_000);
  });

  test('after an outage, too', async () => {
    await watched();
    await reconcile();
    const { observed } = one;
    one.observed = new Error('away');
    await expect(reconcile()).rejects.toThrow();
    one.observed = observed;
    one.nowMs += HOUR_MS + 7_000;
    one.uptimeMs += 7_000;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(deadlineAtMs + HOUR_MS + 7_000);
    one.nowMs += HOUR_MS;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(deadlineAtMs + 2 * HOUR_MS + 7_000);
  });

  test('while it looks moves what is waited for', async () => {
    await watched();
    await reconcile();
    set('inspect');
    await reconcile();
    expect(one.record()).toMatchObject({ state: 'Monitoring', deadlineAtMs: deadlineAtMs + HOUR_MS });
  });

  test('of a record that another life wrote moves only back', async () => {
    await watched();
    one.nowMs -= HOUR_MS;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(deadlineAtMs - HOUR_MS);
  });

  test('while a step is taken moves what comes after it', async () => {
    set('execute');
    await reconcile();
    const after = one.record()?.deadlineAtMs ?? 0;
    expect(after).toBeGreaterThan(NOW + HOUR_MS);
    one.nowMs += HOUR_MS;
    one.meanwhile = () => undefined;
    await reconcile();
    expect(one.record()?.deadlineAtMs).toBe(after + HOUR_MS);
  });
});

describe('who waits for it looks again', () => {
  const web = manifestOf('web', { dependsOn: [{ name: 'twin' }] });
  const woken = ['wake Agent/ns/web'];
  const standing = async (change: Partial<AgentRecord> = {}): Promise<void> => {
    one.surroundings = { ...SURROUNDINGS, manifests: [manifestOf('twin'), web] };
    await settle(one, change);
    await reconcile();
  };

  test('once it was seen, and not again while nothing differs', async () => {
    await standing();
    expect(one.done).toContain(woken[0]);
    expect(await next()).toEqual([]);
  });

  const downFor = (state: 'exited' | 'paused') => () => {
    if (one.observed instanceof Error) return;
    one.observed = {
      ...one.observed,
      containers: one.observed.containers.map((live) => ({ ...live, state })),
    };
  };
  test.each<[string, () => unknown]>([
    ['is not ready any more', () => (one.verdict = { ...READY, ready: false })],
    ['does not run any more', downFor('exited')],
    [
      'is suspended',
      () => {
        const manifests = [manifestOf('twin', { suspend: true }), web];
        one.surroundings = { ...one.surroundings, manifests };
      },
    ],
    ['says why it is as it is', () => settle(one, { reason: 'Other' })],
    ['tries another pod', () => settle(one, { unit: { pod: 'ns.core-aaaaaaaa', attempt: 1, waits: false } })],
  ])('when it %s', async (_, change) => {
    await standing();
    await change();
    expect(await next()).toEqual(woken);
    expect(await next()).toEqual([]);
  });

  test('when it is ready again, though it has yet to recover', async () => {
    one.verdict = { ...READY, ready: false };
    await standing({ state: 'Degraded' });
    one.verdict = READY;
    expect(await next()).toEqual(woken);
    expect(one.record()?.state).toBe('Degraded');
  });

  test('when it runs, for one that needs no more of it', async () => {
    const key = agentKey('ns', 'other');
    const needs = { dependsOn: [{ name: 'twin', condition: 'Started' }] };
    const stateOfOther = async () => {
      await reconcile(key);
      return one.store.records.get(key)?.state;
    };
    one.surroundings = {
      ...SURROUNDINGS,
      manifests: [manifestOf('twin'), manifestOf('other', needs)],
    };
    one.verdict = { ...READY, ready: false };
    await settle(one, { state: 'Degraded', replicas: {} });
    const { observed } = one;
    downFor('exited')();
    await reconcile();
    expect(await stateOfOther()).toBe('Blocked');
    one.observed = observed;
    expect(await next()).toEqual(['wake Agent/ns/other']);
    expect(await stateOfOther()).not.toBe('Blocked');
  });

  test('when it comes to another state of the same', async () => {
    await standing({ state: 'Monitoring', reason: 'Healthy', deadlineAtMs: NOW + 5_000 });
    one.nowMs += 5_000;
    one.uptimeMs += 5_000;
    expect(await next()).toContain(woken[0]);
  });

  test('when it tries a pod again', async () => {
    const unit = { pod: 'ns.core-aaaaaaaa', attempt: 1, waits: false };
    await standing({ unit });
    await settle(one, { unit: { ...unit, attempt: 2 } });
    expect(await next()).toEqual(woken);
  });

  test('when they are in one pod', async () => {
    const manifests = [manifestOf('twin', { podGroup: 'core' }), manifestOf('side', { podGroup: 'core' })];
    one.surroundings = { ...SURROUNDINGS, manifests: [...manifests, podGroupOf('core')] };
    await one.store.records.put(fellow('side', 'Healthy'));
    expect(await next()).toEqual(['wake Agent/ns/side']);
  });

  test.each<[string, number, string[]]>([
    ['when it waits for a free place', 0, ['wake Agent/ns/other']],
    ['not when it waits for nothing', 4, []],
  ])('anywhere in the namespace %s', async (_, maxConcurrentRollouts, expected) => {
    const key = agentKey('ns', 'other');
    const withOther = (spec: object) => ({
      ...SURROUNDINGS,
      manifests: [manifestOf('twin'), manifestOf('other', spec)],
      maxConcurrentRollouts,
    });
    one.surroundings = withOther({});
    await settle(one, {}, key);
    one.surroundings = withOther({ env: [] });
    await reconcile(key);
    expect(one.store.records.get(key)?.reason === 'RolloutLimit').toBe(expected.length > 0);
    await settle(one);
    expect(await next()).toEqual(expected);
  });
});
