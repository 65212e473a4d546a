import { describe, expect, test } from 'vitest';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { type GatherInput, gather } from '../controllers/agent/gather.ts';
import { keyString } from '../src/api/key.ts';
import { podsKey, type Provision } from '../src/state/provision.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { wishHash } from '../src/state/revision.ts';
import { A, aView, B, containerOf, EXITED, NOW, READY } from './fakes/agent-views.ts';
import {
  ARRIVED,
  fellow,
  IN_NEW,
  IN_OLD,
  NEW_POD,
  OLD_POD,
  WAITS,
  wishFor,
  without,
} from './fakes/pod-group.ts';
import {
  aReadableWorld,
  manifestOf,
  peersOf,
  podGroupOf,
  type Surroundings,
} from './fakes/readable-world.ts';

const serving: Partial<AgentRecord> = {
  currentRevision: A.id,
  revisions: [A],
  wishHash: wishHash(A.template),
};
const { record: twin } = aView('Healthy', { record: serving });
/** It runs from A, and is asked for nothing else. */
const atRest: Omit<GatherInput, 'world' | 'peers'> = {
  key: twin.key,
  record: twin,
  observed: { containers: [containerOf(A, 1)], observedAtMs: NOW },
  acts: { specHash: 'hash' },
  resolved: { ...wishFor(A), missing: [] },
  verdictOf: () => READY,
};
const asksForNews = { record: { ...twin, wishHash: 'older' } };
const ofChange = { record: { ...twin, change: 'files-1' } };
const isDown = { observed: { containers: [containerOf(A, 1, EXITED)], observedAtMs: NOW } };
const isNew = { observed: { containers: [], observedAtMs: NOW }, record: undefined };
const isUnrecorded = { record: undefined };

const another = (name: string, state: AgentState, change: Partial<AgentRecord> = {}): AgentRecord =>
  without(fellow(name, state, change), 'unit');

interface Seen extends Partial<GatherInput> {
  readonly surroundings: Surroundings;
}

const factsIn = ({ surroundings, ...input }: Seen): AgentFacts =>
  gather({ ...atRest, peers: peersOf(), world: aReadableWorld(surroundings), ...input });

const told = ({ gating }: AgentFacts): string => (gating.open ? 'open' : gating.reason);

const below = manifestOf('below', { layer: 0 });
const above = manifestOf('twin', { layer: 1 });
const dependent = manifestOf('twin', { layer: 1, dependsOn: [{ name: 'below' }] });
const ill = { record: another('below', 'Degraded'), ready: false };
const illOfChange = { ...ill, record: { ...ill.record, change: 'files-1' } };

describe('who waits for what is below', () => {
  test.each<[name: string, twin: object, input: Partial<GatherInput>, gating: string]>([
    ['an update, for a dependency', dependent, { peers: peersOf(ill) }, 'WaitingForDependency'],
    [
      'an update, for nobody once that is well',
      dependent,
      { peers: peersOf({ ...ill, ready: true }) },
      'open',
    ],
    ['an update, for no layer', above, { peers: peersOf(ill) }, 'open'],
    [
      'an update, for a layer that has yet to follow the same change',
      above,
      { peers: peersOf({ ...ill, outdated: true }) },
      'WaitingForDependency',
    ],
    [
      'an update, for a layer of the same change',
      above,
      { ...ofChange, peers: peersOf(illOfChange) },
      'WaitingForDependency',
    ],
    [
      'an update, for no layer of another change',
      above,
      { ...ofChange, peers: peersOf({ ...ill, record: { ...ill.record, change: 'files-2' } }) },
      'open',
    ],
    ['an update, for no layer that was not seen', above, {}, 'open'],
    [
      'an update, for no layer though a stopped container is kept',
      above,
      {
        observed: { containers: [containerOf(B, 2, EXITED), containerOf(A, 1)], observedAtMs: NOW },
        peers: peersOf(ill),
      },
      'open',
    ],
    ['a start, for its layer', above, { ...isDown, peers: peersOf(ill) }, 'WaitingForDependency'],
    [
      'a start, for nobody once its layer is well',
      above,
      { ...isDown, peers: peersOf({ ...ill, ready: true }) },
      'open',
    ],
    ['a first start, for its layer', above, { ...isNew, peers: peersOf(ill) }, 'WaitingForDependency'],
    [
      'one whose record was lost, for its layer',
      above,
      { ...isUnrecorded, peers: peersOf(ill) },
      'WaitingForDependency',
    ],
    [
      'one that serves from no revision, for its layer',
      above,
      { record: without(twin, 'currentRevision'), peers: peersOf(ill) },
      'WaitingForDependency',
    ],
  ])('%s', (_name, manifest, input, gating) => {
    const facts = factsIn({ surroundings: { manifests: [manifest, below] }, ...input });
    expect(told(facts)).toBe(gating);
    // After a reboot the layers hold for everybody.
    expect(facts.bootGating.open).toBe(input.peers?.get(keyString(ill.record.key))?.ready === true);
  });

  test('one that is in no manifest waits for nobody', () => {
    const facts = factsIn({ surroundings: {}, ...isDown });
    expect([told(facts), facts.bootGating]).toEqual(['open', { open: true }]);
  });
});

describe('an update that goes with others', () => {
  const failed = another('other', 'RolledBack', { change: 'files-1' });
  const busy = ['a', 'b', 'c', 'd'].map((name) => another(name, 'Verifying'));
  const wish = { ...asksForNews };

  test.each<[name: string, input: Partial<GatherInput>, more: Surroundings, gating: string]>([
    [
      'is stopped where another of its change failed',
      { ...ofChange, peers: peersOf({ record: failed }) },
      {},
      'ChangeStopped',
    ],
    [
      'is stopped where one failed before the controller started',
      ofChange,
      { records: [failed] },
      'ChangeStopped',
    ],
    [
      'goes on where that has been tried again since',
      { ...ofChange, peers: peersOf({ record: { ...failed, state: 'Healthy' } }) },
      { records: [failed] },
      'open',
    ],
    [
      'is not stopped by another change',
      { record: { ...twin, change: 'files-2' } },
      { records: [failed] },
      'open',
    ],
    ['starts though another of its change failed', { ...ofChange, ...isDown }, { records: [failed] }, 'open'],
    [
      'is not stopped by a change that a person took back',
      { ...ofChange, acts: { specHash: 'hash', undoToRevision: A.id } },
      { records: [failed] },
      'open',
    ],
    ['waits for one of four places', wish, { records: busy }, 'RolloutLimit'],
    [
      'waits for one of as many places as there are',
      wish,
      { records: busy.slice(1), maxConcurrentRollouts: 3 },
      'RolloutLimit',
    ],
    ['has a place of its own', wish, { records: busy.slice(1) }, 'open'],
    ['starts without a place', isDown, { records: busy }, 'open'],
    [
      'waits for what is below first',
      { peers: peersOf(ill) },
      { manifests: [dependent, below], records: busy },
      'WaitingForDependency',
    ],
    [
      'leaves no place to those of another namespace',
      wish,
      { records: busy.map((one) => ({ ...one, key: { ...one.key, namespace: 'elsewhere' } })) },
      'open',
    ],
  ])('%s', (_name, input, surroundings, gating) => {
    expect(told(factsIn({ surroundings, ...input }))).toBe(gating);
  });

  test.each<[what: string, rollout: object, gating: string]>([
    ['one that waits for a person', { strategy: 'Canary', canary: { promotion: 'Manual' } }, 'open'],
    ['one that waits for its time', { strategy: 'Canary', canary: { promotion: 'Auto' } }, 'RolloutLimit'],
    ['one that is to be no canary any more', { strategy: 'Recreate' }, 'RolloutLimit'],
  ])('beside three others and a canary, %s', (_what, rollout, gating) => {
    const manifests = [manifestOf('a', { rollout, replicas: 2 })];
    const records = [another('a', 'AwaitingApproval'), ...busy.slice(1)];
    expect(told(factsIn({ surroundings: { manifests, records } }))).toBe(gating);
  });

  test('waits for a canary whose manifest is gone', () => {
    const records = [another('a', 'AwaitingApproval'), ...busy.slice(1)];
    expect(told(factsIn({ surroundings: { records } }))).toBe('RolloutLimit');
  });
});

describe('a move to another pod', () => {
  const inCore = (name: string, spec: object = {}): object => manifestOf(name, { podGroup: 'core', ...spec });
  const manifests = [podGroupOf('core'), inCore('twin', { dependsOn: [{ name: 'base' }] }), inCore('base')];
  const member: AgentRecord = {
    ...twin,
    ...ARRIVED,
    revisions: [IN_OLD, IN_NEW],
    currentRevision: IN_OLD.id,
    wishHash: wishHash(IN_NEW.template),
  };
  const input = {
    record: member,
    observed: { containers: [containerOf(IN_OLD, 1)], observedAtMs: NOW },
    resolved: { ...wishFor(IN_NEW), missing: [] },
  };
  const podsAre = (...present: string[]): ReadonlyMap<ReturnType<typeof keyString>, Provision> =>
    new Map([
      [
        keyString(podsKey('ns', 'core')),
        { ready: true, facts: { kind: 'Pods', present, running: { name: OLD_POD } } },
      ],
    ]);
  const made = podsAre(OLD_POD, NEW_POD);
  const unready = peersOf({ record: fellow('base', 'Preparing', WAITS), ready: false });
  const busy = ['a', 'b', 'c'].map((name) => another(name, 'Verifying'));

  test.each<[name: string, input: Partial<GatherInput>, more: Surroundings, gating: string]>([
    ['waits until that is made', {}, { provisions: podsAre(OLD_POD) }, 'WaitingForPodGroup'],
    ['does not wait for those that move with it', { peers: unready }, { provisions: made }, 'open'],
    [
      'waits for them where it stays',
      { peers: unready, resolved: { ...wishFor(IN_OLD), missing: [] } },
      { provisions: made },
      'WaitingForDependency',
    ],
    ['takes the one place of its group', { peers: unready }, { provisions: made, records: busy }, 'open'],
    [
      'waits for a place where its group has none',
      {},
      { provisions: made, records: [...busy, another('d', 'Verifying'), another('base', 'Healthy')] },
      'RolloutLimit',
    ],
  ])('%s', (_name, change, more, gating) => {
    const facts = factsIn({ surroundings: { manifests, ...more }, ...input, ...change });
    expect(told(facts)).toBe(gating);
  });

  test('after a reboot in the midst of it nobody that moves with it is waited for', () => {
    const facts = factsIn({ surroundings: { manifests, provisions: made }, ...input, peers: unready });
    expect(facts.bootGating).toEqual({ open: true });
  });
});
