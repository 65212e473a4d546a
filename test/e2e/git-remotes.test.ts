import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseGitUrl } from '../../src/api/git-url.ts';
import type { GitStatus } from '../../src/api/source-status.ts';
import { createGitSource } from '../../src/source/git/git-source.ts';
import type { GitSettings } from '../../src/source/git/settings.ts';
import { createSecretOpener } from '../../src/source/secrets/opener.ts';
import { SETTINGS } from '../fakes/followed-git.ts';
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
    settings: { ...SETTINGS, url: parseGitUrl(url), ...more },
  });
  await source.fetch();
  await source.watch({ onChange: () => undefined, onStatus: () => undefined }).close();
  return source.status() as GitStatus;
}

test('ssh: with its key and a known host, and with nothing less', async () => {
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

const environment = (): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  GIT_SSL_CAINFO: path('cert.pem'),
});
const basicOf = (token: string): string =>
  `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;

test('https: with its token, which is nowhere afterwards', async () => {
  const { url, asked } = await startHttps({ root: repository.dir, token: TOKEN });
  const tokenFile = path('token');
  writeFileSync(tokenFile, `${TOKEN}\n`);
  const refused = await statusWith(url, { environment: environment() });
  expect(refused.failure).toMatchObject({ reason: 'FetchFailed' });
  const missing = await statusWith(url, { environment: environment(), tokenFile: path('nowhere') });
  expect(missing.failure?.message).toMatch(/the token cannot be read from .*nowhere: it does not exist/);
  const good = await statusWith(url, { environment: environment(), tokenFile });
  expect(good.failure).toBeUndefined();
  expect(good.commit?.id).toBe(repository.git('rev-parse', 'HEAD'));
  expect(asked).toContain(basicOf(TOKEN));
  for (const form of [TOKEN, basicOf(TOKEN).slice('Basic '.length)])
    expect(filesWith(path('state'), form)).toEqual([]);
  expect(JSON.stringify([refused, good])).not.toContain(TOKEN);
});

test('submodules and LFS files over https: the token goes to the host of the repository alone', async () => {
  const library = createGitRepository();
  endings.push(() => library.dispose());
  const id = library.push({ x: 'one' });
  const elsewhere = await startHttps({ root: library.dir });
  const files = await startHttps({ root: repository.dir });
  const { url, asked } = await startHttps({ root: repository.dir, token: TOKEN, largeFilesAt: files.url });
  repository.git('lfs', 'install', '--local');
  repository.git('update-index', '--add', '--cacheinfo', `160000,${id},lib`);
  mkdirSync(join(repository.work, 'lib'));
  repository.push({
    '.gitmodules': `[submodule "lib"]\n\tpath = lib\n\turl = ${elsewhere.url}\n`,
    '.gitattributes': '*.bin filter=lfs -text\n',
    'm.bin': 'a large file',
  });
  writeFileSync(path('token'), TOKEN);
  const more = { environment: environment(), tokenFile: path('token'), submodules: true, lfs: true };
  const { failure, commit } = await statusWith(url, more);
  expect(failure).toBeUndefined();
  const checkout = path(`state/checkouts/${commit?.id}`);
  expect(readFileSync(join(checkout, 'm.bin'), 'utf8')).toBe('a large file');
  expect(readFileSync(join(checkout, 'lib/x'), 'utf8')).toBe('one');
  expect(asked).toContain(basicOf(TOKEN));
  for (const other of [elsewhere, files]) expect(new Set(other.asked)).toEqual(new Set(['']));
  expect(filesWith(path('state'), TOKEN)).toEqual([]);
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

interface HttpsOptions {
  readonly root: string;
  readonly token?: string;
  /** The server that hands out what git LFS keeps. */
  readonly largeFilesAt?: string;
}

interface HttpsServer {
  readonly url: string;
  /** The `Authorization` of every request. */
  readonly asked: string[];
}

/** git's own server program, and large files by their oid, behind a server that may want a token. */
async function startHttps({ root, token, largeFilesAt = '' }: HttpsOptions): Promise<HttpsServer> {
  const wanted = token === undefined ? undefined : basicOf(token);
  if (!existsSync(path('cert.pem'))) makeCertificate();
  const asked: string[] = [];
  const server: Server = createServer(
    { key: readFileSync(path('key.pem')), cert: readFileSync(path('cert.pem')) },
    (request, response) => {
      asked.push(request.headers.authorization ?? '');
      if (wanted !== undefined && request.headers.authorization !== wanted) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' });
        return void response.end();
      }
      const oid = /^\/lfs\/([0-9a-f]{64})$/.exec(request.url ?? '')?.[1];
      if (oid !== undefined) return void response.end(readFileSync(lfsObject(root, oid)));
      if (request.url?.endsWith('/info/lfs/objects/batch'))
        return void answerBatch(request, response, largeFilesAt);
      gitBackend(root, request, response);
    },
  );
  return { url: await listen(server), asked };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  endings.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}/remote.git`;
}

function makeCertificate(): void {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', path('key.pem'), '-out', path('cert.pem')];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...files], { stdio: 'ignore' });
}

function gitBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'https://x');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'],
      GIT_PROJECT_ROOT: root,
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
}

interface LfsBatch {
  readonly objects: readonly { readonly oid: string; readonly size: number }[];
}

async function answerBatch(request: IncomingMessage, response: ServerResponse, at: string): Promise<void> {
  const { objects } = (await json(request)) as LfsBatch;
  const actions = (oid: string) => ({ download: { href: new URL(`/lfs/${oid}`, at).href } });
  response.setHeader('content-type', 'application/vnd.git-lfs+json');
  const answers = objects.map((object) => ({ ...object, actions: actions(object.oid) }));
  response.end(JSON.stringify({ transfer: 'basic', objects: answers }));
}

const lfsObject = (root: string, oid: string): string =>
  join(root, 'remote.git', 'lfs', 'objects', oid.slice(0, 2), oid.slice(2, 4), oid);

const filesWith = (directory: string, text: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => readFileSync(file).includes(text));
