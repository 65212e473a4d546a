import { mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSYBOX } from '../contract/busybox.ts';
import { freePort } from '../fakes/ports.ts';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { conditionOf, isStable, untilStable } from './status.ts';
import { until } from './until.ts';

const MAX_FILE_BYTES = 50 * 1024 * 1024;

describe('what a person gets wrong', () => {
  let site: Site;
  let controller: Controller;
  const text = (name: string, more = ''): string => agentText({ name, namespace: site.namespace, more });
  const idOf = async (name: string): Promise<string | undefined> => {
    const containers = await site.host.containers(site.namespace);
    return containers.find(
      ({ Config, State }) => Config.Labels['rookery.dev/name'] === name && State.Status === 'running',
    )?.Id;
  };

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    for (const name of ['steady', 'victim', 'other']) site.write(`${name}.yaml`, text(name));
    controller = site.start();
    await untilStable(site, 3);
  });
  afterAll(() => site?.cleanUp());

  describe('in a file', () => {
    /** File → what it holds, and what `validate` says of it: place and words. */
    const wrong: Record<string, { write: (file: string) => void; says: RegExp }> = {
      'broken.yaml': {
        write: (file) => site.write(file, 'kind: Agent\nmetadata: {name: x\nspec: [}\n'),
        says: /broken\.yaml:3:\d+: /,
      },
      'unknown-field.yaml': {
        write: (file) => site.write(file, text('unknown-field', 'livenesProbe: {}')),
        says: /unknown-field\.yaml:14:3: .*unknown field.*did you mean "livenessProbe"/,
      },
      'duplicate.yaml': {
        write: (file) => site.write(file, text('steady-twin') + '---' + text('steady-twin')),
        says: /duplicate\.yaml:\d+:\d+: .*steady-twin/,
      },
      'cycle.yaml': {
        write: (file) =>
          site.write(
            file,
            `${text('hen', 'dependsOn: [{name: egg}]')}---${text('egg', 'dependsOn: [{name: hen}]')}`,
          ),
        says: /cycle\.yaml:\d+:\d+: .*(hen.*egg|egg.*hen)/,
      },
      'unknown-dependency.yaml': {
        write: (file) => site.write(file, text('lonely', 'dependsOn: [{name: steadi}]')),
        says: /unknown-dependency\.yaml:14:\d+: .*"steadi".*did you mean "steady"/,
      },
      'huge.yaml': {
        write: (file) => {
          site.write(file, text('huge'));
          truncateSync(join(site.manifests, file), MAX_FILE_BYTES);
        },
        says: /huge\.yaml:1:1: .*(10 MB|10 MiB|large)/,
      },
      'bomb.yaml': { write: (file) => site.write(file, aliasBomb()), says: /bomb\.yaml:\d+:\d+: .*alias/ },
      'outside.yaml': {
        write: (file) => site.write(file, text('outside', HOST_PATH.replace('PATH', '/etc'))),
        says: /outside\.yaml:\d+:\d+: .*"\/etc".*outside the allowed roots.*--root/,
      },
      'link-out.yaml': {
        write: (file) => {
          mkdirSync(join(site.dir, 'data'));
          symlinkSync('/etc', join(site.dir, 'data/link'));
          site.write(file, text('link-out', HOST_PATH.replace('PATH', '../data/link')));
        },
        says: /link-out\.yaml:\d+:\d+: .*outside the allowed roots/,
      },
    };

    test('is told with file, line and column', async () => {
      for (const [file, { write }] of Object.entries(wrong)) write(file);
      const { exitCode, stdout } = await site.rookery('validate');
      expect(exitCode).toBe(1);
      for (const [file, { says }] of Object.entries(wrong)) expect(stdout, file).toMatch(says);
    });

    test('stops nothing, and nothing else', async () => {
      const [steady, victim, other] = [await idOf('steady'), await idOf('victim'), await idOf('other')];
      site.edit('victim.yaml', 'imagePullPolicy', 'imagePulPolicy');
      site.edit('other.yaml', 'terminationGracePeriodSeconds: 1', 'env: [{name: A, value: "1"}]');
      await until('the good edit goes through', async () => {
        const id = await idOf('other');
        return id !== undefined && id !== other && isStable(await site.status('other'));
      });
      const status = await until('the bad one is told', async () => {
        const now = await site.status('victim');
        return conditionOf(now, 'Stalled')?.status === 'True' && now;
      });
      expect(conditionOf(status, 'Stalled')).toMatchObject({ reason: 'InvalidManifest' });
      expect(status.message).toContain('imagePulPolicy');
      expect([await idOf('steady'), await idOf('victim')]).toEqual([steady, victim]);
      const names = (await site.host.containers(site.namespace)).map(({ Name }) => Name).join(' ');
      expect(names).not.toMatch(/unknown-field|twin|hen|egg|lonely|huge|outside|link-out/);
      const apply = await site.rookery('apply', '--timeout', '20s');
      expect(apply.exitCode).toBe(1);
      for (const file of Object.keys(wrong)) expect(apply.stderr).toContain(file);
    });

    test('is forgotten once it is put right', async () => {
      const victim = await idOf('victim');
      for (const file of Object.keys(wrong)) site.remove(file);
      site.edit('victim.yaml', 'imagePulPolicy', 'imagePullPolicy');
      await until(
        'nothing is stalled',
        async () => (await site.rookery('apply', '--timeout', '20s')).exitCode === 0,
      );
      expect(await idOf('victim')).toBe(victim);
    });

    test('takes nothing away that somebody needs: a pod group whose file is deleted stays with its members', async () => {
      const group = `apiVersion: rookery.dev/v1alpha1\nkind: PodGroup\nmetadata: {name: core, namespace: ${site.namespace}}\nspec: {}\n`;
      site.write('core.yaml', group);
      site.write('inner.yaml', text('inner', 'podGroup: core'));
      site.write('spare.yaml', text('spare'));
      await untilStable(site, 5);
      const inner = await idOf('inner');
      for (const file of ['core.yaml', 'spare.yaml']) site.remove(file);
      await until('what nobody needs is gone', async () => (await idOf('spare')) === undefined);
      const apply = await site.rookery('apply', '--timeout', '20s');
      expect([apply.exitCode, apply.stderr]).toEqual([
        1,
        expect.stringMatching(/inner\.yaml:.*PodGroup "core"/),
      ]);
      expect(await idOf('inner')).toBe(inner);
      site.write('core.yaml', group);
      await until(
        'it is whole again',
        async () => (await site.rookery('apply', '--timeout', '20s')).exitCode === 0,
      );
      expect(await idOf('inner')).toBe(inner);
    });
  });

  test('a port that somebody else has: the old one serves on, and it goes through by itself', async () => {
    const [free, taken] = [await freePort(), await freePort()];
    const listener = await listenOn(taken);
    try {
      site.write('porty.yaml', text('porty', `ports: [{containerPort: 80, hostPort: ${free}}]`));
      await untilStable(site, 4);
      const before = await idOf('porty');
      site.edit('porty.yaml', String(free), String(taken));
      const status = await until('it is told', async () => {
        const now = await site.status('porty');
        return now.reason === 'PortInUse' && now;
      });
      expect(status.message).toContain(String(taken));
      expect(await idOf('porty')).toBe(before);
      await close(listener);
      await until('the new port is published', async () => {
        const id = await idOf('porty');
        return id !== undefined && id !== before && isStable(await site.status('porty'));
      });
    } finally {
      await close(listener);
    }
  });

  test('a foreign container with our name: it is left alone until somebody removes it', async () => {
    const { containerName = '' } = await site.status('other');
    await controller.end('SIGINT');
    await site.host.podman('rm', '--force', '--time', '0', containerName);
    const foreign = await site.host.podman('create', '--name', containerName, BUSYBOX, 'true');
    controller = site.start();
    try {
      const status = await until('the conflict is told', async () => {
        const now = await site.status('other');
        return conditionOf(now, 'Stalled')?.status === 'True' && now;
      });
      expect(conditionOf(status, 'Stalled')?.message).toContain(containerName);
      expect(await site.host.podman('inspect', '--format', '{{.Id}}', containerName)).toBe(foreign);
      await until('another one is as it was', async () => isStable(await site.status('steady')));
    } finally {
      await site.host.podman('rm', '--force', foreign);
    }
    await until('it is made', async () => isStable(await site.status('other')));
  });
});

const HOST_PATH = 'volumes: [{name: v, hostPath: {path: PATH}}]\nvolumeMounts: [{name: v, mountPath: /v}]';

function aliasBomb(): string {
  const levels = 'abcdefgh'
    .split('')
    .map((letter, level, all) =>
      level === 0
        ? `${letter}: &${letter} [x,x,x,x,x,x,x,x,x]`
        : `${letter}: &${letter} [${`*${all[level - 1]},`.repeat(9)}]`,
    );
  return `${levels.join('\n')}\n`;
}

const listenOn = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
