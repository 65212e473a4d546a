import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../src/api/status.ts';
import { type CalledSite, openCalledSite } from './called-site.ts';
import { openSite, type Site } from './site.ts';
import { isStable } from './status.ts';
import { until } from './until.ts';
import type { WebAgent } from './web-agent.ts';

const LONG_SECONDS = 300;
const LIMIT_MS = 240_000;

describe.each([
  { strategy: 'BlueGreen', replicas: 1, served: 'Monitoring' },
  { strategy: 'Canary', replicas: 3, isApproved: true, served: 'AwaitingApproval' },
] as const)(
  'what a person does to a $strategy that is called every 20 ms',
  { timeout: LIMIT_MS },
  ({ served, ...first }) => {
    let site: Site;
    let called: CalledSite;
    /** What is there, and is to be there again after what fails. */
    let good: WebAgent;

    beforeAll(async () => {
      site = openSite();
      called = await openCalledSite({ ...first, monitorSeconds: 2 }, site);
      good = called.web();
    }, 180_000);
    afterAll(async () => {
      await called?.end();
      await site?.cleanUp();
    });

    async function rollout(...args: string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await site.rookery('rollout', ...args);
      expect({ exitCode, stderr }, args.join(' ')).toEqual({ exitCode: 0, stderr: '' });
      return stdout;
    }
    const untilIn = (phase: string): Promise<AgentStatus> =>
      called.untilPhase(phase, (status) => status.phase === phase);
    const untilStableWith = (currentRevision: string | undefined): Promise<AgentStatus> =>
      called.untilPhase(
        `${currentRevision} is stable`,
        (status) => isStable(status) && status.currentRevision === currentRevision,
      );
    const target = async (): Promise<string | undefined> => (await site.status('web')).targetRevision;
    const current = async (): Promise<string | undefined> => (await site.status('web')).currentRevision;
    const answersNow = async (): Promise<string> => (await called.answer()).split(' ')[0] ?? '';

    /** What was just begun is approved, not what waited before it. */
    const follow = async (targetBefore: string | undefined): Promise<void> => {
      if (first.strategy !== 'Canary') return;
      const waits = ({ phase, targetRevision }: AgentStatus): boolean =>
        phase === 'AwaitingApproval' && targetRevision !== targetBefore;
      await called.untilPhase('it waits for approval', waits);
      await rollout('approve', 'web');
    };
    /** The revision is saved, goes all the way, and is what the next test begins with. */
    async function goesThrough(change: Partial<WebAgent>): Promise<void> {
      const [before, targetBefore] = [await current(), await target()];
      called.become(change);
      await follow(targetBefore);
      await called.untilPhase(
        `${change.revision} is stable`,
        (status) => isStable(status) && status.currentRevision !== before,
      );
      good = called.web();
    }
    /** After what was given up: the file is what it was, and nothing is replaced for it. */
    async function isBack(): Promise<void> {
      const before = await current();
      called.become(good);
      await untilStableWith(before);
    }

    test('pause holds it before it is asked, and resume lets it go', async () => {
      const [before, targetBefore] = [await current(), await target()];
      called.become({ revision: 'paused', soakSeconds: 10 });
      await untilIn('Verifying');
      expect(await rollout('pause', 'web')).toMatch(/web is paused in Verifying/);
      await untilIn('Paused');
      await called.expectNoGap('paused');
      expect(await called.revisionsThatAnswered()).not.toContain('paused');
      await rollout('resume', 'web');
      await follow(targetBefore);
      await called.untilPhase('it is stable', (now) => isStable(now) && now.currentRevision !== before);
      await called.expectNoGap('resumed');
      called.become({ soakSeconds: 2 });
      good = called.web();
    });

    test('abort while it is tried never touches the old one', async () => {
      const before = await current();
      const untouched = await runningIds();
      called.become({ revision: 'aborted', soakSeconds: LONG_SECONDS });
      await untilIn('Verifying');
      await rollout('abort', 'web');
      await untilIn('RolledBack');
      await called.expectNoGap('aborted while it is tried');
      expect(await called.revisionsThatAnswered()).not.toContain('aborted');
      expect(await current()).toBe(before);
      await until('the candidate is gone', async () => (await runningIds()).join() === untouched.join());
      await isBack();
    });

    test('abort after it serves starts the old one again first', async () => {
      const before = await current();
      called.become({ revision: 'served', monitorSeconds: LONG_SECONDS });
      await untilIn(served);
      await called.untilBothAnswer();
      await rollout('abort', 'web');
      await untilIn('RolledBack');
      await called.expectNoGap('aborted after it serves');
      expect(await called.revisionsThatAnswered()).toContain('served');
      expect(await current()).toBe(before);
      await isBack();
    });

    test('undo goes back from a stable one, and resume follows the file again', async () => {
      const before = await current();
      await goesThrough({ revision: 'undone' });
      const second = await current();
      expect(await rollout('undo', 'web')).toMatch(/goes back to revision/);
      await follow(second);
      await untilStableWith(before);
      await called.expectNoGap('undone');
      await rollout('resume', 'web');
      await follow(before);
      await untilStableWith(second);
      await called.expectNoGap('followed again');
    });

    test('a new manifest while one is tried, and while one serves', async () => {
      called.become({ revision: 'never', mode: 'unready' });
      await called.untilPhase('it is tried', ({ phase }) => phase === 'Starting' || phase === 'Verifying');
      await goesThrough({ revision: 'instead', mode: 'good' });
      await called.expectNoGap('a new manifest while one is tried');
      expect(await called.revisionsThatAnswered()).not.toContain('never');
      called.become({ revision: 'first', monitorSeconds: LONG_SECONDS });
      await untilIn(served);
      await goesThrough({ revision: 'second', monitorSeconds: 2 });
      await called.expectNoGap('a new manifest while one serves');
    });

    test('a rollback that fails leaves those asked who answer, until a good revision comes', async () => {
      await goesThrough({ revision: 'once', mode: 'once' });
      const { restarts } = await site.status('web');
      called.become({ revision: 'sick', mode: 'sick', monitorSeconds: 30 });
      await called.untilPhase('the old one has failed twice', (status) => status.restarts >= restarts + 2);
      // Of a canary's old replicas those that it has not replaced yet were never stopped.
      expect(await answersNow()).toBe(first.strategy === 'Canary' ? 'once' : 'sick');
      await goesThrough({ revision: 'mended', mode: 'good' });
      await called.expectNoGap('a rollback that failed');
      expect(await answersNow()).toBe('mended');
    });

    const runningIds = async (): Promise<string[]> =>
      (await site.host.containers(site.namespace))
        .filter(({ State }) => State.Status === 'running')
        .map(({ Id }) => Id)
        .sort();
  },
);
