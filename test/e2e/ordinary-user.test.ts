import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openOrdinaryUser, type OrdinaryUser } from './ordinary-user.ts';
import { copyExample, openSite, type Site } from './site.ts';
import { until } from './until.ts';

describe('an ordinary user', () => {
  let user: OrdinaryUser;
  let site: Site;

  beforeAll(() => {
    user = openOrdinaryUser();
    site = openSite(user.site);
    user.give(site.dir);
  });
  afterAll(async () => {
    await site?.cleanUp();
    user?.cleanUp();
  });

  test('gets a healthy agent from the first example', async () => {
    await copyExample(site, 'hello');
    site.start();
    const started = performance.now();
    await until('the controller answers', () => site.agents());
    expect(await site.rookery('apply', '--timeout', '80s')).toMatchObject({ exitCode: 0 });
    console.log(
      `rootless: image imported, agent built and healthy after ${Math.round(performance.now() - started)} ms`,
    );
    expect((await site.rookery('get', 'agents')).stdout).toMatch(/^hello +1 +(Monitoring|Healthy) +True/m);
    const { address, containerName } = await site.status('hello');
    expect(address).toMatch(/^10\./);
    const owner = await site.host.podman('inspect', '--format', '{{.State.Pid}}', containerName ?? '');
    const uid = execFileSync('stat', ['--format', '%u', `/proc/${owner}`], { encoding: 'utf8' }).trim();
    expect(uid).not.toBe('0');
    expect(await site.rookery('plan')).toMatchObject({ exitCode: 0 });
  });
});
