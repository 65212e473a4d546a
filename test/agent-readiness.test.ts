import { describe, expect, test } from 'vitest';
import { hasDrifted, mustCorrect } from '../controllers/agent/drift.ts';
import type { AgentFacts, View } from '../controllers/agent/facts.ts';
import { areProbesReady, isAllReady, isCutOff, isServed, unreached } from '../controllers/agent/readiness.ts';
import type { ObservedContainer } from '../src/state/observed.ts';
import type { AgentRecord, AgentState, Revision } from '../src/state/record.ts';
import {
  aView,
  B,
  BESIDE_A,
  BESIDE_B,
  containerOf,
  NOW,
  READY,
  specOf,
  replicaOf,
} from './fakes/agent-views.ts';
import { aContainer } from './fakes/templates.ts';
import { failure, serving } from './fakes/update-records.ts';

/** Replicas `0`, `1`, … of a revision, with an address each. */
const one = (revision: Revision, attempt: number, ordinal: number): ObservedContainer =>
  replicaOf(revision, attempt, ordinal, {
    id: String(ordinal),
    networks: { 'ns.default': `10.0.0.${ordinal}` },
  });

interface Scene {
  readonly state?: AgentState;
  readonly replicas?: number;
  /** Those that are not ready. */
  readonly unready?: readonly number[];
  /** Those that its holder leads to; absent: it has none, and needs none. */
  readonly routed?: readonly number[];
  readonly record?: Partial<AgentRecord>;
  readonly facts?: Partial<AgentFacts>;
}

/** Two replicas that serve. */
function scene({ state = 'Healthy', replicas = 2, unready = [], routed, record, facts }: Scene): View {
  const revision = routed ? BESIDE_B : { ...B, template: BESIDE_B.template };
  const holder = routed && {
    holder: { container: aContainer('', 0, { id: 'holder' }), route: routed.map((at) => `10.0.0.${at}`) },
  };
  return aView(state, {
    record: {
      revisions: [BESIDE_A, revision],
      currentRevision: revision.id,
      stableRevision: revision.id,
      targetRevision: revision.id,
      ...record,
    },
    facts: {
      spec: specOf({ replicas }),
      wish: {
        template: revision.template,
        ...(routed && { holder: { networks: [], ports: [] } }),
        imageKnown: true,
        reloadDigest: '',
      },
      verdictOf: ({ id }) => ({ ...READY, ready: !unready.includes(Number(id)) }),
      observed: { containers: [one(revision, 2, 0), one(revision, 2, 1)], observedAtMs: NOW, ...holder },
      ...facts,
    },
  });
}

const NOT_YET = 'its name, addresses and ports do not lead to it yet';
const failed = { stepFailure: failure };

describe('why a name leads to nobody who is ready', () => {
  test.each<[name: string, Scene, why: string | undefined]>([
    ['not told of one that has its name itself', {}, undefined],
    ['not told where all are routed', { routed: [0, 1] }, undefined],
    ['not told where nobody is to answer', { replicas: 0, routed: [] }, undefined],
    ['told where nobody is routed yet', { routed: [] }, NOT_YET],
    ['told where the one that is routed is not ready', { routed: [0], unready: [0] }, NOT_YET],
    ['with what went wrong, if it did', { routed: [], record: failed }, 'is not ours'],
    ['not told of a moment in which one of two is routed', { routed: [0] }, undefined],
    ['told of it where that failed', { routed: [0], record: failed }, 'is not ours'],
    ['not told of a failure elsewhere', { routed: [0, 1], record: failed }, undefined],
  ])('%s', (_, its, why) => {
    expect(unreached(scene(its))).toBe(why);
  });

  test('and is cut off by that only when it was tried', () => {
    expect(isCutOff(scene({ routed: [], record: failed }))).toBe(true);
    expect(isCutOff(scene({ routed: [] }))).toBe(false);
    expect(isCutOff(scene({ routed: [0, 1], record: failed }))).toBe(false);
  });
});

describe('somebody answers', () => {
  test.each<[name: string, Scene, served: boolean]>([
    ['when all do', {}, true],
    ['when one of two does', { unready: [1] }, true],
    ['not when none is ready', { unready: [0, 1] }, false],
    ['when one of two is routed', { routed: [1] }, true],
    ['not when nobody is routed', { routed: [] }, false],
    ['not when nobody is to run', { replicas: 0 }, false],
  ])('%s', (_, its, served) => {
    expect(isServed(scene(its))).toBe(served);
  });
});

describe('all who should answer do', () => {
  test.each<[name: string, Scene, probes: boolean, all: boolean]>([
    ['when their probes say so', {}, true, true],
    ['not when one of two is not ready', { unready: [1] }, false, false],
    ['not when nobody is routed, whatever the probes say', { routed: [] }, true, false],
    ['while a person is asked, as long as nothing was touched', { state: 'Paused' }, true, true],
    ['not while nothing is to run', { state: 'StoppingOld' }, false, false],
  ])('%s', (_, its, probes, all) => {
    expect(areProbesReady(scene(its))).toBe(probes);
    expect(isAllReady(scene(its))).toBe(all);
  });

  test('when the old ones do, beside a new one that failed', () => {
    const beside = scene({
      state: 'Failing',
      replicas: 1,
      routed: [0],
      record: { currentRevision: BESIDE_A.id, rollout: { strategy: 'BlueGreen' } },
      facts: {
        observed: {
          containers: [one(BESIDE_A, 1, 0)],
          observedAtMs: NOW,
          holder: { container: aContainer('', 0, { id: 'holder' }), route: ['10.0.0.0'] },
        },
      },
    });
    expect(isAllReady(beside)).toBe(true);
  });
});

describe('an agent was changed behind our back', () => {
  const renamed = containerOf(B, 2, { name: 'mine' });
  const elsewhere = containerOf(B, 2, { networks: {} });
  const seen = (container: ObservedContainer, facts: Partial<AgentFacts> = {}): View =>
    aView('Healthy', { record: serving, containers: [container], facts });

  test('when its container was renamed, or taken off its network', () => {
    expect(hasDrifted(seen(renamed))).toBe(true);
    expect(hasDrifted(seen(elsewhere))).toBe(true);
    expect(hasDrifted(seen(containerOf(B, 2)))).toBe(false);
  });

  test('when its newest manifest asks for another network: joining that needs no new container', () => {
    const network = { mode: 'bridge', networks: [{ name: 'ns.other', aliases: [] }] } as const;
    const template = { ...B.template, network };
    expect(
      hasDrifted(seen(containerOf(B, 2), { wish: { template, imageKnown: true, reloadDigest: '' } })),
    ).toBe(true);
  });

  test('not as far as anyone can tell while nobody knows what it asks for', () => {
    expect(hasDrifted(seen(renamed, { wish: undefined }))).toBe(false);
  });

  test('which is put right where its manifest wants that', () => {
    expect(mustCorrect(seen(renamed, { spec: specOf({ driftPolicy: 'Correct' }) }))).toBe(true);
    expect(mustCorrect(seen(renamed, { spec: specOf({ driftPolicy: 'Report' }) }))).toBe(false);
    expect(mustCorrect(seen(renamed, { spec: undefined }))).toBe(false);
  });
});
