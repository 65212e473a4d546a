import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NEEDS, writeColony } from './boot-story.ts';
import { ensureBusybox } from './busybox-agents.ts';
import { openOrdinaryUser } from './ordinary-user.ts';
import { openRoot, type OwnHost } from './own-host.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('left out without root: a boot, for only root can tell a controller of another one');

const NAMES = Object.keys(NEEDS);
/** Seconds since the host's real boot. */
type Moments = Readonly<Record<string, { readonly started: number; readonly served: number }>>;

// Only root can put another boot id before a process; everyone else is told at the top what is left out.
describe.runIf(isRoot).each([
  { who: 'root', open: openRoot },
  { who: 'an ordinary user', open: openOrdinaryUser },
])('the colony of $who after a boot', ({ open }) => {
  let host: OwnHost;
  let site: Site;
  let controller: Controller;
  let bootIdFile: string;

  beforeAll(async () => {
    host = open();
    const { podman, give = () => undefined } = host;
    await ensureBusybox(podman.host);
    bootIdFile = join(podman.directory, 'boot-id');
    site = openSite({
      ...host.site,
      host: podman.host,
      user: [...bootedAs(bootIdFile), ...(host.site?.user ?? [])],
    });
    await writeColony(site);
    for (const path of [site.dir, podman.socket]) give(path);
    writeFileSync(bootIdFile, `${randomUUID()}\n`);
    controller = site.start();
    await untilStable(site, NAMES.length);
  });
  afterAll(async () => {
    await site?.cleanUp();
    host?.cleanUp();
  });

  /** By agent, the container that runs. */
  const containers = async (): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries(
      (await site.host.containers(site.namespace)).map(({ Config, Id, State }) => [
        [Config.Labels['rookery.dev/name'], Config.Labels['rookery.dev/role']].filter(Boolean).join(' '),
        `${Id} ${State.Status}`,
      ]),
    );
  const moments = async (): Promise<Moments> => {
    const ids = await containers();
    const said = NAMES.map(async (name) => {
      const text = await site.host.podman('logs', ids[name]?.split(' ')[0] ?? 'none');
      return [name, { started: lastOf(text, 'started'), served: lastOf(text, 'served') }] as const;
    });
    return Object.fromEntries(await Promise.all(said));
  };
  const restarts = async (): Promise<Readonly<Record<string, number>>> =>
    Object.fromEntries(
      (await site.agents()).map(({ metadata, status }) => [metadata.name, status?.restarts ?? -1]),
    );

  test('comes up in the order of its dependencies, each once', async () => {
    const before = [await containers(), await restarts()];
    const servedBefore = await moments();
    await controller.end('SIGKILL');
    await host.podman.reboot();
    writeFileSync(bootIdFile, `${randomUUID()}\n`);
    const startedAtMs = performance.now();
    controller = site.start();
    await untilStable(site, NAMES.length);
    console.log(
      `${NAMES.length} agents healthy ${Math.round(performance.now() - startedAtMs)} ms after the controller's start`,
    );
    const after = await moments();
    for (const [name, needs] of Object.entries(NEEDS))
      for (const need of needs) {
        expect(after[need]?.served, `${need} answers anew`).toBeGreaterThan(servedBefore[need]?.served ?? 0);
        expect(after[name]?.started, `${name} starts after ${need}`).toBeGreaterThan(
          after[need]?.served ?? 0,
        );
      }
    expect([await containers(), await restarts()]).toEqual(before);
  });
});

/** A mount namespace in which the kernel tells what the file says; the file is as it is at the start of a process. */
const bootedAs = (file: string): string[] => [
  'unshare',
  '--mount',
  'sh',
  '-euc',
  `mount --bind ${file} /proc/sys/kernel/random/boot_id; exec "$@"`,
  'sh',
];

const lastOf = (text: string, event: string): number =>
  Number(
    text
      .split('\n')
      .findLast((line) => line.startsWith(`${event} `))
      ?.slice(event.length + 1),
  );
