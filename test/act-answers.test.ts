import { describe, expect, test } from 'vitest';
import { answerTo, type Situation } from '../controllers/agent/answer.ts';
import { newRecord } from '../controllers/agent/decide.ts';
import { type ActRequest } from '../src/api/act-request.ts';
import { agent } from '../src/api/agent.ts';
import { agentKey } from '../src/api/key.ts';
import type { Acts } from '../src/state/acts.ts';
import type { AgentRecord, Revision } from '../src/state/record.ts';
import { createRevision } from '../src/state/revision.ts';
import { agentManifest } from './fakes/simulated-host.ts';
import { aTemplate } from './fakes/templates.ts';

const NOW = 1_000_000;
const proved = (version: string, change = {}): Revision => ({
  ...createRevision(aTemplate({ env: { V: version }, ...change }), `made ${version}`, 0),
  outcome: 'Superseded',
  stableAtMs: 1,
});
const before = proved('a');
const now: Revision = { ...proved('b'), outcome: 'Stable' };
const CANARY = { replicas: 3, rollout: { strategy: 'Canary', canary: { replicas: 1, promotion: 'Manual' } } };

interface Given {
  readonly record?: Partial<AgentRecord>;
  readonly acts?: Partial<Acts>;
  readonly spec?: object;
}

function situation({ record, acts, spec = {} }: Given): Situation {
  const fresh = newRecord({ key: agentKey('ns', 'twin'), specHash: 'hash' }, 'uid', NOW);
  const settled = { state: 'Healthy' as const, revisions: [before, now], currentRevision: now.id };
  return {
    record: { ...fresh, ...settled, targetRevision: now.id, stableRevision: now.id, ...record },
    acts: { specHash: 'hash', ...acts },
    spec: agent.parse(agentManifest('twin', spec)).spec,
    position: { file: 'twin.yaml', line: 3, column: 1 },
    wished: now.template,
    nowMs: NOW,
  };
}

const refusalOf = (request: ActRequest, given: Given): string => {
  const answer = answerTo(request, situation(given));
  return 'refused' in answer ? answer.refused : `agreed: ${answer.message}`;
};

describe('approve', () => {
  const waiting: Given = { spec: CANARY, record: { state: 'AwaitingApproval' } };

  test('is noted for the revision that waits', () => {
    expect(answerTo({ action: 'approve' }, situation(waiting))).toEqual({
      acts: { specHash: 'hash', approvedRevision: now.id },
      message: `twin may promote revision ${now.id}`,
    });
  });

  test.each<[string, Given, RegExp]>([
    ['of what needs none', {}, /needs no approval: only strategy Canary with promotion Manual does/],
    ['before anything waits', { spec: CANARY }, /has no canary that waits for approval \(Healthy\)/],
    ['twice', { ...waiting, acts: { approvedRevision: now.id } }, /has revision \w+ approved already/],
  ])('is refused %s', (_, given, why) => {
    expect(refusalOf({ action: 'approve' }, given)).toMatch(why);
  });
});

test.each<[string, ActRequest, Given, RegExp]>([
  [
    'a restart in a rollout',
    { action: 'restart' },
    { record: { state: 'Starting' } },
    /makes a new container anyway/,
  ],
  [
    'a restart of what failed',
    { action: 'restart' },
    { record: { state: 'RolledBack' } },
    /rollout retry twin -n ns/,
  ],
  ['a second pause', { action: 'pause' }, { acts: { pausedAtMs: 1 } }, /is paused already/],
  [
    'to resume what waits for a choice',
    { action: 'resume' },
    { record: { state: 'Paused' } },
    /retry\|abort\|undo/,
  ],
  [
    'to go on with what its manifest suspends',
    { action: 'unsuspend' },
    { spec: { suspend: true } },
    /twin\.yaml:3/,
  ],
  [
    'anything while it is suspended',
    { action: 'undo' },
    { acts: { suspended: { sinceMs: 1 } } },
    /resume twin -n ns/,
  ],
  [
    'a revision that never proved itself',
    { action: 'undo', toRevision: before.id },
    { record: { revisions: [{ ...before, outcome: 'Pending', stableAtMs: 0 }, now] } },
    /never proved itself/,
  ],
])('%s is refused, with what to do instead', (_, request, given, why) => {
  expect(refusalOf(request, given)).toMatch(why);
});

test('a former member of a pod is no revision to go back to', () => {
  const member = proved('c', { network: { mode: 'pod', pod: 'ns.core-1' } });
  const given = { record: { revisions: [member, now] } };
  expect(refusalOf({ action: 'undo' }, given)).toMatch(
    /was a member of a pod; put it into its pod group again first/,
  );
});

test('a suspension has an end where one was given', () => {
  const answer = answerTo({ action: 'suspend', forSeconds: 60, reason: 'a look' }, situation({}));
  expect(answer).toMatchObject({
    acts: { suspended: { sinceMs: NOW, untilMs: NOW + 60_000, reason: 'a look' } },
    message: 'twin is suspended until 1970-01-01T00:17:40.000Z',
  });
});
