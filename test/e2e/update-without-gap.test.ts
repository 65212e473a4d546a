import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AgentStatus } from '../../src/api/status.ts';
import { openOrdinaryUser } from './ordinary-user.ts';
import { freePort, openSite, type Site } from './site.ts';
import { isStable, untilStable } from './status.ts';
import { until } from './until.ts';
import {
  baseImageText,
  callerText,
  callPort,
  type Caller,
  MIN_HEALTHY_SECONDS,
  type Tally,
  type WebAgent,
  webText,
} from './web-agent.ts';

interface Place {
  readonly site: Site;
  cleanUp(): Promise<void>;
}

function openPlace(): Place {
  const site = openSite();
  return { site, cleanUp: site.cleanUp };
}

function openPlaceOfUser(): Place {
  const user = openOrdinaryUser();
  const site = openSite(user.site);
  user.give(site.dir);
  return { site, cleanUp: () => site.cleanUp().finally(user.cleanUp) };
}

const isRoot = process.getuid?.() === 0;
const PLACES = [
  { name: isRoot ? 'root' : 'this user', open: openPlace },
  ...(isRoot ? [{ name: 'an ordinary user', open: openPlaceOfUser }] : []),
];

describe.each(PLACES)('an agent that is called every 20 ms, for $name', { timeout: 120_000 }, ({ open }) => {
  let place: Place;
  let site: Site;
  let outside: Caller;
  let web: WebAgent;

  beforeAll(async () => {
    place = open();
    site = place.site;
    const { namespace } = site;
    const hostPort = await freePort();
    site.write('base.yaml', baseImageText(namespace));
    web = { namespace, hostPort, revision: 'one', mode: 'good', strategy: 'BlueGreen', replicas: 1 };
    become({});
    site.write('caller.yaml', callerText(namespace));
    site.start();
    await untilStable(site, 2, 120_000);
    outside = callPort(hostPort);
    await untilBothAnswer();
  }, 180_000);
  afterAll(async () => {
    await outside?.end();
    await place?.cleanUp();
  }, 60_000);

  const inside = async (): Promise<Tally> =>
    JSON.parse((await site.rookery('logs', 'caller', '--tail', '1')).stdout) as Tally;
  const untilBothAnswer = async (): Promise<void> => {
    const before = [(await inside()).answers, outside.tally().answers] as const;
    await until('both callers get answers', async () => {
      const now = [(await inside()).answers, outside.tally().answers] as const;
      return now[0] > before[0] + 10 && now[1] > before[1] + 10;
    });
  };
  const untilPhase = (what: string, isIt: (status: AgentStatus) => boolean): Promise<AgentStatus> =>
    until(
      what,
      async () => {
        const status = await site.status('web');
        if (isIt(status)) return status;
        throw new Error(`it is ${status.phase}: ${status.message}`);
      },
      60_000,
    );
  const become = (change: Partial<WebAgent>): void => {
    web = { ...web, ...change };
    site.write('web.yaml', webText(web));
  };
  /** Not one request failed, and nobody answered who had not proved himself. */
  async function expectNoGap(what: string): Promise<void> {
    await untilBothAnswer();
    for (const [where, tally] of [
      ['by name', await inside()],
      ['by published port', outside.tally()],
    ] as const) {
      const { failures, answers, firstUptimeS } = tally;
      console.log(
        `${what}, ${where}: ${answers} answers, ${failures.length} failures, first after ${JSON.stringify(firstUptimeS)} s`,
      );
      expect(failures, where).toEqual([]);
      const { one: _, ...updates } = firstUptimeS;
      for (const [revision, uptimeS] of Object.entries(updates))
        expect(uptimeS, `${revision} ${where}`).toBeGreaterThanOrEqual(MIN_HEALTHY_SECONDS);
    }
  }
  const revisionsThatAnswered = async (): Promise<string[]> =>
    Object.keys({ ...(await inside()).firstUptimeS, ...outside.tally().firstUptimeS }).sort();

  const update = async (revision: string): Promise<void> => {
    const { currentRevision } = await site.status('web');
    become({ revision, mode: 'good' });
    await untilPhase(
      `${revision} is stable`,
      (status) => isStable(status) && status.currentRevision !== currentRevision,
    );
  };
  /** A revision that fails, and back to what was there before. */
  const failWith = async (revision: string, mode: WebAgent['mode']): Promise<void> => {
    const before = web;
    become({ revision, mode });
    await untilPhase('it is rolled back', ({ phase }) => phase === 'RolledBack');
    await expectNoGap(`a revision that is ${mode}, by ${web.strategy}`);
    become(before);
    await untilPhase('what was there is stable again', isStable);
  };

  test('is replaced by a good revision', async () => {
    await update('two');
    await expectNoGap('good update');
    expect(await revisionsThatAnswered()).toEqual(['one', 'two']);
  });

  test.each([
    ['crashes as it starts', 'crash'],
    ['is never ready', 'unready'],
  ] as const)('never hears of a revision that %s', async (_, mode) => {
    await failWith(mode, mode);
    expect(await revisionsThatAnswered()).not.toContain(mode);
  });

  test('goes back from a revision that turns bad after it took over', async () => {
    await failWith('sick', 'sick');
    expect(await revisionsThatAnswered()).toContain('sick');
  });

  test('with three replicas is replaced by way of a canary', async () => {
    become({ replicas: 3, strategy: 'Canary' });
    await untilPhase('three are ready', (status) => isStable(status) && status.readyReplicas === 3);
    await update('three');
    expect(await site.status('web')).toMatchObject({ readyReplicas: 3, updatedReplicas: 3 });
    await expectNoGap('good canary');
    await failWith('canary', 'crash');
    expect(await revisionsThatAnswered()).not.toContain('canary');
  });
});
