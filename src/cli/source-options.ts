import type { OptionDefinition } from './option-definition.ts';

/** Where the manifests come from, when not from a directory. */
export const sourceOptions: readonly OptionDefinition[] = [
  { flags: '--git <url>', description: 'follow a git repository instead of a directory' },
  { flags: '--branch <name>', description: 'its branch (default: main)' },
  {
    flags: '--path <directory>',
    repeatable: true,
    description:
      'directory in the repository; of several, an object of a later one replaces one of the same name',
  },
  { flags: '--verify <kind>', description: 'apply signed commits only', choices: ['ssh', 'gpg'] },
  {
    flags: '--allowed-signers <file>',
    description: 'whose ssh signatures count, as ssh-keygen(1) lists them',
  },
  { flags: '--keyring <file>', description: 'public keys whose gpg signatures count' },
  {
    flags: '--git-token-file <file>',
    description: 'token for https, or NAME:PASSWORD',
    credential: 'git-token',
  },
  {
    flags: '--ssh-key <file>',
    description: 'private key for ssh (default: as ssh finds one)',
    credential: 'ssh-key',
  },
  {
    flags: '--known-hosts <file>',
    description: 'host keys that ssh trusts (default: ~/.ssh/known_hosts)',
  },
  {
    flags: '--allow-non-fast-forward',
    description: 'follow the branch also where its history was rewritten',
  },
  {
    flags: '--git-submodules',
    description: 'check out the commits of other repositories that it names, and theirs',
  },
  { flags: '--git-lfs', description: 'fetch its large files; needs git-lfs on this host' },
];
export const interval: OptionDefinition = {
  flags: '--interval <duration>',
  description: 'how often the remote is asked, give or take a tenth (default: 60s)',
};
export const webhook: readonly OptionDefinition[] = [
  {
    flags: '--webhook <address>',
    description: 'hear of pushes at /webhook of this PORT or ADDRESS:PORT (a port alone: of this host only)',
  },
  {
    flags: '--webhook-secret-file <file>',
    description: 'what pushes are signed with',
    credential: 'webhook-secret',
  },
];
