import { describe, expect, test } from 'vitest';
import type { AgentFacts } from '../controllers/agent/facts.ts';
import { nextEvent } from '../controllers/agent/judge.ts';
import type { AgentEvent } from '../controllers/agent/machine.ts';
import type { AgentRecord, AgentState } from '../src/state/record.ts';
import { NEW_REPLICA, type ReplicaRecord } from '../src/state/replica.ts';
import { wishHash } from '../src/state/revision.ts';
import {
  A,
  aView,
  B,
  containerOf,
  CREATED,
  EXITED,
  NOW,
  READY,
  type Situation,
  specOf,
} from './fakes/agent-views.ts';

type Row = [name: string, state: AgentState, change: Situation, event: AgentEvent | undefined];

const oldOne = containerOf(A, 1);
const newOne = containerOf(B, 2);
const known = (change: Partial<ReplicaRecord> = {}): Pick<AgentRecord, 'replicas'> => ({
  replicas: { [`${B.id}-2-0`]: { ...NEW_REPLICA, joined: true, bootId: 'boot', ...change } },
});
const unready = { verdictOf: () => ({ ...READY, ready: false }) };
const down = containerOf(B, 2, EXITED);
const exit = (code: number) => known({ lastExit: { containerId: down.id, code, oomKilled: false, atMs: 9 } });
const spec = (change: object): Partial<AgentFacts> => ({ spec: specOf(change) });
const wish = (change: object): Partial<AgentFacts> => ({
  wish: { template: B.template, imageKnown: true, reloadDigest: '', ...change },
});
const failure = { operation: 'CreateContainer', reason: 'Failed', message: 'no', terminal: false, atMs: 0 };
const failed = (failures: number, terminal = false): Partial<AgentRecord> => ({
  stepFailure: { ...failure, terminal },
  step: { failures, notBeforeMs: 0 },
});
const late = { deadlineAtMs: NOW };
const stopped = { clocksStoppedAtMs: NOW - 1 };
const since = (ms: number) => ({ healthySinceMs: NOW - ms });
const acts = (change: object): Partial<AgentFacts> => ({ acts: { specHash: 'hash', ...change } });
const missing = [{ reason: 'SecretNotReady', message: 'no secret', terminal: false }];
const pull = { type: 'Pull', reference: 'a:1', cause: 'because' } as const;

const update = { currentRevision: A.id, stableRevision: A.id, targetRevision: B.id };
const serving = { currentRevision: B.id, stableRevision: B.id, targetRevision: B.id };

const eventIn = (base: Partial<AgentRecord>, state: AgentState, change: Situation): AgentEvent | undefined =>
  nextEvent(
    aView(state, {
      ...change,
      record: { wishHash: wishHash(B.template), ...base, ...change.record },
    }),
  );

describe('an update in place', () => {
  test.each<Row>([
    ['suspended, nothing is judged', 'Verifying', { facts: { suspended: true }, record: late }, undefined],
    ['its manifest is gone', 'Verifying', { facts: { spec: undefined } }, 'DELETED'],
    ['it is going already', 'Terminating', { facts: { spec: undefined } }, undefined],
    ['it asks for something new', 'Verifying', { record: { wishHash: 'other' } }, 'NEW_TARGET'],
    [
      'the image behind its tag is another one',
      'Verifying',
      { facts: wish({ template: { ...B.template, image: { ...B.template.image, id: 'new' } } }) },
      'NEW_TARGET',
    ],
    [
      'that image is not there yet',
      'Verifying',
      {
        facts: wish({
          imageKnown: false,
          template: { ...B.template, image: { ...B.template.image, id: '' } },
        }),
      },
      undefined,
    ],
    [
      'nobody knows what it asks for',
      'Verifying',
      { facts: { wish: undefined }, record: { wishHash: 'other' } },
      undefined,
    ],

    ['nothing is in its way', 'Pending', {}, 'DEPENDENCIES_READY'],
    [
      'another is not ready',
      'Pending',
      { facts: { gating: { open: false, reason: '', message: '' } } },
      'DEPENDENCIES_WAIT',
    ],
    [
      'it waits already',
      'Blocked',
      { facts: { gating: { open: false, reason: '', message: '' } } },
      undefined,
    ],
    ['it waits no more', 'Blocked', {}, 'DEPENDENCIES_READY'],
    ['a reference leads nowhere', 'Pending', { facts: { missing } }, 'DEPENDENCIES_WAIT'],
    ['its spec cannot be resolved', 'Pending', { facts: { wish: undefined } }, 'DEPENDENCIES_WAIT'],
    ['what it asks for serves', 'Pending', { record: serving }, 'ALREADY_CURRENT'],
    [
      'what it asks for serves, and failed',
      'Pending',
      { record: { ...serving, revisions: [A, { ...B, outcome: 'Failed' }] } },
      'DEPENDENCIES_READY',
    ],
    [
      'what it asks for serves, but the same was asked for anew',
      'Pending',
      { record: { ...serving, restartedAtMs: 5 } },
      'DEPENDENCIES_READY',
    ],
    [
      'and runs anew already',
      'Pending',
      { record: { ...serving, restartedAtMs: 5, revisions: [A, { ...B, restartedAtMs: 5 }] } },
      'ALREADY_CURRENT',
    ],

    ['its image is not there', 'Building', { facts: wish({ imageKnown: false }) }, undefined],
    ['its image is there', 'Building', {}, 'IMAGE_READY'],
    ['its image is the one that serves', 'Building', { record: serving }, 'ALREADY_CURRENT'],
    [
      'its image cannot be had',
      'Building',
      { facts: wish({ imageKnown: false }), record: failed(1, true) },
      'STEP_FAILED',
    ],
    [
      'five tries were in vain',
      'Building',
      { facts: wish({ imageKnown: false }), record: failed(5) },
      undefined,
    ],
    [
      'six tries were in vain',
      'Building',
      { facts: wish({ imageKnown: false }), record: failed(6) },
      'STEP_FAILED',
    ],
    [
      'it is to be pulled always, and was not yet',
      'Building',
      { facts: { ...spec({ imagePullPolicy: 'Always' }), ...wish({ image: pull }) } },
      undefined,
    ],
    [
      'it is to be pulled always, and was',
      'Building',
      {
        facts: { ...spec({ imagePullPolicy: 'Always' }), ...wish({ image: pull }) },
        record: { pulledGeneration: 1 },
      },
      'IMAGE_READY',
    ],
    [
      'it is to be pulled always, and is built',
      'Building',
      { facts: { ...spec({ imagePullPolicy: 'Always' }), ...wish({ image: { ...pull, type: 'Build' } }) } },
      'IMAGE_READY',
    ],
    [
      'it is to be pulled always, and was brought by hand',
      'Building',
      { facts: spec({ imagePullPolicy: 'Always' }) },
      'IMAGE_READY',
    ],
    ['what it asks for is not known any more', 'Building', { facts: { wish: undefined } }, undefined],
    ['it is to be pulled when it is not there', 'Building', { facts: wish({ image: pull }) }, 'IMAGE_READY'],

    ['it is not made yet', 'Preparing', { containers: [oldOne] }, undefined],
    ['it is made', 'Preparing', { containers: [oldOne, containerOf(B, 2, CREATED)] }, 'CREATED'],
    ['it is made, though late', 'Preparing', { containers: [oldOne, newOne], record: late }, 'CREATED'],
    ['it is not made in time', 'Preparing', { containers: [oldOne], record: late }, 'DEADLINE'],
    [
      'there is time left',
      'Preparing',
      { containers: [oldOne], record: { deadlineAtMs: NOW + 1 } },
      undefined,
    ],
    [
      'its clocks stand still',
      'Preparing',
      { containers: [oldOne], record: { ...late, ...stopped } },
      undefined,
    ],
    ['it cannot be made', 'Preparing', { containers: [oldOne], record: failed(1, true) }, 'STEP_FAILED'],
    [
      'it lacks what its manifest refers to',
      'Preparing',
      { containers: [oldOne], record: late, facts: { missing } },
      'INPUT_MISSING',
    ],
    [
      'part of it was made, all the same',
      'Preparing',
      { containers: [oldOne, newOne], record: failed(1, true), facts: { missing } },
      'STEP_FAILED',
    ],

    ['the old one still runs', 'StoppingOld', { containers: [oldOne, newOne] }, undefined],
    [
      'the old one has stopped',
      'StoppingOld',
      { containers: [containerOf(A, 1, EXITED), newOne] },
      'OLD_STOPPED',
    ],
    [
      'the old one does not stop in time',
      'StoppingOld',
      { containers: [oldOne, newOne], record: late },
      'DEADLINE',
    ],
    [
      'the old one cannot be stopped',
      'StoppingOld',
      { containers: [oldOne], record: failed(1, true) },
      'STEP_FAILED',
    ],

    ['it has yet to be started', 'Starting', { containers: [containerOf(B, 2, CREATED)] }, undefined],
    ['it has started', 'Starting', { containers: [newOne], facts: unready }, 'STARTED'],
    [
      'its startup probe has not passed',
      'Starting',
      { containers: [newOne], facts: { verdictOf: () => ({ ...READY, started: false }) } },
      undefined,
    ],
    [
      'no probe has told of it',
      'Starting',
      { containers: [newOne], facts: { verdictOf: () => undefined } },
      undefined,
    ],
    ['it does not start in time', 'Starting', { containers: [], record: late }, 'DEADLINE'],
    [
      'it crashed twice',
      'Starting',
      { containers: [down], record: known({ rolloutRestarts: 2 }) },
      undefined,
    ],
    [
      'it crashed three times',
      'Starting',
      { containers: [down], record: known({ rolloutRestarts: 3 }) },
      'CRASHED_TOO_OFTEN',
    ],
    [
      'it may not be restarted',
      'Starting',
      { containers: [down], facts: spec({ restartPolicy: 'Never' }), record: exit(1) },
      'CRASHED_TOO_OFTEN',
    ],
    [
      'it may not be restarted, and has yet to be started',
      'Starting',
      { containers: [containerOf(B, 2, CREATED)], facts: spec({ restartPolicy: 'Never' }) },
      undefined,
    ],
    [
      'its job ended well',
      'Starting',
      { containers: [down], facts: spec({ restartPolicy: 'Never' }), record: exit(0) },
      'COMPLETED',
    ],
    [
      'its job ended badly',
      'Starting',
      { containers: [down], facts: spec({ restartPolicy: 'OnFailure' }), record: exit(1) },
      undefined,
    ],
    [
      'it cannot be started',
      'Starting',
      { containers: [containerOf(B, 2, CREATED)], record: failed(1, true) },
      'STEP_FAILED',
    ],

    ['it has not been healthy', 'Verifying', { containers: [newOne] }, undefined],
    [
      'it has been healthy for long enough',
      'Verifying',
      { containers: [newOne], record: since(2_000) },
      'PROVEN',
    ],
    [
      'it has not been for quite long enough',
      'Verifying',
      { containers: [newOne], record: since(1_999) },
      undefined,
    ],
    [
      'it was, but its clocks stand still',
      'Verifying',
      { containers: [newOne], record: { ...since(2_000), ...stopped } },
      undefined,
    ],
    ['it is not healthy in time', 'Verifying', { containers: [newOne], record: late }, 'DEADLINE'],
    [
      'it crashes while it is watched',
      'Verifying',
      { containers: [newOne], record: known({ rolloutRestarts: 3 }) },
      'CRASHED_TOO_OFTEN',
    ],
    [
      'its job ended while it was watched',
      'Verifying',
      { containers: [down], facts: spec({ restartPolicy: 'OnFailure' }), record: exit(0) },
      'COMPLETED',
    ],
    ['it has no name to be moved', 'Promoting', { containers: [newOne] }, 'PROMOTED'],
    [
      'a step of the move failed',
      'Promoting',
      { containers: [newOne], record: failed(1, true) },
      'STEP_FAILED',
    ],

    ['its last words are not taken yet', 'Failing', { containers: [oldOne, newOne] }, undefined],
    ['what serves was not touched', 'Failing', { containers: [oldOne] }, 'ROLL_BACK'],
    [
      'its last words are taken',
      'Failing',
      {
        containers: [newOne],
        record: {
          revisions: [A, { ...B, failure: { reason: '', message: '', atMs: 0, logTail: [] } }],
        },
      },
      'ROLL_BACK',
    ],
    [
      'it never came to a revision',
      'Failing',
      { containers: [oldOne], record: { targetRevision: undefined } as never },
      'ROLL_BACK',
    ],
    ['it went back once already', 'Failing', { record: { rolledBackGeneration: 1 } }, 'GIVE_UP'],
    [
      'there is nothing to go back to',
      'Failing',
      { record: { currentRevision: undefined, stableRevision: undefined } as never },
      'GIVE_UP',
    ],
    ['a person is to look first', 'Failing', { facts: spec({ rollout: { onFailure: 'Pause' } }) }, 'PAUSE'],
    [
      'a person has said that it should go back',
      'Failing',
      { facts: spec({ rollout: { onFailure: 'Pause' } }), record: { abortedAtMs: 1 } },
      'ROLL_BACK',
    ],
    ['what it goes back to is up', 'RollingBack', { containers: [oldOne] }, 'RESTORED'],
    ['what it goes back to is not up', 'RollingBack', { containers: [containerOf(A, 1, EXITED)] }, undefined],
    ['what it goes back to is not up in time', 'RollingBack', { containers: [], record: late }, 'DEADLINE'],
    [
      'what it goes back to cannot be started',
      'RollingBack',
      { containers: [], record: failed(1, true) },
      'STEP_FAILED',
    ],
    ['it failed for this manifest', 'RolledBack', { record: { triedGeneration: 1 } }, undefined],
    ['there is a newer manifest', 'RolledBack', { record: { triedGeneration: 1, generation: 2 } }, 'RETRY'],
    [
      'a person looks, and there is a newer manifest',
      'Paused',
      { record: { triedGeneration: 1, generation: 2 } },
      'RETRY',
    ],
    ['a person looks', 'Paused', { record: { triedGeneration: 1 } }, undefined],
    ['a person has looked', 'Paused', { facts: acts({ abortedAtMs: 5 }) }, 'ROLL_BACK'],
    ['a person stops it', 'Verifying', { facts: acts({ abortedAtMs: 5 }) }, 'ABORTED'],
    [
      'a person has stopped it already',
      'Verifying',
      { facts: acts({ abortedAtMs: 5 }), record: { abortedAtMs: 5 } },
      undefined,
    ],
    ['a person stopped what is over', 'RolledBack', { facts: acts({ abortedAtMs: 5 }) }, undefined],
    ['a person tries it again', 'RolledBack', { facts: acts({ retryAtMs: 5 }) }, 'RETRY'],
    [
      'a person has tried it again',
      'RolledBack',
      { facts: acts({ retryAtMs: 5 }), record: { retriedAtMs: 5 } },
      undefined,
    ],
    ['a person holds it', 'Verifying', { facts: acts({ pausedAtMs: 5 }), record: late }, undefined],
    [
      'a person holds it, but nothing serves here',
      'StoppingOld',
      { facts: acts({ pausedAtMs: 5 }), record: late, containers: [oldOne] },
      'DEADLINE',
    ],
    ['the survivor is healthy', 'Failed', { containers: [oldOne], record: since(2_000) }, 'RESTORED'],
    ['the survivor is not healthy yet', 'Failed', { containers: [oldOne], record: since(1_999) }, undefined],
    [
      'what failed on a first deploy is healthy after all',
      'Failed',
      { containers: [newOne], record: { ...since(2_000), currentRevision: undefined } as never },
      'RECOVERED',
    ],
    [
      'the survivor is healthy, and there is a newer manifest',
      'Failed',
      { containers: [oldOne], record: { ...since(2_000), triedGeneration: 1, generation: 2 } },
      'RETRY',
    ],
    ['its image is there at last', 'Failed', { record: { targetRevision: undefined } as never }, 'RETRY'],
    [
      'its image is there, but a person stopped it',
      'Failed',
      { record: { targetRevision: undefined, abortedAtMs: 1 } as never },
      undefined,
    ],
    [
      'its image is still not there, and who serves is healthy',
      'Failed',
      {
        containers: [oldOne],
        record: { ...since(2_000), targetRevision: undefined } as never,
        facts: wish({ imageKnown: false }),
      },
      undefined,
    ],
    [
      'nobody knows what it waits for',
      'Failed',
      { record: { targetRevision: undefined } as never, facts: { wish: undefined } },
      undefined,
    ],
    [
      'its image is still not there',
      'Failed',
      { record: { targetRevision: undefined } as never, facts: wish({ imageKnown: false }) },
      undefined,
    ],
  ])('%s (%s)', (_, state, change, event) => {
    expect(eventIn(update, state, change)).toBe(event);
  });
});

describe('what serves', () => {
  const drifted = { ...newOne, name: 'mine' };
  const correct = spec({ driftPolicy: 'Correct' });
  test.each<Row>([
    ['it is watched', 'Monitoring', { containers: [newOne], record: { deadlineAtMs: NOW + 1 } }, undefined],
    ['it was watched for long enough', 'Monitoring', { containers: [newOne], record: late }, 'STABLE'],
    [
      'it was, but its clocks stand still',
      'Monitoring',
      { containers: [newOne], record: { ...late, ...stopped } },
      undefined,
    ],
    [
      'it fails while it is watched',
      'Monitoring',
      { containers: [newOne], facts: unready, record: known() },
      'UNHEALTHY',
    ],
    [
      'it is condemned',
      'Monitoring',
      {
        containers: [newOne],
        record: known({ condemned: { containerId: newOne.id, startedAtMs: 1, reason: '' } }),
      },
      'UNHEALTHY',
    ],
    [
      'the one before was condemned',
      'Monitoring',
      {
        containers: [newOne],
        record: known({ condemned: { containerId: 'other', startedAtMs: 1, reason: '' } }),
      },
      undefined,
    ],
    [
      'it was restarted since it was condemned',
      'Monitoring',
      {
        containers: [newOne],
        record: known({ condemned: { containerId: newOne.id, startedAtMs: 0, reason: '' } }),
      },
      undefined,
    ],
    [
      'it went down with the host, and is not back in time',
      'Monitoring',
      { containers: [down], record: { ...late, ...known({ rebooted: true }) } },
      'UNHEALTHY',
    ],
    [
      'it went down with the host, and has time to come back',
      'Monitoring',
      { containers: [down], record: { deadlineAtMs: NOW + 1, ...known({ rebooted: true }) } },
      undefined,
    ],
    [
      'it went down with the host long after its rollout',
      'Healthy',
      { containers: [down], record: known({ rebooted: true }) },
      'UNHEALTHY',
    ],
    [
      'its job ends while it is watched',
      'Monitoring',
      { containers: [down], facts: spec({ restartPolicy: 'Never' }), record: exit(0) },
      'COMPLETED',
    ],

    ['all is well', 'Healthy', { containers: [newOne] }, undefined],
    [
      'a person wants it anew',
      'Healthy',
      { containers: [newOne], facts: acts({ restartedAtMs: 5 }) },
      'RESTART',
    ],
    [
      'a person has it anew',
      'Healthy',
      { containers: [newOne], facts: acts({ restartedAtMs: 5 }), record: { restartedAtMs: 5 } },
      undefined,
    ],
    [
      'it is not ready any more',
      'Healthy',
      { containers: [newOne], facts: unready, record: known() },
      'UNHEALTHY',
    ],
    [
      'it crashed before it was ever ready',
      'Healthy',
      { containers: [down], record: known({ joined: undefined, restarts: 1 } as never) },
      'UNHEALTHY',
    ],
    ['it was never there', 'Healthy', { containers: [] }, 'SCALED'],
    [
      'its job is done',
      'Healthy',
      { containers: [down], facts: spec({ restartPolicy: 'OnFailure' }), record: exit(0) },
      'COMPLETED',
    ],
    ['nothing of it is to run', 'Healthy', { facts: spec({ replicas: 0 }) }, undefined],
    ['what runs for ever has ended', 'Healthy', { containers: [down], record: exit(0) }, 'UNHEALTHY'],
    ['it was renamed', 'Healthy', { containers: [drifted], facts: correct }, 'DRIFTED'],
    [
      'it was renamed, and nobody minds',
      'Healthy',
      { containers: [drifted], facts: spec({ driftPolicy: 'Report' }) },
      undefined,
    ],
    ['it is being put right', 'Healing', { containers: [drifted], facts: correct }, undefined],
    ['it is put right', 'Healing', { containers: [newOne], facts: correct }, 'HEALED'],
    [
      'it fails meanwhile',
      'Healing',
      { containers: [drifted], facts: { ...correct, ...unready }, record: known() },
      'UNHEALTHY',
    ],
    [
      'it cannot be put right',
      'Healing',
      { containers: [drifted], facts: correct, record: late },
      'HEALED_IN_VAIN',
    ],
    ['it has recovered', 'Degraded', { containers: [newOne], record: since(10_000) }, 'RECOVERED'],
    ['it has not quite', 'Degraded', { containers: [newOne], record: since(9_999) }, undefined],
    [
      'its job is done at last',
      'Degraded',
      { containers: [down], facts: spec({ restartPolicy: 'OnFailure' }), record: exit(0) },
      'COMPLETED',
    ],
    ['a job that is done is done', 'Completed', { containers: [down], record: late }, undefined],
  ])('%s (%s)', (_, state, change, event) => {
    expect(eventIn(serving, state, change)).toBe(event);
  });
});
