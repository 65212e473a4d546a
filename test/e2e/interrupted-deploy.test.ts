import { afterEach, describe, expect, test } from 'vitest';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';

const NAMES = ['one', 'two', 'three', 'four', 'five', 'six'];

describe('a controller that is killed in the middle of a first deploy', () => {
  let site: Site;
  afterEach(() => site?.cleanUp());

  test.each([1, 3, 5])('at the container %i leaves no orphan and no double', async (count) => {
    site = openSite();
    await ensureBusybox(site.host);
    for (const name of NAMES) site.write(`${name}.yaml`, agentText({ name, namespace: site.namespace }));
    const first = site.start();
    await until(
      'some containers are there',
      async () => (await site.host.containers(site.namespace)).length >= count,
    );
    await first.end('SIGKILL');
    const survivors = (await site.host.containers(site.namespace)).filter(
      ({ State }) => State.Status === 'running',
    );
    site.start();
    await untilStable(site, NAMES.length);
    const containers = await site.host.containers(site.namespace);
    expect(containers.map(({ Config }) => Config.Labels['rookery.dev/name'] ?? '').sort()).toEqual(
      [...NAMES].sort(),
    );
    expect(containers.every(({ State }) => State.Status === 'running')).toBe(true);
    for (const { Id, State } of survivors)
      expect(containers.find((container) => container.Id === Id)?.State.StartedAt).toBe(State.StartedAt);
    expect(await site.rookery('plan')).toMatchObject({ exitCode: 0 });
  });
});
