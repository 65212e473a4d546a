import { beforeEach, describe, expect, test } from 'vitest';
import { createAgentReconciler } from '../controllers/agent/reconciler.ts';
import { agentKey, type KeyString, keyString } from '../src/api/key.ts';
import type { ManifestProblem } from '../src/state/desired.ts';
import { formatActs } from '../src/state/acts.ts';
import type { Provision } from '../src/state/provision.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { NEW_REPLICA } from '../src/state/replica.ts';
import { A, containerOf, EXITED, NOW, TWIN } from './fakes/agent-views.ts';
import { createOneAgent, executed, type OneAgent, seen, settle, SURROUNDINGS } from './fakes/one-agent.ts';
import { manifestOf, type Surroundings } from './fakes/readable-world.ts';

let one: OneAgent;
let loop: Reconciler;

beforeEach(async () => {
  one = await createOneAgent();
  loop = createAgentReconciler(one);
});

const reconcile = (key = TWIN) => loop.reconcile(key, one.context);

const NOTHING: ReadonlyMap<KeyString, Provision> = new Map();
const network = (name: string, namespace = 'ns') => ({
  apiVersion: 'rookery.dev/v1alpha1',
  kind: 'Network',
  metadata: { name, namespace },
  spec: {},
});
const of = (...manifests: object[]): Surroundings => ({ ...SURROUNDINGS, manifests });
const idOf = (name: string): KeyString => keyString(agentKey('ns', name));
const pruned = (...names: string[]): Surroundings => ({
  ...of(),
  desired: { pruned: new Set(names.map(idOf)) },
});
const track = (name: string): Promise<void> =>
  one.store.inventory.put({ key: agentKey('ns', name), uid: `uid-${name}`, foundAtMs: 1 });
const next = async (): Promise<readonly string[]> => {
  one.done.length = 0;
  await reconcile();
  return one.done;
};
const events = (): readonly string[] =>
  one.store.events.list().map(({ type, reason }) => `${type} ${reason}`);
const status = () => one.published.at(-1)?.status;

test('it is of agents', () => {
  expect(loop.kind).toBe('Agent');
});

describe('nothing is done for an agent', () => {
  test('that nobody asks for', async () => {
    await settle(one);
    one.surroundings = of();
    expect([await reconcile(), one.done]).toEqual([{}, []]);
  });

  test('that is gone and was never made', async () => {
    await settle(one);
    one.surroundings = pruned('twin');
    expect([await reconcile(), one.done]).toEqual([{}, []]);
  });

  type Network = [
    name: string,
    spec: object,
    manifests: object[],
    known: Surroundings['provisions'],
    done: boolean,
  ];
  const { provisions: looked } = SURROUNDINGS;
  test.each<Network>([
    ['whose network was not looked at yet', {}, [network('default')], NOTHING, false],
    ['one of whose networks was not', { networks: ['default', 'front'] }, [network('front')], looked, false],
    ['whose network was looked at', {}, [network('default')], looked, true],
    ['in the network of the host', { hostNetwork: true }, [network('default')], NOTHING, true],
    ['in the network of its pod', { podGroup: 'core' }, [network('default')], NOTHING, true],
    ['whose network nobody makes', {}, [network('x'), network('default', 'elsewhere')], NOTHING, true],
  ])('right after the start: %s', async (_, spec, manifests, provisions = NOTHING, done) => {
    one.surroundings = { ...of(manifestOf('twin', spec), ...manifests), provisions };
    await reconcile();
    expect(one.done.length > 0).toBe(done);
  });
});

describe('what is new', () => {
  test('is written down before it is made, and again after', async () => {
    let saved: AgentRecord | undefined;
    one.meanwhile = (doing) => {
      if (doing === 'execute') saved = one.record();
    };
    expect(await reconcile()).toEqual({ requeueAfterMs: 0 });
    const name = `ns.twin-${saved?.targetRevision}-1-0`;
    const cause = `update to revision ${saved?.targetRevision}: first deploy`;
    expect(one.done).toEqual([
      'probe nobody',
      'save Preparing',
      'publish Preparing',
      `Rollout: create container ${name} (${cause})`,
      `Rollout: start container ${name} (${cause})`,
      'look anew',
      'save Preparing',
    ]);
    expect(saved).toMatchObject({ uid: 'uid-new', generation: 1 });
    expect(Object.keys(one.record() ?? {})).not.toContain('reloadDigest');
    expect(status()?.lastPlan).toEqual([
      expect.stringContaining(`create container ${name}`),
      expect.any(String),
    ]);
    expect(one.store.inventory.get(TWIN)).toMatchObject({ uid: 'uid-new' });
  });

  test('waits for what it needs, and nothing is said of its files', async () => {
    one.surroundings = { ...SURROUNDINGS, provisions: NOTHING };
    await reconcile();
    expect(one.record()?.state).toBe('Blocked');
    expect(Object.keys(one.record() ?? {})).not.toContain('reloadDigest');
  });

  test('is what it was before its state was lost', async () => {
    const { revision, record } = await settle(one);
    await one.store.records.delete(TWIN);
    await track('twin');
    await reconcile();
    const { specHash } = record;
    expect(executed(one)).toEqual([]);
    expect(one.record()).toMatchObject({
      state: 'Healthy',
      currentRevision: revision.id,
      uid: 'uid-twin',
      specHash,
    });
  });
});

describe('an agent whose state was lost while changes wait', () => {
  const held = (): Surroundings => ({
    ...SURROUNDINGS,
    desired: {
      held: {
        message: 'opens at nine',
        untilMs: NOW + 9,
        waiting: [idOf('twin')],
        adopted: [idOf('twin')],
      } as never,
    },
  });

  test.each<[string, () => Promise<unknown>, string]>([
    ['is what it was', () => settle(one), 'uid'],
    ['is what it is known by', () => track('twin'), 'uid-twin'],
    ['is new where nothing is known', async () => undefined, 'uid-new'],
  ])('is not noted as applied, and %s', async (_, before, uid) => {
    await before();
    const entry = one.store.inventory.get(TWIN);
    one.surroundings = held();
    await reconcile();
    expect(one.record()?.uid).toBe(uid);
    expect(one.store.inventory.get(TWIN)).toEqual(entry);
  });
});

describe('what is as it should be', () => {
  test('is told, written down, and left alone until something happens', async () => {
    const { record } = await settle(one);
    expect(await reconcile()).toEqual({});
    const quiet = [
      `probe ${one.observed instanceof Error ? '' : one.observed.containers[0]?.id}`,
      'publish Healthy',
      'save Healthy',
    ];
    expect(one.done).toEqual(quiet);
    expect(events()).toEqual([]);
    expect(one.record()).toMatchObject({ observedGeneration: 1, reloadDigest: expect.any(String) });
    expect(one.record()?.conditions.map(({ type }) => type)).toContain('Ready');
    expect(one.published).toEqual([
      {
        key: TWIN,
        object: one.world.desired().objects.get(idOf('twin')),
        uid: record.uid,
        generation: 1,
        createdAtMs: 0,
        annotations: {},
        status: expect.objectContaining({ phase: 'Healthy', ready: true }),
      },
    ]);
    expect(Object.keys(status() ?? {})).not.toContain('lastPlan');
    expect(await next()).toEqual(quiet);
  });

  test('tells what was done last, and not what was done to another', async () => {
    await reconcile();
    const before = status()?.lastPlan;
    await settle(one);
    await reconcile();
    expect(status()).toMatchObject({ phase: 'Healthy', lastPlan: before });
  });

  test.each<[string, Surroundings['desired'] & object, object]>([
    [
      'that it runs from its last good manifest',
      {
        stalled: new Map([
          [idOf('twin'), { reason: 'InvalidManifest', message: 'is wrong' } as ManifestProblem],
        ]),
      },
      { reason: 'InvalidManifest', message: 'is wrong' },
    ],
    [
      'that a change of its manifest waits',
      { held: { message: 'the window opens at nine', waiting: [idOf('twin')], adopted: [] } as never },
      { reason: 'OutsideSyncWindow', message: 'a change of its manifest waits: the window opens at nine' },
    ],
    [
      'nothing of what waits for another',
      { held: { message: 'the window opens at nine', waiting: [idOf('db')], adopted: [] } as never },
      { reason: 'Healthy', message: '' },
    ],
  ])('tells %s', async (_, desired, expected) => {
    await settle(one);
    one.surroundings = { ...SURROUNDINGS, desired };
    await reconcile();
    expect(status()).toMatchObject(expected);
  });

  test('tells what a person asked for, and forgets what was carried out', async () => {
    const { record } = await settle(one, { restartedAtMs: 5 });
    const acts = { specHash: record.specHash, suspended: { sinceMs: 1, untilMs: NOW + 4_000 } };
    await one.store.annotations.put({ key: TWIN, values: formatActs({ ...acts, restartedAtMs: 5 }) });
    expect(await reconcile()).toEqual({ requeueAfterMs: 4_000 });
    expect(one.published.at(-1)?.annotations).toEqual(formatActs(acts));
    expect(one.store.annotations.get(TWIN)?.values).toEqual(formatActs(acts));
  });

  test('stays told what its files held when it was first seen', async () => {
    await settle(one, { reloadDigest: 'before' });
    await reconcile();
    expect(one.record()?.reloadDigest).toBe('before');
  });
});

describe('an update that stood its time', () => {
  test('is told of, and the images that nobody needs may go', async () => {
    await settle(one, { state: 'Monitoring', deadlineAtMs: NOW });
    await reconcile();
    expect(one.record()?.state).toBe('Healthy');
    expect(events()).toEqual(['Normal Healthy']);
    expect(one.done).toContain('wake Collection/default/images');
  });

  test('has to stand it first', async () => {
    await settle(one, { state: 'Monitoring', deadlineAtMs: NOW + 5_000 });
    expect(await reconcile()).toEqual({ requeueAfterMs: 5_000 });
    expect(one.done).not.toContain('wake Collection/default/images');
  });
});

describe('a crash', () => {
  const crashed = async (failures: number, change: Partial<AgentRecord> = {}) => {
    const { revision, containers } = await settle(one);
    const [container] = containers;
    const lastExit = {
      containerId: container?.id ?? '',
      code: 3,
      oomKilled: false,
      atMs: EXITED.finishedAtMs,
    };
    const replica = { ...NEW_REPLICA, joined: true as const, bootId: 'boot', lastExit };
    const id = `${revision.id}-1-0`;
    const record = { replicas: { [id]: { ...replica, crash: { failures, notBeforeMs: 0 } } }, ...change };
    await settle(one, { state: 'Degraded', ...record });
    one.observed = seen(...containers.map((live) => ({ ...live, ...EXITED, exitCode: 3 })));
    return `start container ns.twin-${id}`;
  };

  test('is not held against anybody else’s update', async () => {
    const start = await crashed(1);
    await reconcile();
    expect(one.done).toContainEqual(expect.stringContaining(`CrashRestart: ${start}`));
  });

  test('goes round once it is its turn', async () => {
    const start = await crashed(3);
    await reconcile();
    expect(executed(one)).toEqual([start]);
    one.done.length = 0;
    expect(await reconcile()).toEqual({ requeueAfterMs: 1_000 });
    expect(executed(one)).toEqual([]);
    one.uptimeMs += 1_000;
    await reconcile();
    expect(executed(one)).toEqual([start]);
  });

  test('waits no longer than for anything else', async () => {
    await crashed(3, { deadlineAtMs: NOW + 300 });
    await reconcile();
    expect(await reconcile()).toEqual({ requeueAfterMs: 300 });
  });

  test('goes round no less often for what else takes long', async () => {
    one.meanwhile = (doing) => {
      if (doing === 'execute') one.uptimeMs += 700;
    };
    await reconcile();
    one.meanwhile = () => undefined;
    await crashed(3);
    await reconcile();
    expect(await reconcile()).toEqual({ requeueAfterMs: 1_000 });
  });

  test('goes round the less often the longer a round takes', async () => {
    await crashed(3);
    one.meanwhile = (doing) => {
      if (doing === 'execute') one.uptimeMs += 700;
    };
    await reconcile();
    expect(await reconcile()).toEqual({ requeueAfterMs: 300 });
    one.uptimeMs += 300;
    await reconcile();
    expect(await reconcile()).toEqual({ requeueAfterMs: 10 * 700 - 700 });
  });

  test('is started again while the manifests cannot be read, and nothing is made then', async () => {
    const start = await crashed(1);
    one.surroundings = { ...SURROUNDINGS, desired: { frozen: 'its disk is gone' } };
    await reconcile();
    expect(executed(one)).toEqual([start]);
    await one.store.records.delete(TWIN);
    one.observed = seen();
    await next();
    expect(executed(one)).toEqual([]);
  });
});

describe('what came of it', () => {
  const failure = (kind: string) => ({
    done: [],
    failure: {
      operation: { type: 'CreateContainer', name: 'x', cause: '' } as never,
      kind: kind as never,
      message: 'no',
    },
  });

  test('is remembered, and waited for', async () => {
    one.outcome = failure('Other');
    expect(await reconcile()).toEqual({ requeueAfterMs: 0 });
    expect(one.record()).toMatchObject({
      stepFailure: { reason: 'Other', message: 'create container x: no', atMs: NOW },
      step: { failures: 1, notBeforeMs: NOW + 1_000 },
    });
    one.done.length = 0;
    expect(await reconcile()).toEqual({ requeueAfterMs: 1_000 });
    expect(executed(one)).toEqual([]);
    one.nowMs += 1_000;
    await reconcile();
    expect(executed(one)).toHaveLength(2);
  });

  test('is waited for, whichever call it was', async () => {
    one.surroundings = { ...SURROUNDINGS, images: {} };
    one.outcome = failure('Other');
    await reconcile();
    one.done.length = 0;
    expect(await reconcile()).toEqual({ requeueAfterMs: 1_000 });
    expect(executed(one)).toEqual([]);
  });

  test('a last word is read all the same', async () => {
    const { revision, containers } = await settle(one);
    const failed = {
      ...revision,
      outcome: 'Failed' as const,
      failure: { reason: 'x', message: 'y', atMs: 1 },
    };
    await settle(one, {
      state: 'Failing',
      revisions: [failed],
      stepFailure: { operation: 'x', reason: 'x', message: 'y', terminal: false, atMs: NOW },
      step: { failures: 1, notBeforeMs: NOW + 1_000 },
    });
    one.observed = seen(...containers.map((live) => ({ ...live, ...EXITED })));
    await reconcile();
    expect(executed(one)).toEqual([`capture logs ns.twin-${revision.id}-1-0`]);
  });

  test('Podman that answers no more says nothing of what was asked', async () => {
    one.outcome = failure('Unreachable');
    await expect(reconcile()).rejects.toMatchObject({
      name: 'WaitingError',
      reason: 'PodmanUnreachable',
      message: 'no',
      retryAfterMs: 1_000,
    });
    expect(one.done.slice(-1)).toEqual(['look anew']);
    expect(one.record()?.stepFailure).toBeUndefined();
  });

  test.each<[string, object, string]>([
    ['pulled', {}, 'pull image'],
    ['built', { image: undefined, build: { context: './app' } }, 'build image'],
  ])('an image that was %s is looked for again', async (_, spec, call) => {
    one.surroundings = { ...of(manifestOf('twin', spec)), images: {} };
    await reconcile();
    expect(executed(one)[0]).toContain(call);
    expect(one.done.slice(-3)).toEqual(['look anew', 'forget the images', 'save Building']);
  });

  test('its program was told of what its files hold now', async () => {
    one.surroundings = of(manifestOf('twin', { reload: { signal: 'HUP' } }));
    await settle(one, { reloadDigest: 'before' });
    await reconcile();
    expect(executed(one)).toEqual([expect.stringContaining('signal container')]);
    expect(one.record()?.reloadDigest).toMatch(/^[0-9a-f]{64}$/);
    await next();
    expect(executed(one)).toEqual([]);
  });

  test('its program could not be told', async () => {
    one.surroundings = of(manifestOf('twin', { reload: { signal: 'HUP' } }));
    await settle(one, { reloadDigest: 'before' });
    one.outcome = failure('Other');
    await reconcile();
    expect(one.record()?.reloadDigest).toBe('before');
  });
});

describe('a container that nobody wants', () => {
  const stray = containerOf(A, 1);
  const remove = ['stop', 'remove'].map((verb) => `${verb} container ${stray.name}`);

  test.each<[string, number, boolean]>([
    ['goes, when this run saw it', 0, true],
    ['stays, when it was seen before', -1, false],
    ['stays, when it was seen by a clock that was set back since', 1, false],
  ])('%s', async (_, offsetMs, goes) => {
    const { containers } = await settle(one);
    one.observed = { containers: [...containers, stray], observedAtMs: NOW + offsetMs };
    expect(await reconcile()).toEqual({ requeueAfterMs: 0 });
    if (goes) expect(executed(one)).toEqual(remove);
    else expect(one.done.slice(1)).toEqual(['look anew']);
  });

  test('is not tried to be removed again before the time of what failed', async () => {
    const stepFailure = { operation: 'x', reason: 'Other', message: 'no', terminal: false, atMs: NOW };
    const { containers } = await settle(one, {
      stepFailure,
      step: { failures: 1, notBeforeMs: NOW + 1_000 },
    });
    one.observed = seen(...containers, stray);
    expect(await reconcile()).toEqual({ requeueAfterMs: 1_000 });
    expect(executed(one)).toEqual([]);
    await settle(one, { step: { failures: 1, notBeforeMs: NOW + 1_000 } });
    one.observed = seen(...containers, stray);
    await reconcile();
    expect(executed(one)).toEqual(remove);
  });

  test('goes, when it was seen while this run waited', async () => {
    const { containers } = await settle(one);
    one.observed = { containers: [...containers, stray], observedAtMs: NOW + 5 };
    one.meanwhile = () => {
      one.nowMs = NOW + 9;
    };
    await reconcile();
    expect(executed(one)).toEqual(remove);
  });
});
