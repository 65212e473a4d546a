import { describe, expect, test } from 'vitest';
import {
  everyRecord,
  gatingOf,
  isOfChange,
  isUpdating,
  rolloutSlot,
  seePeers,
  type SeenPeer,
} from '../controllers/agent/peers.ts';
import { agentKey, keyString } from '../src/api/key.ts';
import type { Gate } from '../src/plan/graph.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { desiredFrom } from './fakes/desired-objects.ts';
import { fellow, NEW_POD, without } from './fakes/pod-group.ts';
import { manifestOf, type PeerFacts, peersOf } from './fakes/readable-world.ts';

const another = (name: string, state: AgentState, change: Partial<AgentRecord> = {}): AgentRecord =>
  without(fellow(name, state, change), 'unit');
const neverServed = (state: AgentState): AgentRecord => without(another('low', state), 'currentRevision');
const blocked = (reason: string, message = ''): AgentRecord => another('low', 'Blocked', { reason, message });
const seen = (record: AgentRecord, change: Partial<SeenPeer> = {}): SeenPeer => ({
  record,
  live: true,
  ready: true,
  suspended: false,
  outdated: false,
  ...change,
});

describe('an update of one that serves', () => {
  test.each<[name: string, peer: SeenPeer, updating: boolean]>([
    ['is none at rest', seen(another('low', 'Healthy')), false],
    ['has yet to begin', seen(another('low', 'Healthy'), { outdated: true }), true],
    ['is none of one that never served', seen(neverServed('Verifying'), { outdated: true }), false],
    ['begins', seen(another('low', 'Pending')), true],
    ['is built', seen(another('low', 'Building')), true],
    ['is tried', seen(another('low', 'Verifying')), true],
    ['is over once it is promoted', seen(another('low', 'Monitoring')), false],
    ['is over once it is rolled back', seen(another('low', 'RolledBack')), false],
    ['waits for what is below', seen(blocked('WaitingForDependency')), true],
    ['waits for its pod group', seen(blocked('WaitingForPodGroup')), true],
    ['waits for a place', seen(blocked('RolloutLimit')), true],
    ['waits for nobody else’s doing', seen(blocked('SecretNotReady')), false],
    ['waited once', seen(another('low', 'Healthy', { reason: 'RolloutLimit' })), false],
  ])('%s', (_name, peer, updating) => {
    expect(isUpdating(peer)).toBe(updating);
  });
});

describe('what is seen of others', () => {
  const object = desiredFrom(manifestOf('low'));
  const id = keyString(object.key);
  const followed = (specHash: string) => seen(another('low', 'Healthy', { specHash }));

  test.each<
    [name: string, recorded: string, objects: ReadonlyMap<typeof id, typeof object>, outdated: boolean]
  >([
    ['follows its manifest', object.specHash, new Map([[id, object]]), false],
    ['has not followed its manifest yet', 'older', new Map([[id, object]]), true],
    ['has no manifest any more', 'older', new Map(), false],
  ])('is whether one %s', (_name, recorded, objects, outdated) => {
    const { outdated: _, ...before } = followed(recorded);
    expect([...seePeers(new Map([[id, before]]), objects)]).toEqual([[id, { ...before, outdated }]]);
  });

  test('comes before what was saved of them', () => {
    const [a, b] = [another('a', 'Starting'), another('b', 'Healthy')];
    expect(everyRecord(peersOf({ record: a }), [another('a', 'Healthy'), b])).toEqual([a, b]);
  });

  test.each<[name: string, peer: SeenPeer | undefined, change: string | undefined, same: boolean]>([
    ['follows the same', seen(another('low', 'Healthy', { change: 'files-1' })), 'files-1', true],
    ['followed another', seen(another('low', 'Healthy', { change: 'files-2' })), 'files-1', false],
    ['has yet to follow any', seen(another('low', 'Healthy'), { outdated: true }), undefined, true],
    ['followed none, as this one', seen(another('low', 'Healthy')), undefined, false],
    ['was not seen', undefined, 'files-1', false],
  ])('is of one change, where it %s', (_name, peer, change, same) => {
    expect(isOfChange(peer, change)).toBe(same);
  });
});

describe('a gate on another agent', () => {
  const on = keyString(agentKey('ns', 'low'));
  const gate = (condition: Gate['condition'] = 'Healthy', optional = false): Gate => ({
    on,
    condition,
    from: 'dependsOn',
    optional,
  });
  const down = { live: false, ready: false };

  test.each<[name: string, gate: Gate, peer: PeerFacts, text: string]>([
    ['is open: it is ready', gate(), { record: another('low', 'Healthy') }, 'open'],
    [
      'is closed: it is ready and about to change',
      gate(),
      { record: another('low', 'Pending') },
      'WaitingForDependency: waits for low to be Healthy (Pending)',
    ],
    ['is open: it runs', gate('Started'), { record: another('low', 'Degraded'), ready: false }, 'open'],
    [
      'is open: it runs, and is about to change',
      gate('Started'),
      { record: another('low', 'Pending'), ready: false },
      'open',
    ],
    [
      'is closed: it does not run',
      gate('Started'),
      { record: another('low', 'Starting'), ...down },
      'WaitingForDependency: waits for low to be Started (Starting)',
    ],
    ['is open: it has ended', gate('Completed'), { record: another('low', 'Completed'), ...down }, 'open'],
    [
      'is closed: it has not ended',
      gate('Completed'),
      { record: another('low', 'Healthy') },
      'WaitingForDependency: waits for low to be Completed (Healthy)',
    ],
    [
      'is closed: it failed, runs on, and has not ended',
      gate('Completed'),
      { record: another('low', 'Failed') },
      'WaitingForDependency: waits for low to be Completed (Failed)',
    ],
    [
      'is closed for good: it asks for what is not there yet',
      gate(),
      { record: blocked('NotYetSupported', 'runtime Process'), ...down },
      'DependencyFailed: low is Blocked: NotYetSupported (runtime Process)',
    ],
    [
      'is closed for now: it waits for a secret',
      gate(),
      { record: blocked('SecretNotReady'), ...down },
      'WaitingForDependency: waits for low to be Healthy (Blocked)',
    ],
    [
      'is closed for now: it could not go on before',
      gate(),
      { record: another('low', 'Preparing', { reason: 'NotYetSupported' }), ...down },
      'WaitingForDependency: waits for low to be Healthy (Preparing)',
    ],
    [
      'is closed for now: one below it failed before',
      gate(),
      { record: another('low', 'Preparing', { reason: 'DependencyFailed' }), ...down },
      'WaitingForDependency: waits for low to be Healthy (Preparing)',
    ],
    [
      'is closed for now: it is suspended and runs',
      gate(),
      { record: another('low', 'Degraded'), ready: false, suspended: true },
      'WaitingForDependency: waits for low to be Healthy (Degraded)',
    ],
    [
      'is open: it is optional, suspended and down',
      gate('Healthy', true),
      { record: another('low', 'Healthy'), ...down, suspended: true },
      'open',
    ],
    [
      'is open: it is optional, suspended and runs',
      gate('Healthy', true),
      { record: another('low', 'Degraded'), ready: false, suspended: true },
      'open',
    ],
  ])('%s', (_name, one, peer, text) => {
    const gating = gatingOf([one], peersOf(peer));
    expect(gating.open ? 'open' : `${gating.reason}: ${gating.message}`).toBe(text);
  });

  test('that will not open by itself speaks before those that may', () => {
    const [slow, broken] = [
      another('slow', 'Starting'),
      another('broken', 'Paused', { reason: 'CrashLoop' }),
    ];
    const gates = [slow, broken].map(({ key }) => ({ ...gate(), on: keyString(key) }));
    const peers = peersOf({ record: slow, ready: false }, { record: broken, ready: false });
    expect(gatingOf(gates, peers)).toEqual({
      open: false,
      reason: 'DependencyFailed',
      message: 'broken is Paused: CrashLoop',
    });
  });

  test('among three that are closed is named with them, and no more are counted', () => {
    const gates = ['a', 'b', 'c'].map((name) => ({ ...gate(), on: keyString(agentKey('ns', name)) }));
    expect(gatingOf(gates, peersOf())).toMatchObject({
      message: 'waits for a (not seen yet), b (not seen yet), c (not seen yet)',
    });
  });
});

describe('the places for updates of a namespace', () => {
  const NOBODY = { namespace: 'ns', limit: 2, needsApproval: () => false, own: undefined };
  const updating = another('a', 'Verifying');
  const waitsForPerson = another('b', 'AwaitingApproval');
  const moving = (name: string): AgentRecord => fellow(name, 'StoppingOld');

  test.each<[name: string, records: readonly AgentRecord[], slots: object, open: boolean]>([
    ['are taken by updates', [updating, another('b', 'Building')], {}, false],
    ['are not all taken', [updating, another('b', 'Healthy')], {}, true],
    [
      'are not taken by first deploys',
      [updating, without(another('b', 'Building'), 'currentRevision')],
      {},
      true,
    ],
    [
      'are not taken in another namespace',
      [updating, { ...updating, key: agentKey('elsewhere', 'a') }],
      {},
      true,
    ],
    ['are taken by a canary that waits for its time', [updating, waitsForPerson], {}, false],
    [
      'are not taken by one that waits for a person',
      [updating, waitsForPerson],
      { needsApproval: () => true },
      true,
    ],
    [
      'are taken by canaries that are still tried',
      [updating, another('b', 'Verifying')],
      { needsApproval: () => true },
      false,
    ],
    ['are one for all members of a pod group', [updating, moving('b'), moving('c')], { limit: 3 }, true],
    [
      'are one for the group of this one, which is under way',
      [updating, moving('b')],
      { own: NEW_POD },
      true,
    ],
    ['are none for another group', [updating, moving('b')], { own: 'ns.edge-bbbbbbbb' }, false],
  ])('%s', (_name, records, slots, open) => {
    const closed = {
      open: false,
      reason: 'RolloutLimit',
      message: '2 updates are under way in ns; waits for one to finish',
    };
    expect(rolloutSlot(records, { ...NOBODY, ...slots })).toEqual(open ? { open: true } : closed);
  });

  test('a person is asked of the right one', () => {
    const needsApproval = ({ name }: { readonly name: string }): boolean => name === 'b';
    expect(rolloutSlot([updating, waitsForPerson], { ...NOBODY, needsApproval })).toEqual({ open: true });
  });
});
