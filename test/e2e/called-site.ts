import { expect } from 'vitest';
import type { AgentStatus } from '../../src/api/status.ts';
import { ask, callPort, freePort, type PortCaller } from '../fakes/ports.ts';
import type { Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';
import {
  baseImageText,
  callerText,
  MIN_HEALTHY_SECONDS,
  type Tally,
  tallyOf,
  volumeText,
  type WebAgent,
  webText,
} from './web-agent.ts';

/** A site with the agent `web`, which somebody inside calls by its name and somebody outside by its published port. */
export interface CalledSite {
  readonly site: Site;
  web(): WebAgent;
  /** Saves its manifest with these differences. */
  become(change: Partial<WebAgent>): void;
  untilPhase(what: string, isIt: (status: AgentStatus) => boolean): Promise<AgentStatus>;
  /** Not one request failed, and nobody answered who had not proved himself. */
  expectNoGap(what: string): Promise<void>;
  /** Both get answers now. */
  untilBothAnswer(): Promise<void>;
  revisionsThatAnswered(): Promise<string[]>;
  /** To somebody outside, who asks now. */
  answer(): Promise<string>;
  /** Nobody calls from outside any more. */
  end(): Promise<void>;
}

type First = Pick<WebAgent, 'strategy' | 'replicas' | 'monitorSeconds'> & Partial<WebAgent>;

const PHASE_LIMIT_MS = 90_000;

/** Resolves when it is stable and both are answered. */
export async function openCalledSite(first: First, site: Site): Promise<CalledSite> {
  const { namespace } = site;
  const hostPort = await freePort();
  let web: WebAgent = { namespace, hostPort, revision: 'one', mode: 'good', ...first };
  const become = (change: Partial<WebAgent>): void => {
    web = { ...web, ...change };
    site.write('web.yaml', webText(web));
  };
  site.write('base.yaml', baseImageText(namespace));
  site.write('data.yaml', volumeText(namespace));
  site.write('caller.yaml', callerText(namespace));
  become({});
  site.start();
  await untilStable(site, 2, 120_000);
  const outside = callPort(hostPort);
  const untilBothAnswer = (): Promise<void> => bothAnswer(site, outside);
  await untilBothAnswer();
  return {
    site,
    web: () => web,
    become,
    untilPhase: (what, isIt) => untilPhase(site, what, isIt),
    untilBothAnswer,
    expectNoGap: async (what) => {
      await untilBothAnswer();
      expectNoGap(`${what}, by name`, await inside(site));
      expectNoGap(`${what}, by published port`, tallyOf(outside));
    },
    revisionsThatAnswered: async () =>
      Object.keys({ ...(await inside(site)).firstUptimeS, ...tallyOf(outside).firstUptimeS }).sort(),
    answer: () => ask(hostPort),
    end: outside.end,
  };
}

const inside = async (site: Site): Promise<Tally> =>
  JSON.parse((await site.rookery('logs', 'caller', '--tail', '1')).stdout) as Tally;

async function bothAnswer(site: Site, outside: PortCaller): Promise<void> {
  const count = async () => [(await inside(site)).answers, tallyOf(outside).answers] as const;
  const before = await count();
  await until('both callers get answers', async () => {
    const now = await count();
    return now[0] > before[0] + 10 && now[1] > before[1] + 10;
  });
}

const untilPhase = (site: Site, what: string, isIt: (status: AgentStatus) => boolean): Promise<AgentStatus> =>
  until(
    what,
    async () => {
      const status = await site.status('web');
      if (isIt(status)) return status;
      throw new Error(`it is ${status.phase}: ${status.message}`);
    },
    PHASE_LIMIT_MS,
  );

function expectNoGap(what: string, { failures, answers, firstUptimeS }: Tally): void {
  const first = JSON.stringify(firstUptimeS);
  console.log(`${what}: ${answers} answers, ${failures.length} failures, first after ${first} s`);
  expect(failures, what).toEqual([]);
  const { one: _, ...updates } = firstUptimeS;
  for (const [revision, uptimeS] of Object.entries(updates))
    expect(uptimeS, `${revision}, ${what}`).toBeGreaterThanOrEqual(MIN_HEALTHY_SECONDS);
}
