import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGitRepository, type GitRepository } from '../fakes/git-repository.ts';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { filesWith, withoutEnvironment } from './hiding-places.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';

/** Agent → how it reads the Secret; the last one does not. */
const READERS: Readonly<Record<string, string>> = {
  'by-env': 'env: [{name: VALUE, valueFrom: {secretKeyRef: {name: api, key: token}}}]',
  'by-file':
    'volumes: [{name: v, secret: {secretName: api}}]\nvolumeMounts: [{name: v, mountPath: /input, readOnly: true}]',
  bystander: '',
};
const NAMES = Object.keys(READERS);
/** As many values as it takes until no kept revision needs the first one. */
const VALUES = Array.from({ length: 4 }, () => `canary-${randomBytes(12).toString('hex')}`);
const [FIRST = '', ...LATER] = VALUES;
const LAST = VALUES.at(-1) ?? '';

describe('a Secret that is encrypted in a git repository', () => {
  let site: Site;
  let repository: GitRepository;
  let controller: Controller;
  let recipient: string;

  beforeAll(async () => {
    site = openSite({ env: { ROOKERY_MANIFESTS: '' } });
    await ensureBusybox(site.host);
    repository = createGitRepository();
    recipient = await keygen('identity');
    const agents = NAMES.map((name) => [`${name}.yaml`, agentOf(name)]);
    repository.push({ ...Object.fromEntries(agents), 'secret.yaml': await encrypted(FIRST) });
    controller = start('identity');
    await untilStable(site, NAMES.length);
  }, 60_000);
  afterAll(async () => {
    await site?.cleanUp();
    repository?.dispose();
  }, 60_000);

  const agentOf = (name: string): string =>
    agentText({ name, namespace: site.namespace, more: READERS[name] ?? '' });
  const identity = (name: string): string => join(repository.dir, name);
  const start = (name: string): Controller =>
    site.start('--git', repository.remote, '--age-identity', identity(name), '--log-level', 'debug');
  const must = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await site.rookery(...args);
    if (exitCode !== 0) throw new Error(`rookery ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const keygen = (name: string): Promise<string> =>
    must('secrets', 'keygen', '--age-identity', identity(name));
  /** As somebody writes it at home: the plain text never lies in the repository. */
  const encrypted = async (value: string, reader = recipient): Promise<string> => {
    const draft = join(repository.dir, 'draft', 'secret.yaml');
    mkdirSync(join(draft, '..'), { recursive: true });
    writeFileSync(
      draft,
      `apiVersion: v1\nkind: Secret\nmetadata: {name: api, namespace: ${site.namespace}}\nstringData:\n  token: ${value}\n`,
    );
    await must('secrets', 'encrypt', draft, '--recipient', reader);
    const text = readFileSync(draft, 'utf8');
    expect(text).not.toContain(value);
    return text;
  };
  const containers = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await site.host.containers(site.namespace))
        .filter(({ State }) => State.Status === 'running')
        .map(({ Id, Config }) => [Config.Labels['rookery.dev/name'] ?? '', Id]),
    );
  /** As the kernel has it: what runs cannot say anything else. */
  const read = async (): Promise<readonly (string | undefined)[]> => {
    const running = (await site.host.containers(site.namespace)).filter(
      ({ State }) => State.Status === 'running',
    );
    const pidOf = (name: string): number =>
      running.find(({ Config }) => Config.Labels['rookery.dev/name'] === name)?.State.Pid ?? 0;
    const environment = readFileSync(`/proc/${pidOf('by-env')}/environ`, 'utf8').split('\0');
    return [
      environment.find((line) => line.startsWith('VALUE='))?.slice('VALUE='.length),
      readFileSync(`/proc/${pidOf('by-file')}/root/input/token`, 'utf8'),
    ];
  };
  /** Podman's secrets of this installation. */
  const podmanSecrets = async (): Promise<readonly string[]> => {
    const [container] = await site.host.containers(site.namespace);
    const id = container?.Config.Labels['rookery.dev/installation'] ?? 'none';
    const names = (await site.host.podman('secret', 'ls', '--format', '{{.Name}}')).split('\n');
    return names.filter((name) => name.startsWith(`rookery-${id.slice(0, 8)}-`));
  };
  /** What is collected afterwards keeps it from being converged for a moment. */
  const statusWhenConverged = (): Promise<string> =>
    until('status is converged', async () => {
      const { exitCode, stdout } = await site.rookery('status');
      return exitCode === 0 && stdout;
    });
  const rotateTo = async (value: string): Promise<string> => {
    const before = await containers();
    const commit = repository.push({ 'secret.yaml': await encrypted(value) });
    await must('sync');
    await until('its readers are new', async () => {
      const now = await containers();
      return ['by-env', 'by-file'].every((name) => now[name] !== undefined && now[name] !== before[name]);
    });
    await untilStable(site, NAMES.length);
    expect((await containers())['bystander']).toBe(before['bystander']);
    expect(await read()).toEqual([value, value]);
    return commit;
  };

  test('reaches those who ask for it, as an environment variable and as a file', async () => {
    expect(await read()).toEqual([FIRST, FIRST]);
    expect(await podmanSecrets()).toHaveLength(1);
  });

  test('is encrypted anew without a change of anything that runs', { timeout: 30_000 }, async () => {
    const before = await containers();
    const path = join(repository.work, 'secret.yaml');
    await must('secrets', 'rotate', path, '--age-identity', identity('identity'));
    const commit = repository.push({});
    await must('sync');
    expect(await statusWhenConverged()).toContain(commit.slice(0, 12));
    expect(await must('plan')).toBe('nothing to do');
    expect(await containers()).toEqual(before);
  });

  test('changes its readers alone with a commit that status, describe and history name', {
    timeout: 120_000,
  }, async () => {
    const [original] = await podmanSecrets();
    for (const value of LATER) {
      const commit = (await rotateTo(value)).slice(0, 12);
      expect(await statusWhenConverged()).toContain(`${commit} "changes secret.yaml" by Somebody`);
      expect(await must('describe', 'agent', 'by-env')).toContain(commit);
      expect(await must('rollout', 'history', 'agent/by-env')).toContain(commit);
    }
    await until(
      'the first value is collected',
      async () => original !== undefined && !(await podmanSecrets()).includes(original),
    );
    expect(await read()).toEqual([LAST, LAST]);
  });

  test('for somebody else is told, and the last good one stays', { timeout: 30_000 }, async () => {
    const before = await containers();
    const theirs = await keygen('theirs');
    repository.push({ 'secret.yaml': await encrypted('never-read', theirs) });
    const synced = await site.rookery('sync');
    expect([synced.exitCode, synced.stderr]).toEqual([
      1,
      expect.stringMatching(/^secret\.yaml:\d+.*encryptedData\.token: it cannot be decrypted/),
    ]);
    expect((await site.rookery('status')).exitCode).toBe(1);
    const { stderr } = await site.rookery('apply', '--timeout', '10s');
    expect(stderr).toMatch(
      /secret\.yaml:\d+.*encryptedData\.token: it cannot be decrypted: it is damaged, or encrypted for other recipients/,
    );
    expect(await containers()).toEqual(before);
    expect(await read()).toEqual([LAST, LAST]);
  });

  test('with the wrong identity after a restart is told, and the agents keep running', {
    timeout: 60_000,
  }, async () => {
    const commit = repository.push({ 'secret.yaml': await encrypted(LAST) });
    await must('sync');
    await untilStable(site, NAMES.length);
    const before = await containers();
    await controller.end('SIGTERM');
    const said = controller.output();
    controller = start('theirs');
    const told = await until('status tells it', async () => {
      const { stdout } = await site.rookery('status');
      return stdout.includes('encryptedData.token') && stdout;
    });
    expect(told).toContain(commit.slice(0, 12));
    expect(await containers()).toEqual(before);
    await controller.end('SIGTERM');
    expect(said).toMatch(/Agent\/[^ ]*by-env/);
    expectHidden('what both controllers said', said + controller.output());
    controller = start('identity');
    await untilStable(site, NAMES.length);
    expect(await must('plan')).toBe('nothing to do');
    expect(await containers()).toEqual(before);
  });

  const expectHidden = (place: string, text: string): void => {
    for (const value of VALUES)
      for (const form of [value, Buffer.from(value).toString('base64')])
        expect(text.includes(form), `${place} has ${form}`).toBe(false);
  };

  test('shows its values nowhere', { timeout: 60_000 }, async () => {
    const { host, namespace } = site;
    const commands = [
      ['status'],
      ['events', '-A'],
      ['describe', 'agent', 'by-env'],
      ['describe', 'secret', 'api'],
      ['get', 'secrets', '-o', 'yaml'],
      ['rollout', 'history', 'agent/by-env'],
      ['why', 'by-env'],
      ['diff'],
    ];
    for (const command of commands) {
      const { stdout, stderr } = await site.rookery(...command);
      expectHidden(command.join(' '), stdout + stderr);
    }
    const inspected = await host.containers(namespace);
    expect(inspected.length).toBeGreaterThan(NAMES.length - 1);
    expectHidden('podman inspect', JSON.stringify(inspected.map(withoutEnvironment)));
    expectHidden('labels', await host.podman('ps', '--all', '--format', 'json'));
    expectHidden('podman secret ls', await host.podman('secret', 'ls', '--format', 'json'));
    const events = ['events', '--stream=false', '--since', '10m', '--format', 'json'];
    expectHidden('podman events', await host.podman(...events));
    expectHidden('the log', controller.output());
    for (const value of VALUES)
      for (const form of [value, Buffer.from(value).toString('base64')])
        for (const place of [site.stateDir, repository.work, repository.remote])
          expect(filesWith(place, form), place).toBe('');
  });
});
