import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSYBOX } from '../contract/busybox.ts';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import type { HostContainer } from './podman-host.ts';
import { openSite, type Site } from './site.ts';
import { isStable, untilStable } from './status.ts';
import { until } from './until.ts';

const HIDDEN = 'of the host, and of nobody else';

/** `writer` may write where the others read: what it puts there must lead nobody out of it. */
describe('an agent that puts a link', () => {
  let site: Site;

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    const { dir, namespace } = site;
    for (const path of ['data/inner', 'data/image/files', 'outside/files'])
      mkdirSync(join(dir, path), { recursive: true });
    for (const path of ['outside/hidden', 'outside/files/hidden']) writeFileSync(join(dir, path), HIDDEN);
    writeFileSync(join(dir, 'data/inner/own'), 'own');
    writeFileSync(join(dir, 'data/image/Containerfile'), `FROM ${BUSYBOX}\nCOPY files /files\n`);
    writeFileSync(join(dir, 'data/image/files/own'), 'own');
    site.write('reader.yaml', agentText({ name: 'reader', namespace, more: mount('../data/inner') }));
    site.write('built.yaml', builtText(namespace));
    site.start();
    await untilStable(site, 2);
  });
  afterAll(() => site?.cleanUp());

  const running = async (name: string): Promise<HostContainer | undefined> =>
    (await site.host.containers(site.namespace)).find(
      ({ Config, State }) => Config.Labels['rookery.dev/name'] === name && State.Status === 'running',
    );
  const inside = async (name: string, script: string): Promise<string> =>
    site.host.podman('exec', (await running(name))?.Id ?? '', 'sh', '-c', script);
  const swap = (path: string, target: string): void => {
    renameSync(join(site.dir, path), join(site.dir, `${path}.away`));
    symlinkSync(join(site.dir, target), join(site.dir, path));
  };
  const putBack = (path: string): void => {
    rmSync(join(site.dir, path));
    renameSync(join(site.dir, `${path}.away`), join(site.dir, path));
  };

  test('in the place of a mount: nobody starts on it, and it is said which', async () => {
    const before = await running('reader');
    swap('data/inner', 'outside');
    process.kill(before?.State.Pid ?? 0, 'SIGKILL');
    await until('it is refused', async () => {
      const { message, phase } = await site.status('reader');
      if (!/replaced by a link and leads to .*outside|outside the allowed roots/.test(message))
        throw new Error(`${phase}: ${message}`);
      return true;
    });
    expect(await running('reader')).toBeUndefined();
    putBack('data/inner');
    await until('it is back', async () => isStable(await site.status('reader')));
    expect(await inside('reader', 'cat /mounted/*')).toBe('own');
  });

  test('into a build context: the image has the link, and nothing of what it leads to', async () => {
    const before = await running('built');
    symlinkSync(join(site.dir, 'outside/hidden'), join(site.dir, 'data/image/files/link'));
    const after = await until('it is built anew', async () => {
      const now = await running('built');
      return now?.Id !== before?.Id && isStable(await site.status('built')) && now;
    });
    expect(after.Image).not.toBe(before?.Image);
    expect(await inside('built', 'cat /files/*; true')).not.toContain(HIDDEN);
    expect(await inside('built', 'readlink /files/link')).toBe(join(site.dir, 'outside/hidden'));
  });
});

const mount = (path: string): string =>
  `volumes: [{name: v, hostPath: {path: ${path}}}]\nvolumeMounts: [{name: v, mountPath: /mounted, readOnly: true}]`;

const builtText = (namespace: string): string =>
  agentText({ name: 'built', namespace }).replace(/image: .*\n.*\n/, 'build: {context: ../data/image}\n');
