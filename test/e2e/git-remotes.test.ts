import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseGitUrl } from '../../src/api/git-url.ts';
import type { GitStatus } from '../../src/api/source-status.ts';
import { createGitSource } from '../../src/source/git/git-source.ts';
import type { GitSettings } from '../../src/source/git/settings.ts';
import { createSecretOpener } from '../../src/source/secrets/opener.ts';
import { createGitRepository, type GitRepository } from '../fakes/git-repository.ts';
import { agentYaml } from '../fakes/manifest-tree.ts';

import { freePort } from '../fakes/ports.ts';
import { until } from './until.ts';

const TOKEN = 'canary-token-of-the-test';
let repository: GitRepository;
const endings: (() => void | Promise<void>)[] = [];
beforeEach(() => {
  repository = createGitRepository();
  repository.push({ 'a.yaml': agentYaml('a') });
});
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
  repository.dispose();
});

const path = (name: string): string => join(repository.dir, name);

/** What became of one fetch. */
async function statusWith(url: string, more: Partial<GitSettings>): Promise<GitStatus> {
  const source = createGitSource({
    directory: path('state'),
    mountsDirectory: path('state/mounts'),
    isPreview: false,
    roots: [],
    secrets: createSecretOpener(undefined),
    random: () => 0.5,
    clock: { now: () => Date.now(), setTimer: () => () => undefined },
    settings: {
      url: parseGitUrl(url),
      branch: 'main',
      paths: [''],
      intervalMs: 60_000,
      allowNonFastForward: false,
      environment: { PATH: process.env['PATH'] ?? '' },
      ...more,
    },
  });
  await source.fetch();
  await source.watch({ onChange: () => undefined, onStatus: () => undefined }).close();
  return source.status() as GitStatus;
}

test('ssh: with its key and a known host, and with nothing less', { timeout: 60_000 }, async () => {
  const { port, hostKey } = await startSshd();
  const url = `ssh://${userInfo().username}@127.0.0.1:${port}${repository.remote}`;
  const sshKeyFile = newKey('client');
  writeFileSync(path('authorized_keys'), readFileSync(`${sshKeyFile}.pub`), { mode: 0o600 });
  const known = path('known hosts');
  writeFileSync(known, `[127.0.0.1]:${port} ${hostKey}`);
  const strangers = path('strangers');
  writeFileSync(strangers, `[127.0.0.1]:${port} ${readFileSync(`${newKey('other')}.pub`, 'utf8')}`);
  const failure = async (more: Partial<GitSettings>) => (await statusWith(url, more)).failure?.message;
  expect(await failure({ sshKeyFile, knownHostsFile: path('nobody') })).toMatch(/Could not read from remote/);
  expect(await failure({ sshKeyFile, knownHostsFile: strangers })).toMatch(/Could not read from remote/);
  expect(await failure({ sshKeyFile: path('other'), knownHostsFile: known })).toMatch(/Could not read/);
  const good = await statusWith(url, { sshKeyFile, knownHostsFile: known });
  expect(good.failure).toBeUndefined();
  expect(good.commit?.id).toBe(repository.git('rev-parse', 'HEAD'));
});

test('https: with its token, which is nowhere afterwards', { timeout: 60_000 }, async () => {
  const { url, asked } = await startHttps();
  const tokenFile = path('token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const environment = { PATH: process.env['PATH'] ?? '', GIT_SSL_CAINFO: path('cert.pem') };
  const refused = await statusWith(url, { environment });
  expect(refused.failure).toMatchObject({ reason: 'FetchFailed' });
  const missing = await statusWith(url, { environment, tokenFile: path('nowhere') });
  expect(missing.failure?.message).toMatch(/the token cannot be read from .*nowhere: it does not exist/);
  const good = await statusWith(url, { environment, tokenFile });
  expect(good.failure).toBeUndefined();
  expect(good.commit?.id).toBe(repository.git('rev-parse', 'HEAD'));
  expect(asked).toContain(`Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`);
  for (const form of [TOKEN, Buffer.from(`x-access-token:${TOKEN}`).toString('base64')])
    expect(filesWith(path('state'), form)).toEqual([]);
  expect(JSON.stringify([refused, good])).not.toContain(TOKEN);
});

function newKey(name: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path(name)]);
  return path(name);
}

async function startSshd(): Promise<{ port: number; hostKey: string }> {
  const port = await freePort();
  const hostKeyFile = newKey('host');
  writeFileSync(
    path('sshd_config'),
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${hostKeyFile}`,
      `AuthorizedKeysFile ${path('authorized_keys')}`,
      `PidFile ${path('sshd.pid')}`,
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      '',
    ].join('\n'),
  );
  // Of the package's own making elsewhere: sshd wants it when it runs as root.
  if (process.getuid?.() === 0 && !existsSync('/run/sshd')) mkdirSync('/run/sshd', { mode: 0o755 });
  const sshd: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-f', path('sshd_config')], { stdio: 'ignore' });
  endings.push(() => void sshd.kill('SIGKILL'));
  await until('sshd listens', () => isListening(port));
  const [type = '', key = ''] = readFileSync(`${hostKeyFile}.pub`, 'utf8').split(' ');
  return { port, hostKey: `${type} ${key}\n` };
}

const isListening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** git's own server program behind a server that wants the token. */
async function startHttps(): Promise<{ url: string; asked: string[] }> {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', path('key.pem'), '-out', path('cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...files], { stdio: 'ignore' });
  const asked: string[] = [];
  const wanted = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;
  const server: Server = createServer(
    { key: readFileSync(path('key.pem')), cert: readFileSync(path('cert.pem')) },
    (request, response) => {
      asked.push(request.headers.authorization ?? '');
      if (request.headers.authorization !== wanted) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
        return void response.end();
      }
      const { pathname, search } = new URL(request.url ?? '/', 'https://x');
      const backend = spawn('git', ['http-backend'], {
        env: {
          PATH: process.env['PATH'],
          GIT_PROJECT_ROOT: repository.dir,
          GIT_HTTP_EXPORT_ALL: '1',
          GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
          REQUEST_METHOD: request.method,
          PATH_INFO: pathname,
          QUERY_STRING: search.slice(1),
          CONTENT_TYPE: request.headers['content-type'],
          HTTP_CONTENT_ENCODING: request.headers['content-encoding'],
        },
      });
      request.pipe(backend.stdin);
      const chunks: Buffer[] = [];
      backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
      backend.once('close', () => {
        const whole = Buffer.concat(chunks);
        const end = whole.indexOf('\r\n\r\n');
        for (const line of whole.subarray(0, end).toString().split('\r\n')) {
          const [name = '', value = ''] = line.split(': ');
          if (name === 'Status') response.statusCode = Number(value.slice(0, 3));
          else response.setHeader(name, value);
        }
        response.end(whole.subarray(end + 4));
      });
    },
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/remote.git`, asked };
}

const filesWith = (directory: string, text: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
