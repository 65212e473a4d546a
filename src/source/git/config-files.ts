import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replace } from '../replace.ts';
import type { GitSettings } from './settings.ts';

/** The only configuration that our git reads: nothing of the host's, the user's or the repository's runs a program. */
export interface GitConfigFiles {
  readonly gitConfig: string;
  readonly sshConfig: string;
}

export async function writeConfigFiles(directory: string, settings: GitSettings): Promise<GitConfigFiles> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const files = { gitConfig: join(directory, 'gitconfig'), sshConfig: join(directory, 'ssh_config') };
  await replace(files.sshConfig, sshConfigText(settings));
  await replace(files.gitConfig, gitConfigText(settings, files.sshConfig));
  return files;
}

/** Signatures of the other kind are not looked at: a person's own keyring must not vouch for anybody. */
const NO_PROGRAM = '/bin/false';
const LOW_SPEED_BYTES = 1_000;
const LOW_SPEED_SECONDS = 30;

export function gitConfigText({ url, verify }: GitSettings, sshConfig: string): string {
  const ssh = verify?.type === 'ssh' ? verify : undefined;
  return sections([
    [
      'core',
      {
        hooksPath: '/dev/null',
        attributesFile: '/dev/null',
        excludesFile: '/dev/null',
        fsmonitor: 'false',
        autocrlf: 'false',
        askPass: '',
        sshCommand: `ssh -F ${shellQuoted(sshConfig)}`,
      },
    ],
    ['credential', { helper: '' }],
    ['init', { templateDir: '', defaultBranch: 'none' }],
    ['protocol', { allow: 'never' }],
    [`protocol ${quoted(url.protocol)}`, { allow: 'always' }],
    // Another host would be asked with our token.
    [
      'http',
      {
        followRedirects: 'false',
        lowSpeedLimit: String(LOW_SPEED_BYTES),
        lowSpeedTime: String(LOW_SPEED_SECONDS),
      },
    ],
    ['submodule', { recurse: 'false' }],
    ['lfs', { dialTimeout: '10', activityTimeout: String(LOW_SPEED_SECONDS) }],
    ['lfs "transfer"', { maxRetries: '3' }],
    // What git does in the background would outlive its deadline.
    ['gc', { autoDetach: 'false' }],
    ['maintenance', { autoDetach: 'false' }],
    ['gpg', { program: verify?.type === 'gpg' ? 'gpg' : NO_PROGRAM }],
    ['gpg "x509"', { program: NO_PROGRAM }],
    [
      'gpg "ssh"',
      {
        program: ssh ? 'ssh-keygen' : NO_PROGRAM,
        ...(ssh && { allowedSignersFile: ssh.allowedSignersFile }),
      },
    ],
  ]);
}

/** A host key that is not known is not trusted, and nobody is there to be asked. */
export const sshConfigText = ({ sshKeyFile, knownHostsFile }: GitSettings): string =>
  [
    ...(sshKeyFile === undefined ? [] : [`IdentityFile ${quoted(sshKeyFile)}`, 'IdentitiesOnly yes']),
    ...(knownHostsFile === undefined ? [] : [`UserKnownHostsFile ${quoted(knownHostsFile)}`]),
    'StrictHostKeyChecking yes',
    'BatchMode yes',
    'ForwardAgent no',
    'ConnectTimeout 10',
    'ServerAliveInterval 10',
    'ServerAliveCountMax 3',
    '',
  ].join('\n');

type Section = readonly [string, Readonly<Record<string, string>>];

const sections = (all: readonly Section[]): string =>
  all
    .flatMap(([name, values]) => [
      `[${name}]`,
      ...Object.entries(values).map(([key, value]) => `\t${key} = ${quoted(value)}`),
    ])
    .join('\n')
    .concat('\n');

const quoted = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** git hands `core.sshCommand` to a shell. */
const shellQuoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
