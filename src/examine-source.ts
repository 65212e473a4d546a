import { existsSync } from 'node:fs';
import { access, constants, readFile, stat } from 'node:fs/promises';
import { messageOf } from './api/errors.ts';
import type { Config } from './config.ts';
import { type Check, check } from './doctor/examine.ts';
import { judgeFile, judgeRemote, type RemoteFacts, type SecretFile } from './doctor/judge-source.ts';
import { probeRemote } from './source/git/probe-remote.ts';
import type { GitSettings } from './source/git/settings.ts';
import { systemWords } from './source/roots.ts';
import { readIdentities, recipientsOf } from './source/secrets/age.ts';

const REMOTE_DEADLINE_MS = 30_000;

/** Of `rookery doctor`: whether the manifests can be had, and every file that this needs. */
export function sourceChecks({ git, ageIdentityFile, namedAgeIdentityFile }: Config): Check[] {
  const isKeyExpected = namedAgeIdentityFile !== undefined || existsSync(ageIdentityFile);
  return [
    ...(git ? [check('git', (signal) => remoteFacts(git, signal), judgeRemote, REMOTE_DEADLINE_MS)] : []),
    ...(git ? filesOf(git) : []).map((file) => check(nameOf(file), () => lookAt(file), judgeFile)),
    ...(isKeyExpected ? [check('age-identity', () => lookAt(identityAt(ageIdentityFile)), judgeFile)] : []),
  ];
}

async function remoteFacts(settings: GitSettings, signal: AbortSignal): Promise<RemoteFacts> {
  const { url, branch } = settings;
  const facts = { url: url.text, branch, protocol: url.protocol };
  try {
    return { ...facts, commit: await probeRemote(settings, signal) };
  } catch (error) {
    return { ...facts, error: messageOf(error) };
  }
}

interface NamedFile extends Pick<SecretFile, 'option' | 'path' | 'holds'> {
  /** @throws Error in words when what is in it is of no use. */
  readonly read: (path: string) => Promise<unknown>;
}

const nameOf = ({ option }: NamedFile): string => option.replace(/^--(?:git-)?/, '').replace(/-file$/, '');

function filesOf({ tokenFile, sshKeyFile, knownHostsFile, verify }: GitSettings): NamedFile[] {
  const signers = verify?.type === 'ssh' ? verify.allowedSignersFile : undefined;
  const keyring = verify?.type === 'gpg' ? verify.keyringFile : undefined;
  return [
    ...named('--git-token-file', tokenFile, 'Secret', someLine),
    ...named('--ssh-key', sshKeyFile, 'Secret', readable),
    ...named('--known-hosts', knownHostsFile, 'PublicKeys', someLine),
    ...named('--allowed-signers', signers, 'PublicKeys', someLine),
    ...named('--keyring', keyring, 'PublicKeys', readable),
  ];
}

function named(
  option: string,
  path: string | undefined,
  ...[holds, read]: [NamedFile['holds'], NamedFile['read']]
): NamedFile[] {
  return path === undefined ? [] : [{ option, path, holds, read }];
}

const identityAt = (path: string): NamedFile => ({
  option: '--age-identity',
  path,
  holds: 'Secret',
  read: async () => recipientsOf(await readIdentities(path)),
});

const readable = (path: string): Promise<void> => access(path, constants.R_OK);

async function someLine(path: string): Promise<void> {
  const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.trim());
  if (!lines.some((line) => line !== '' && !line.startsWith('#'))) throw new Error('nothing is in it');
}

async function lookAt({ read, ...file }: NamedFile): Promise<SecretFile> {
  const mode = await stat(file.path).then(
    (stats) => stats.mode,
    () => undefined,
  );
  const looked = { ...file, ...(mode !== undefined && { mode }) };
  try {
    await read(file.path);
    return looked;
  } catch (error) {
    return { ...looked, error: systemWords(error) };
  }
}
