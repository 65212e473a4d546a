import { beforeEach, describe, expect, test } from 'vitest';
import { createAgentReconciler } from '../controllers/agent/reconciler.ts';
import { agentKey, type KeyString, keyString, type ObjectKey } from '../src/api/key.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import { formatActs } from '../src/state/acts.ts';
import type { DesiredObject } from '../src/state/desired.ts';
import type { ObservedAgent } from '../src/state/observed.ts';
import type { Provision } from '../src/state/provision.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { A, containerOf, EXITED, TWIN } from './fakes/agent-views.ts';
import { desiredFrom } from './fakes/desired-objects.ts';
import { createOneAgent, executed, type OneAgent, seen, settle, SURROUNDINGS } from './fakes/one-agent.ts';
import { manifestOf, podGroupOf, type Surroundings } from './fakes/readable-world.ts';

let one: OneAgent;
let loop: Reconciler;

beforeEach(async () => {
  one = await createOneAgent();
  loop = createAgentReconciler(one);
});

const reconcile = () => loop.reconcile(TWIN, one.context);
const of = (...manifests: object[]): Surroundings => ({ ...SURROUNDINGS, manifests });
const agentsGone = (...keys: readonly ObjectKey[]): Surroundings['desired'] & object => ({
  pruned: new Set([TWIN, ...keys].map(keyString)),
});
const found = (key: ObjectKey): Promise<void> => one.store.inventory.put({ key, uid: 'uid', foundAtMs: 1 });
const applied = (manifest: object): Promise<void> => {
  const lastGood = desiredFrom(manifest) as DesiredObject<never>;
  return one.store.inventory.put({ key: lastGood.key, uid: 'uid', lastGood });
};
const next = async (): Promise<readonly string[]> => {
  one.done.length = 0;
  await reconcile();
  return one.done;
};
const phase = () => one.published.at(-1)?.status.phase;
const WEB = agentKey('ns', 'web');

describe('an agent whose manifest is gone', () => {
  const gone = async (...keys: readonly ObjectKey[]): Promise<void> => {
    await settle(one);
    await reconcile();
    one.surroundings = { ...of(), desired: agentsGone(...keys) };
  };

  test('is stopped and removed', async () => {
    await gone();
    await next();
    expect(executed(one).map((call) => call.split(' ')[0])).toEqual(['stop', 'remove']);
    expect(one.done[0]).toBe('probe nobody');
    expect(phase()).toBe('Terminating');
  });

  const web = (dependsOn: object[], namespace = 'ns') => manifestOf('web', { dependsOn }, namespace);
  const elsewhere = agentKey('elsewhere', 'web');
  test.each<[string, object, ObjectKey[], boolean]>([
    ['while one that needs it goes', web([{ name: 'twin' }]), [WEB], true],
    ['while one that needs it and another goes', web([{ name: 'db' }, { name: 'twin' }]), [WEB], true],
    ['not for one that stays', web([{ name: 'twin' }]), [], false],
    ['not for one that needs another', web([{ name: 'db' }]), [WEB], false],
    ['not for one without needs', web([]), [WEB], false],
    ['not for one of another namespace', web([{ name: 'twin' }], 'elsewhere'), [elsewhere], false],
    ['not for what is no agent', podGroupOf('core'), [{ ...WEB, kind: 'PodGroup', name: 'core' }], false],
  ])('stays %s', async (_, other, goToo, stays) => {
    await gone(...goToo);
    await applied(other);
    await found(agentKey('ns', 'lost'));
    await next();
    expect(executed(one)).toHaveLength(stays ? 0 : 2);
    expect(phase()).toBe(stays ? 'Suspended' : 'Terminating');
  });

  test('goes though one that needs it goes, once it is back', async () => {
    await gone(WEB);
    await applied(web([{ name: 'twin' }]));
    one.surroundings = { ...SURROUNDINGS, desired: { pruned: new Set([keyString(WEB)]) } };
    await next();
    expect(phase()).toBe('Healthy');
  });

  const nothingLeft = async (): Promise<void> => {
    await gone(WEB);
    await found(WEB);
    await found(agentKey('ns', 'other'));
    await one.store.addresses.ensure('ns.default', 'ns/twin', () => '10.0.0.9');
    await one.store.annotations.put({ key: TWIN, values: formatActs({ specHash: 'x', retryAtMs: 1 }) });
    one.observed = seen();
    await one.store.records.put({ ...(one.record() as AgentRecord), state: 'Terminating' });
  };

  test('is forgotten once nothing is left of it, and who waited for that goes on', async () => {
    await nothingLeft();
    one.done.length = 0;
    expect(await reconcile()).toEqual({});
    expect(one.done).toEqual([
      'probe nobody',
      'probe nobody',
      'publish that twin is gone',
      'wake Collection/default/images',
      'wake Agent/ns/web',
    ]);
    const { records, annotations, inventory, addresses } = one.store;
    const left = [records, annotations, inventory].map((kept) => kept.get(TWIN));
    expect(left).toEqual([undefined, undefined, undefined]);
    expect(addresses.get('ns.default', 'ns/twin')).toBeUndefined();
  });

  test('is forgotten, though nothing was known of it but its name', async () => {
    await nothingLeft();
    await one.store.records.delete(TWIN);
    expect(await next()).toContain('publish that twin is gone');
  });

  test.each<[string, Partial<ObservedAgent>]>([
    ['a container', seen(containerOf(A, 1, EXITED))],
    ['its name', { holder: { container: containerOf(A, 9, EXITED), route: [] } }],
  ])('is not forgotten while there is %s that may not be removed', async (_, left) => {
    await nothingLeft();
    one.surroundings = { ...of(), desired: { ...agentsGone(WEB), frozen: 'its disk is gone' } };
    one.observed = { ...seen(), ...left };
    await next();
    expect(executed(one)).toEqual([]);
    expect(one.record()).toBeDefined();
  });

  test('begins anew when its manifest is back by then', async () => {
    await nothingLeft();
    const { removed } = one.world.publish;
    Object.assign(one.world.publish, {
      removed: (key: ObjectKey) => {
        one.surroundings = SURROUNDINGS;
        removed(key);
      },
    });
    expect(await reconcile()).toEqual({ requeueAfterMs: 0 });
  });

  test('is told nothing of what it was, when it is back', async () => {
    await reconcile();
    await nothingLeft();
    await reconcile();
    one.surroundings = SURROUNDINGS;
    await settle(one);
    await reconcile();
    expect(Object.keys(one.published.at(-1)?.status ?? {})).not.toContain('lastPlan');
  });
});

describe('a member of a pod group', () => {
  const groups = [podGroupOf('core'), podGroupOf('edge')];
  const POD = 'ns.core-aaaaaaaa';
  const provisions = new Map<KeyString, Provision>([
    [
      keyString({ kind: 'PodGroup', namespace: 'ns', name: 'core' }),
      { ready: true, facts: { kind: 'PodGroup', podName: POD, move: { type: 'None' } } },
    ],
    [
      keyString({ kind: 'Pods', namespace: 'ns', name: 'core' }),
      { ready: true, facts: { kind: 'Pods', present: [POD], running: { name: POD } } },
    ],
  ]);
  const member: Surroundings = { ...of(manifestOf('twin', { podGroup: 'core' }), ...groups), provisions };
  const groupsWoken = () => one.done.filter((line) => line.startsWith('wake PodGroup/'));

  test('tells its group how far it has come, and no other', async () => {
    one.surroundings = member;
    await reconcile();
    expect(groupsWoken()).toEqual(['wake PodGroup/ns/core']);
  });

  test('tells it that it waits, before it has any pod', async () => {
    one.surroundings = { ...member, provisions: new Map<KeyString, Provision>() };
    await reconcile();
    expect(groupsWoken()).toEqual(['wake PodGroup/ns/core']);
  });

  const settledInPod = async (): Promise<AgentRecord> => {
    one.surroundings = member;
    const { containers, record } = await settle(one);
    one.observed = seen(...containers.map((live) => ({ ...live, networks: {} })));
    return record;
  };

  test('tells it nothing while nothing happens', async () => {
    await settledInPod();
    await reconcile();
    expect(groupsWoken()).toEqual([]);
  });

  test('tells it that it goes', async () => {
    await settledInPod();
    await reconcile();
    one.surroundings = { ...of(...groups), desired: agentsGone() };
    await next();
    expect(groupsWoken()).toEqual(['wake PodGroup/ns/core']);
  });

  test('tells the group that it came from, too', async () => {
    const before = await settledInPod();
    one.surroundings = of(manifestOf('twin', { env: [] }), ...groups);
    const { record } = await settle(one);
    await settle(one, {
      ...before,
      revisions: [...before.revisions, ...record.revisions],
      wishHash: 'other',
    });
    await reconcile();
    expect(groupsWoken()).toEqual(['wake PodGroup/ns/core']);
  });
});
