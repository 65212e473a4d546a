import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BUSYBOX } from '../contract/busybox.ts';
import { freePort } from '../fakes/ports.ts';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import type { HostContainer } from './podman-host.ts';
import { openSite, type Site } from './site.ts';
import { conditionOf, isStable, untilStable } from './status.ts';
import { until } from './until.ts';

/** The update is tried for real: what fails must fail before anything that runs is touched. */
describe('an update that cannot be had', () => {
  let site: Site;
  let before: HostContainer;
  let server: Server | undefined;
  const text = (more = ''): string => agentText({ name: 'steady', namespace: site.namespace, more });
  const serving = async (): Promise<HostContainer> => {
    const found = await site.host.containers(site.namespace);
    const one = found.find(({ State }) => State.Status === 'running');
    if (!one) throw new Error('nothing runs');
    return one;
  };

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    site.write('steady.yaml', text());
    site.start();
    await untilStable(site, 1);
    before = await serving();
  });
  afterAll(() => site?.cleanUp());

  /** The manifest is put right again, and what serves is still the same run of the same container. */
  afterEach(async () => {
    server?.close();
    site.write('steady.yaml', text());
    await until('it follows its manifest again', async () => {
      const status = await site.status('steady');
      return isStable(status) && conditionOf(status, 'Synced')?.status === 'True';
    });
    await until(
      'no candidate is left',
      async () => (await site.host.containers(site.namespace)).length === 1,
    );
    expect(await serving()).toMatchObject({ Id: before.Id, State: { StartedAt: before.State.StartedAt } });
  });

  /** Which reason `Synced` gives, while the old one is Ready. */
  const expectRefusal = async (manifest: string, reason: string, words: RegExp): Promise<void> => {
    site.write('steady.yaml', manifest);
    await until(`Synced says ${reason}`, async () => {
      const status = await site.status('steady');
      const synced = conditionOf(status, 'Synced');
      if (synced?.status !== 'False' || synced.reason !== reason || !words.test(synced.message))
        throw new Error(JSON.stringify(synced));
      return conditionOf(status, 'Ready')?.status === 'True';
    });
    expect(await serving()).toMatchObject({ Id: before.Id, State: { StartedAt: before.State.StartedAt } });
  };

  test('an image that nobody has', () =>
    expectRefusal(text().replace(BUSYBOX, 'localhost/nobody:1'), 'ErrImageNeverPull', /nobody:1/));

  test('an image that cannot be pulled', () =>
    expectRefusal(
      text()
        .replace(BUSYBOX, 'localhost/nobody:1')
        .replace('imagePullPolicy: Never', 'imagePullPolicy: Always'),
      'ImageNotFound',
      /nobody:1/,
    ));

  test('a build that fails', async () => {
    const context = join(site.dir, 'context');
    mkdirSync(context);
    writeFileSync(join(context, 'Containerfile'), `FROM ${BUSYBOX}\nRUN exit 7\n`);
    const built = text(`build: {context: ${context}}`)
      .replace(`  image: ${BUSYBOX}\n`, '')
      .replace('imagePullPolicy: Never', 'imagePullPolicy: IfNotPresent');
    await expectRefusal(built, 'BuildFailed', /exit status 7|exited with/);
  });

  test('the build of an Image that fails', async () => {
    const context = join(site.dir, 'image');
    mkdirSync(context);
    writeFileSync(join(context, 'Containerfile'), `FROM ${BUSYBOX}\nRUN exit 7\n`);
    const image = `---
apiVersion: rookery.dev/v1alpha1
kind: Image
metadata: {name: own, namespace: ${site.namespace}}
spec: {tag: "localhost/${site.namespace}/own:1", build: {context: ${context}}}
`;
    const tag = `localhost/${site.namespace}/own:1`;
    await expectRefusal(text().replace(BUSYBOX, tag) + image, 'BuildFailed', /Image own/);
  });

  test('a port that somebody else has', async () => {
    const port = await freePort();
    server = createServer().listen(port, '0.0.0.0');
    const ports = `ports: [{containerPort: 80, hostPort: ${port}}]`;
    await expectRefusal(text(ports), 'PortInUse', new RegExp(String(port)));
  });

  test('a Secret and a mount that are not there', async () => {
    const secret = 'env: [{name: A, valueFrom: {secretKeyRef: {name: none, key: a}}}]';
    await expectRefusal(text(secret), 'UnknownReference', /"none"/);
    const mount = `volumes: [{name: d, hostPath: {path: ${site.dir}/none}}]
volumeMounts: [{name: d, mountPath: /d}]`;
    await expectRefusal(text(mount), 'Unreadable', /none/);
  });

  test('a candidate that Podman refuses to create', () =>
    expectRefusal(
      text('securityContext: {capabilities: {add: [NO_SUCH_THING]}}'),
      'BadRequest',
      /NO_SUCH_THING/,
    ));
});
