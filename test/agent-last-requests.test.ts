import { describe, expect, test } from 'vitest';
import type { View } from '../controllers/agent/facts.ts';
import { withTraffic } from '../controllers/agent/traffic-aim.ts';
import type { AgentAim, ContainerAim } from '../src/plan/aim.ts';
import type { AgentRecord, Revision } from '../src/state/record.ts';
import { aView, BESIDE_A, BESIDE_B, containerOf, EXITED, HOLDER } from './fakes/agent-views.ts';
import { aContainer, anAim } from './fakes/templates.ts';

const withHolder = {
  wish: { template: BESIDE_B.template, holder: HOLDER, imageKnown: true, reloadDigest: '' },
};
const seenHolder = { container: aContainer('', 0, { id: 'holder' }), route: [] };
const [oldOne, newOne] = [containerOf(BESIDE_A, 1), containerOf(BESIDE_B, 2)];
/** The new one serves; the old one is out of the route. */
const record: Partial<AgentRecord> = {
  revisions: [BESIDE_A, BESIDE_B],
  currentRevision: BESIDE_B.id,
  stableRevision: BESIDE_A.id,
  targetRevision: BESIDE_B.id,
};
const routed = (revision: Revision, attempt: number): Partial<AgentRecord> => ({
  traffic: { routed: [`${revision.id}-${attempt}-0`], drainingUntilMs: {} },
});
const stillAsked = routed(BESIDE_A, 1);

const viewWith = (change: Partial<AgentRecord>): View =>
  aView('Monitoring', { record: { ...record, ...change }, containers: [oldOne, newOne], facts: withHolder });

const GO: AgentAim['others'] = { remove: 'replaced', graceSeconds: 1 };
const up = anAim(BESIDE_B, 'Running', { attempt: 2 });
const LETTERS: Readonly<Record<string, string>> = { [BESIDE_A.id]: 'A', [BESIDE_B.id]: 'B' };
const told = (aims: readonly ContainerAim[]): string[] =>
  aims.map(({ revision, attempt, want, cause }) => `${LETTERS[revision.id]}${attempt} ${want}: ${cause}`);
const RUNS = 'B2 Running: because';
const ANSWERS = 'A1 Untouched: answers its last requests';

describe('with a holder', () => {
  test.each<[name: string, change: Partial<AgentRecord>, aim: AgentAim, containers: string[]]>([
    [
      'one that is still asked is not stopped',
      stillAsked,
      { containers: [up, anAim(BESIDE_A, 'Stopped')], others: GO },
      [RUNS, ANSWERS],
    ],
    [
      'one that is still asked is not removed',
      stillAsked,
      { containers: [up, anAim(BESIDE_A, 'Absent')], others: GO },
      [RUNS, ANSWERS],
    ],
    [
      'one that is still asked does not go with the others',
      stillAsked,
      { containers: [up], others: GO },
      [RUNS, ANSWERS],
    ],
    [
      'one that is still asked needs no word where the others stay',
      stillAsked,
      { containers: [up], others: 'Leave' },
      [RUNS],
    ],
    [
      'one that is still asked is left alone as before',
      stillAsked,
      { containers: [up, anAim(BESIDE_A, 'Untouched')], others: GO },
      [RUNS, 'A1 Untouched: because'],
    ],
    [
      'one that is asked no more is stopped',
      {},
      { containers: [up, anAim(BESIDE_A, 'Stopped')], others: GO },
      [RUNS, 'A1 Stopped: because'],
    ],
    ['one that is asked no more goes with the others', {}, { containers: [up], others: GO }, [RUNS]],
    [
      'one that serves is stopped where that is asked for',
      routed(BESIDE_B, 2),
      { containers: [anAim(BESIDE_B, 'Stopped', { attempt: 2 })], others: GO },
      ['B2 Stopped: because'],
    ],
  ])('%s', (_name, change, aim, containers) => {
    const after = withTraffic(viewWith(change), aim);
    expect(told(after.containers)).toEqual(containers);
    expect(after.others).toEqual(aim.others);
    expect(after.holder?.route).toEqual([{ revision: BESIDE_B.id, attempt: 2, ordinal: 0 }]);
  });
});

describe('a holder that is not wanted any more', () => {
  const alone = (found: boolean): View =>
    aView('Blocked', {
      record,
      facts: {
        observed: {
          containers: [containerOf(BESIDE_A, 1, EXITED), newOne],
          observedAtMs: 0,
          ...(found && { holder: seenHolder }),
        },
      },
    });
  const aim: AgentAim = { containers: [up], others: 'Leave' };

  test('goes, and nothing else does', () => {
    const after = withTraffic(alone(true), aim);
    expect(told(after.containers)).toEqual([RUNS, 'A1 Untouched: stays for now']);
    expect(after.others).toEqual({
      remove: 'the name, address and ports are the container’s own again',
      graceSeconds: 1,
    });
    expect(after).not.toHaveProperty('holder');
  });

  test('goes with the others, where they go', () => {
    const going = { ...aim, others: GO };
    expect(withTraffic(alone(true), going)).toBe(going);
  });

  test('that is not there changes nothing', () => {
    expect(withTraffic(alone(false), aim)).toBe(aim);
  });
});
