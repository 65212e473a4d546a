import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { agentText, ensureBusybox, WAITS } from './busybox-agents.ts';
import { openSite, type Site } from './site.ts';
import { isStable, untilStable } from './status.ts';
import { until } from './until.ts';

let site: Site;
beforeAll(async () => {
  site = openSite();
  await ensureBusybox(site.host);
});
afterAll(() => site?.cleanUp());

const configured = (script: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: ${site.namespace}}\ndata: {x: "1"}\n---${agentText(
    {
      name: 'worker',
      namespace: site.namespace,
      script,
      more: 'volumes: [{name: c, configMap: {name: c}}]\nvolumeMounts: [{name: c, mountPath: /c}]',
    },
  )}`;

test('the state directory is lost outside of a sync window: what dies is started again, as it was', async () => {
  site.write('worker.yaml', configured(WAITS));
  const first = site.start();
  await untilStable(site, 1);
  const [before] = await site.host.containers(site.namespace);
  await first.end('SIGTERM');
  rmSync(site.stateDir, { recursive: true });
  site.write('worker.yaml', configured(`# newer\n${WAITS}`));
  site.start('--sync-window', 'deny 0 0 * * * for 1d in UTC');
  await until('it is told', async () => (await site.status('worker')).reason === 'OutsideSyncWindow');
  await site.host.podman('kill', before?.Id ?? '');
  await until('it runs again', async () => {
    const [now] = await site.host.containers(site.namespace);
    return now?.Id === before?.Id && now?.State.Status === 'running' && isStable(await site.status('worker'));
  });
  expect((await site.rookery('sync', '--now')).exitCode).toBe(0);
  await until('the newer one comes', async () => {
    const containers = await site.host.containers(site.namespace);
    return containers.some(({ Id, State }) => Id !== before?.Id && State.Status === 'running');
  });
});
