import { beforeEach, describe, expect, test } from 'vitest';
import { askedOf, performAct, settleActs } from '../controllers/agent/perform-act.ts';
import type { ActRequest } from '../src/api/act-request.ts';
import { type Acts, formatActs, parseActs } from '../src/state/acts.ts';
import type { AgentState, Revision } from '../src/state/record.ts';
import { createRevision, wishHash } from '../src/state/revision.ts';
import { NOW, TWIN } from './fakes/agent-views.ts';
import { createOneAgent, type OneAgent, type Settled, settle, SURROUNDINGS } from './fakes/one-agent.ts';
import { manifestOf } from './fakes/readable-world.ts';

let one: OneAgent;
let settled: Settled;

beforeEach(async () => {
  one = await createOneAgent();
  settled = await settle(one);
});

const ask = (request: ActRequest) => performAct(one.world, { key: TWIN, request }, NOW);
const stored = (): Partial<Acts> | undefined => {
  const values = one.store.annotations.get(TWIN)?.values;
  return values && parseActs(values);
};
const remember = (acts: Partial<Acts>): Promise<void> =>
  one.store.annotations.put({
    key: TWIN,
    values: formatActs({ specHash: settled.record.specHash, ...acts }),
  });
const told = (): string[] =>
  one.store.events.list().map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
const basis = () => ({
  specHash: settled.record.specHash,
  wishHash: wishHash(settled.revision.template),
});
const be = async (state: AgentState, before?: Revision): Promise<void> =>
  one.store.records.put({
    ...settled.record,
    state,
    revisions: before ? [before, settled.revision] : [settled.revision],
  });

/** An earlier one that stood, and that its image and its secret are gone of. */
const earlier = (): Revision => ({
  ...createRevision(
    {
      ...settled.revision.template,
      image: { reference: 'localhost/agent:0', id: 'gone' },
      secretEnv: { PASSWORD: 'rookery-here-secret' },
    },
    'the one before',
    0,
  ),
  outcome: 'Superseded',
  stableAtMs: 1,
});

describe('a request', () => {
  test('is taken down for the manifest as it is, told of, and seen to', async () => {
    expect(await ask({ action: 'restart' })).toEqual({
      acts: { ...basis(), restartedAtMs: NOW },
      message: 'twin restarts',
    });
    expect(stored()).toEqual({ ...basis(), restartedAtMs: NOW });
    expect(told()).toEqual(['Normal RestartRequested: twin restarts: asked for by a person']);
    expect(one.done).toEqual(['wake Agent/ns/twin']);
  });

  test.each<[string, ActRequest, AgentState]>([
    ['SuspendRequested', { action: 'suspend' }, 'Healthy'],
    ['PauseRequested', { action: 'pause' }, 'Monitoring'],
    ['RetryRequested', { action: 'retry' }, 'Failed'],
  ])('has its own name: %s', async (reason, request, state) => {
    await be(state);
    await ask(request);
    expect(told()[0]).toContain(`Normal ${reason}: `);
  });

  test('that makes no sense leaves everything as it is', async () => {
    await remember({ restartedAtMs: 1 });
    expect(await ask({ action: 'pause' })).toEqual({
      refused: expect.stringContaining('twin has no rollout under way (Healthy)'),
    });
    expect(stored()).toEqual({ specHash: basis().specHash, restartedAtMs: 1 });
    expect([told(), one.done]).toEqual([[], []]);
  });

  test('is heard with what was asked for before', async () => {
    await be('Monitoring');
    await remember({ pausedAtMs: 1 });
    expect(await ask({ action: 'pause' })).toEqual({ refused: 'twin is paused already' });
  });

  test('is heard without what was asked of an earlier manifest', async () => {
    await be('Monitoring');
    await remember({ specHash: 'earlier', pausedAtMs: 1 });
    expect(await ask({ action: 'pause' })).toMatchObject({ message: 'twin is paused in Monitoring' });
  });

  test('that comes together with another is heard after it', async () => {
    await be('Monitoring');
    const answers = await Promise.all([ask({ action: 'pause' }), ask({ action: 'pause' })]);
    expect(answers.filter((answer) => 'refused' in answer)).toEqual([{ refused: 'twin is paused already' }]);
    expect(told()).toHaveLength(1);
  });

  test('that takes back the last of what was asked for leaves nothing behind', async () => {
    await remember({ suspended: { sinceMs: 1 } });
    expect(await ask({ action: 'unsuspend' })).toMatchObject({ message: 'twin goes on' });
    expect(stored()).toBeUndefined();
    expect(told()).toEqual(['Normal ResumeRequested: twin goes on: asked for by a person']);
  });

  test('is of no wish while nobody knows what the manifest asks for', async () => {
    const manifests = [manifestOf('twin', { runtime: 'External', image: undefined })];
    one.surroundings = { ...SURROUNDINGS, provisions: new Map(), manifests };
    const answer = await ask({ action: 'suspend' });
    expect(answer).toMatchObject({ message: 'twin is suspended' });
    expect(Object.keys('acts' in answer ? answer.acts : {})).toEqual(['specHash', 'suspended']);
  });
});

describe('there is nobody to ask', () => {
  test('of an agent whose manifest is gone', async () => {
    one.surroundings = { ...SURROUNDINGS, manifests: [] };
    expect(await ask({ action: 'restart' })).toEqual({
      refused: 'its manifest is gone: there is nothing to act on',
    });
  });

  test('before the agent was looked at', async () => {
    await one.store.records.delete(TWIN);
    expect(await ask({ action: 'restart' })).toEqual({
      refused: 'it was not looked at yet; try again in a moment',
    });
  });
});

describe('the way back', () => {
  const undo = { action: 'undo' } as const;

  test('is taken while what it needs is there', async () => {
    const before = { ...earlier(), template: { ...settled.revision.template, env: { V: 'before' } } };
    await be('Healthy', before);
    expect(await ask(undo)).toMatchObject({ message: `twin goes back to revision ${before.id}` });
    expect(stored()).toEqual({ ...basis(), undoToRevision: before.id });
  });

  test('is refused before anything is touched when that is gone', async () => {
    const before = earlier();
    await be('Healthy', before);
    const cannot = `revision ${before.id} cannot run again`;
    expect(await ask(undo)).toEqual({
      refused: `${cannot}: its image localhost/agent:0 is not in local storage; ${cannot}: its secret rookery-here-secret is gone`,
    });
    expect([stored(), told(), one.done]).toEqual([undefined, [], []]);
  });
});

describe('what is asked of an agent', () => {
  const asked = (nowMs = NOW) => askedOf(one.world, { key: TWIN, record: settled.record, nowMs });

  test('is what its manifest asks for', async () => {
    const { acts, basis: found, resolved } = await asked();
    expect(acts).toEqual({ specHash: basis().specHash });
    expect(found).toEqual({ ...basis(), nowMs: NOW });
    expect(resolved).toMatchObject({ missing: [], wish: { template: settled.revision.template } });
  });

  test('is nothing without a manifest, but what a person asked for it', async () => {
    one.surroundings = { ...SURROUNDINGS, manifests: [] };
    await remember({ suspended: { sinceMs: 1 } });
    const { acts, basis: found, resolved } = await asked();
    expect(acts).toEqual({ specHash: basis().specHash, suspended: { sinceMs: 1 } });
    expect(found).toEqual({ specHash: basis().specHash, wishHash: undefined, nowMs: NOW });
    expect(resolved).toEqual({ missing: [] });
  });

  test('is what a person asked for, until its time', async () => {
    await remember({ suspended: { sinceMs: 1, untilMs: NOW + 1 } });
    expect((await asked()).acts.suspended).toBeDefined();
    expect((await asked(NOW + 1)).acts.suspended).toBeUndefined();
  });

  test('is the revision that it was taken back to', async () => {
    const before = earlier();
    await remember({ undoToRevision: before.id });
    settled = { ...settled, record: { ...settled.record, revisions: [before, settled.revision] } };
    const { resolved } = await asked();
    expect(resolved.wish?.template).toMatchObject({ image: before.template.image });
    expect(resolved.missing.map(({ reason }) => reason)).toEqual([
      'RollbackUnavailable',
      'RollbackUnavailable',
    ]);
  });
});

describe('what was carried out', () => {
  const settleFor = (change: Partial<Acts> = {}) =>
    settleActs(one.world, { ...basis(), nowMs: NOW, ...change }, { ...settled.record, restartedAtMs: 5 });

  test('is forgotten, and what was not stays', async () => {
    await remember({ restartedAtMs: 5, suspended: { sinceMs: 1 } });
    await settleFor();
    expect(stored()).toEqual({ specHash: basis().specHash, suspended: { sinceMs: 1 } });
  });

  test('leaves nothing behind when it was all, or was asked of an earlier manifest', async () => {
    await remember({ restartedAtMs: 5 });
    await settleFor();
    expect(stored()).toBeUndefined();
    await remember({ suspended: { sinceMs: 1 } });
    await settleFor({ specHash: 'newer' });
    expect(stored()).toBeUndefined();
  });

  test('may be forgotten by somebody else meanwhile', async () => {
    await remember({ restartedAtMs: 5 });
    const before = one.store.annotations.get(TWIN);
    await one.store.annotations.delete(TWIN);
    const annotations = { ...one.store.annotations, get: () => before };
    const world = { ...one.world, store: { ...one.store, annotations } };
    await settleActs(world, { ...basis(), nowMs: NOW }, settled.record);
    expect(stored()).toBeUndefined();
  });

  test('is not looked for where nothing was asked for', async () => {
    const update = () => Promise.reject(new Error('nothing is to be written'));
    const annotations = { ...one.store.annotations, update };
    const world = { ...one.world, store: { ...one.store, annotations } };
    await expect(settleActs(world, { ...basis(), nowMs: NOW }, settled.record)).resolves.toBeUndefined();
  });
});
