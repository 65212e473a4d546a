import { describe, expect, test } from 'vitest';
import { heldStatus } from '../controllers/agent/held.ts';
import { unmet } from '../controllers/agent/unmet.ts';
import { unsupported } from '../controllers/agent/unsupported.ts';
import { agent } from '../src/api/agent.ts';
import { HOLDER_ANNOTATION } from '../src/api/labels.ts';
import { canonicalJson } from '../src/state/canonical.ts';
import type { AgentState } from '../src/state/record.ts';
import { aView, B, type Situation } from './fakes/agent-views.ts';
import { agentManifest } from './fakes/simulated-host.ts';
import { aContainer } from './fakes/templates.ts';
import { failure, serving, update } from './fakes/update-records.ts';

describe('of an agent that a person holds, people read', () => {
  const held = (acts: object, state: AgentState = 'Verifying', record: Situation['record'] = update) =>
    heldStatus(aView(state, { record, facts: { acts: { specHash: 'hash', ...acts } } }));

  test('nothing, when nobody does', () => {
    expect(held({})).toBeUndefined();
  });

  test('that it is suspended, and how to end it', () => {
    expect(held({ suspended: { sinceMs: 1 } })).toEqual({
      phase: 'Suspended',
      reason: 'SuspendedByUser',
      message: 'suspended by a person; it goes on with: rookery resume twin -n ns',
    });
  });

  test('until when, and why', () => {
    const suspended = { sinceMs: 1, untilMs: Date.UTC(2026, 0, 2, 3, 4, 5), reason: 'the disk is swapped' };
    expect(held({ suspended })?.message).toBe(
      'suspended by a person until 2026-01-02T03:04:05.000Z (the disk is swapped); it goes on with: rookery resume twin -n ns',
    );
  });

  test('where its rollout is paused, and how it goes on', () => {
    expect(held({ pausedAtMs: 1 })).toEqual({
      phase: 'Paused',
      reason: 'PausedByUser',
      message: 'paused by a person in Verifying; it goes on with: rookery rollout resume twin -n ns',
    });
  });

  test('nothing of a pause where no rollout is under way', () => {
    expect(held({ pausedAtMs: 1 }, 'Healthy', serving)).toBeUndefined();
  });

  test('what it was taken back to, and how it follows its manifest again', () => {
    expect(held({ undoToRevision: 'aaaa' }, 'Healthy', serving)).toEqual({
      reason: 'UndoneByUser',
      message:
        'taken back to revision aaaa by a person; it follows its manifest again with: rookery rollout resume twin -n ns',
    });
  });

  test('nothing of that while there is something worse to tell', () => {
    const worse = { ...serving, message: 'exited 3 times' };
    expect(held({ undoToRevision: 'aaaa' }, 'Failed', worse)).toBeUndefined();
  });
});

describe('an agent that serves does not have what its newest manifest asks for', () => {
  const soon = { reason: 'SecretNotReady', message: 'no secret yet', terminal: false };
  const forGood = { reason: 'BuildFailed', message: 'no such base image', terminal: true };
  const behind = { ...serving, generation: 4, triedGeneration: 3 };
  const followed = { ...serving, generation: 4, triedGeneration: 4 };
  const unmetIn = (state: AgentState, situation: Situation) => unmet(aView(state, situation));

  test.each<AgentState>(['Monitoring', 'Healthy', 'Healing', 'Degraded', 'Completed'])(
    'in %s that is told',
    (state) => {
      expect(unmetIn(state, { record: behind, facts: { missing: [soon] } })).toBe(soon);
    },
  );

  test.each<AgentState>(['Pending', 'Blocked', 'Preparing', 'RolledBack'])(
    'in %s its state says so itself',
    (state) => {
      expect(unmetIn(state, { record: behind, facts: { missing: [forGood] } })).toBeUndefined();
    },
  );

  test('and what cannot be had at all comes first', () => {
    expect(unmetIn('Healthy', { record: behind, facts: { missing: [soon, forGood] } })).toBe(forGood);
  });

  test('though it followed that manifest: what is gone for good is told, a moment’s wait is not', () => {
    expect(unmetIn('Healthy', { record: followed, facts: { missing: [soon] } })).toBeUndefined();
    expect(unmetIn('Healthy', { record: followed, facts: { missing: [forGood] } })).toBe(forGood);
  });

  test('unless there is no manifest any more', () => {
    const gone = { record: behind, facts: { missing: [forGood], spec: undefined } };
    expect(unmetIn('Healthy', gone)).toBeUndefined();
  });

  describe('when its holder cannot have the new ports', () => {
    const template = { networks: [], ports: [] };
    const madeFor = (made: object) => ({
      container: aContainer('', 0, { annotations: { [HOLDER_ANNOTATION]: canonicalJson(made) } }),
      route: [],
    });
    const situation = (made: object | undefined, wished: object, stepFailure?: object): Situation => ({
      record: { ...followed, ...stepFailure },
      facts: {
        wish: { template: B.template, imageKnown: true, reloadDigest: '', ...wished },
        observed: {
          containers: [],
          observedAtMs: 0,
          ...(made && { holder: madeFor(made) }),
        },
      },
    });
    const old = { ...template, ports: ['8080'] };
    const failed = { stepFailure: failure };

    test('why the step failed is told', () => {
      expect(unmetIn('Healthy', situation(old, { holder: template }, failed))).toEqual({
        reason: 'Conflict',
        message: 'is not ours',
        terminal: false,
      });
    });

    test.each<[string, Situation]>([
      ['it has them', situation(template, { holder: template }, failed)],
      ['nothing was tried', situation(old, { holder: template })],
      ['it has no holder', situation(undefined, { holder: template }, failed)],
      ['it is to have none', situation(old, {}, failed)],
    ])('nothing is told where %s', (_, its) => {
      expect(unmetIn('Healthy', its)).toBeUndefined();
    });
  });
});

describe('what validates and is not supported is told', () => {
  const asking = (change: object) => {
    const manifest = agent.parse(agentManifest('twin', {}));
    return unsupported({ ...manifest, spec: { ...manifest.spec, ...change } });
  };
  const volume = (defaultMode?: number) => ({
    volumes: [{ name: 'c', configMap: { name: 'c', ...(defaultMode !== undefined && { defaultMode }) } }],
  });

  test('as one message, for good', () => {
    expect(asking({ runtime: 'Process', ...volume(0o600) })).toEqual({
      reason: 'NotYetSupported',
      message:
        'runtime Process, defaultMode of a configMap volume is not supported by this version; use runtime Container and mode 0644',
      terminal: true,
    });
  });

  test('each by itself', () => {
    expect(asking({ runtime: 'External' })?.message).toMatch(/^runtime External is not supported/);
    expect(asking(volume(0o400))?.message).toMatch(/^defaultMode of a configMap volume is not supported/);
  });

  test.each([
    ['a container', {}],
    ['files as everyone can read them', volume(0o644)],
    ['files of no mode', volume()],
    ['a volume of another kind', { volumes: [{ name: 'd', emptyDir: {} }] }],
  ])('and %s is supported', (_, change) => {
    expect(asking(change)).toBeUndefined();
  });
});
