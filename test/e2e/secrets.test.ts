import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { call } from '../fakes/unix-socket.ts';
import { agentText, ensureBusybox } from './busybox-agents.ts';
import { filesWith, withoutEnvironment } from './hiding-places.ts';
import { type Controller, openSite, type Site } from './site.ts';
import { untilStable } from './status.ts';
import { until } from './until.ts';

const newCanary = (): string => `canary-${randomBytes(12).toString('hex')}`;

/** Agent → how it reads what it reads. */
const READERS: Readonly<Record<string, string>> = {
  'secret-env': 'env: [{name: VALUE, valueFrom: {secretKeyRef: {name: api, key: token}}}]',
  'secret-file':
    'volumes: [{name: v, secret: {secretName: api, items: [{key: token, path: token}]}}]\nvolumeMounts: [{name: v, mountPath: /input, readOnly: true}]',
  'config-env': 'env: [{name: VALUE, valueFrom: {configMapKeyRef: {name: settings, key: token}}}]',
  'config-file':
    'volumes: [{name: v, configMap: {name: settings}}]\nvolumeMounts: [{name: v, mountPath: /input, readOnly: true}]',
  bystander: '',
};
const NAMES = Object.keys(READERS);

describe('secrets and configuration', () => {
  let site: Site;
  let controller: Controller;
  const secrets = [newCanary(), newCanary()] as const;

  beforeAll(async () => {
    site = openSite();
    await ensureBusybox(site.host);
    const { namespace } = site;
    for (const [name, more] of Object.entries(READERS))
      site.write(`${name}.yaml`, agentText({ name, namespace, more }));
    site.write('secret.yaml', `${head('Secret', 'api', namespace)}stringData: {token: ${secrets[0]}}\n`);
    site.write('config.yaml', `${head('ConfigMap', 'settings', namespace)}data: {token: config-1}\n`);
    controller = site.start('--log-level', 'debug');
    await untilStable(site, NAMES.length);
  });
  afterAll(() => site?.cleanUp());

  const containers = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await site.host.containers(site.namespace))
        .filter(({ State }) => State.Status === 'running')
        .map(({ Id, Config }) => [Config.Labels['rookery.dev/name'] ?? '', Id]),
    );
  /** What each agent reads, from inside. */
  const read = async (): Promise<Record<string, string>> => {
    const entries = Object.entries(await containers()).map(async ([name, id]) => {
      const script = name.endsWith('-file') ? 'cat /input/token' : 'echo "$VALUE"';
      return [name, await site.host.podman('exec', id, 'sh', '-c', script)];
    });
    return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
  };
  const recreatedBy = async (edit: () => void, readers: readonly string[]): Promise<void> => {
    const before = await containers();
    edit();
    await until('its readers are new', async () => {
      const now = await containers();
      return readers.every((name) => now[name] !== undefined && now[name] !== before[name]);
    });
    await untilStable(site, NAMES.length);
    const after = await containers();
    const recreated = NAMES.filter((name) => after[name] !== before[name]);
    expect(recreated).toEqual(readers);
  };

  test('reach those who ask for them', async () => {
    expect(await read()).toEqual({
      'secret-env': secrets[0],
      'secret-file': secrets[0],
      'config-env': 'config-1',
      'config-file': 'config-1',
      bystander: '',
    });
  });

  test('recreate exactly their readers when they change', async () => {
    await recreatedBy(() => site.edit('secret.yaml', ...secrets), ['secret-env', 'secret-file']);
    await recreatedBy(() => site.edit('config.yaml', 'config-1', 'config-2'), ['config-env', 'config-file']);
    expect(await read()).toEqual({
      'secret-env': secrets[1],
      'secret-file': secrets[1],
      'config-env': 'config-2',
      'config-file': 'config-2',
      bystander: '',
    });
  });

  test('keep their readers running when a key goes missing, and say so', async () => {
    const before = await containers();
    site.edit('secret.yaml', '{token:', '{tokem:');
    const told = await until('apply says so', async () => {
      const apply = await site.rookery('apply', '--timeout', '20s');
      return apply.exitCode === 1 && apply.stderr;
    });
    expect(told).toMatch(/secret-env.*token/);
    expect(await containers()).toEqual(before);
    site.edit('secret.yaml', '{tokem:', '{token:');
    await until('all is well', async () => (await site.rookery('apply', '--timeout', '20s')).exitCode === 0);
    expect(await containers()).toEqual(before);
  });

  test('are in no message about a file that they break', async () => {
    site.write(
      'broken.yaml',
      `${head('Secret', 'broken', site.namespace)}stringData: {token: [${secrets[0]}]}\n`,
    );
    site.write('torn.yaml', `${head('Secret', 'torn', site.namespace)}stringData: {token: "${secrets[1]}\n`);
    await until('both are told', async () => {
      const { stderr } = await site.rookery('plan');
      const { stdout } = await site.rookery('status');
      return [stderr, stdout].every((text) => text.includes('broken.yaml') && text.includes('torn.yaml'));
    });
  });

  test('show a secret nowhere else', async () => {
    const { namespace, host } = site;
    const podman = async (...args: string[]): Promise<string> => host.podman(...args);
    const groups = ['/api/v1', '/apis/rookery.dev/v1alpha1'];
    const paths = [
      ...groups,
      ...['secrets', 'configmaps', 'events'].map((kind) => `/api/v1/namespaces/${namespace}/${kind}`),
      `/api/v1/namespaces/${namespace}/secrets/api`,
      ...['agents', 'networks', 'volumes', 'images', 'podgroups'].map(
        (kind) => `/apis/rookery.dev/v1alpha1/namespaces/${namespace}/${kind}`,
      ),
      '/apis/rookery.dev/v1alpha1/convergence',
      '/metrics',
      '/readyz?verbose',
    ];
    const said = await Promise.all([
      site.rookery('get', 'all', '-o', 'json'),
      site.rookery('get', 'secrets', '-o', 'yaml'),
      site.rookery('describe', 'secret', 'api'),
      site.rookery('describe', 'agent', 'secret-env'),
      site.rookery('why', 'secret-env'),
      site.rookery('rollout', 'history', 'secret-env'),
      site.rookery('diff'),
      site.rookery('events', '-A'),
      site.rookery('plan', '-o', 'json'),
      site.rookery('validate', '--manifests', site.manifests),
    ]);
    const places: Record<string, string> = {
      'the log': controller.output(),
      'the command line': said.map(({ stdout, stderr }) => stdout + stderr).join('\n'),
      'the API': (await Promise.all(paths.map((path) => textOf(site.apiSocket, path)))).join('\n'),
      'podman inspect': JSON.stringify((await host.containers(namespace)).map(withoutEnvironment)),
      'podman ps': await podman('ps', '--all', '--format', 'json'),
      'podman images': await podman('images', '--all', '--format', 'json'),
      'podman network inspect': await podman('network', 'inspect', `${namespace}.default`),
      'podman events': await podman('events', '--stream=false', '--since', '10m', '--format', 'json'),
      'podman secret ls': await podman('secret', 'ls'),
      'the arguments of every process': everyArgument(),
    };
    for (const secret of secrets)
      for (const form of [secret, Buffer.from(secret).toString('base64')]) {
        for (const [place, text] of Object.entries(places))
          expect(text.includes(form), `${place} has ${form}`).toBe(false);
        expect(filesWith(site.stateDir, form)).toBe('');
      }
    expect(places['the command line']).toContain('secret-env');
    for (const word of ['"kind":"SecretList"', 'rookery_agents', '"kind":"AgentList"', 'broken.yaml'])
      expect(places['the API']).toContain(word);
    expect(places['the arguments of every process']).toContain('conmon');
  });
});

/** What the kernel tells everybody of whoever runs now; a process that ends meanwhile has none. */
function everyArgument(): string {
  const read = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(read)
    .join('\n');
}

/** The answer whatever its status. */
const textOf = async (socket: string, path: string): Promise<string> => (await call(socket, path)).text;

const head = (kind: string, name: string, namespace: string): string =>
  `apiVersion: v1\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\n`;
