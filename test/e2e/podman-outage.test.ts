import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { agentText, ensureBusybox, SERVES } from './busybox-agents.ts';
import { type OwnPodman, startOwnPodman } from './own-podman.ts';
import { openSite, type Site, untilAgents } from './site.ts';
import { conditionOf, isStable, untilStable } from './status.ts';

const PROBE = 'readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}';

describe("Podman's service", () => {
  let podman: OwnPodman;
  let site: Site;

  beforeAll(async () => {
    podman = startOwnPodman();
    const { host } = podman;
    await ensureBusybox(host);
    site = openSite({ host });
    const { namespace } = site;
    site.write('web.yaml', agentText({ name: 'web', namespace, script: SERVES, more: PROBE }));
    site.write('worker.yaml', agentText({ name: 'worker', namespace }));
    site.start();
    await untilStable(site, 2);
  });
  afterAll(async () => {
    await site?.cleanUp();
    podman?.remove();
  });

  const processes = async (): Promise<number[]> =>
    (await site.host.containers(site.namespace))
      .map(({ State }) => State.Pid)
      .sort((left, right) => left - right);

  test('may die: the agents run on, nothing is judged, and all is well when it is back', async () => {
    const [before, pids] = [await site.host.containers(site.namespace), await processes()];
    podman.kill();
    await untilAgents(site, 2, ({ phase }) => phase === 'Unknown');
    const status = await site.status('web');
    expect(conditionOf(status, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'PodmanUnreachable' });
    expect((await site.rookery('get', 'agents')).stdout).toMatch(/^web +1 +Unknown/m);
    for (const pid of pids) expect(() => process.kill(pid, 0)).not.toThrow();
    await podman.start();
    await untilAgents(site, 2, isStable);
    expect(await processes()).toEqual(pids);
    expect((await site.host.containers(site.namespace)).map(({ Id }) => Id)).toEqual(
      before.map(({ Id }) => Id),
    );
    expect(await site.status('web')).toMatchObject({ restarts: 0 });
  });

  test('may be absent: one error says so, and what to do', async () => {
    const nowhere = join(site.dir, 'nowhere.sock');
    const stateDir = join(site.dir, 'other-state');
    const { exitCode, stderr } = await site.rookery('run', '--socket', nowhere, '--state-dir', stateDir);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^rookery: no Podman API answers; .*\n.*nowhere\.sock.*\n$/);
  });
});
