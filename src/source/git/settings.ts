import type { GitUrl } from '../../api/git-url.ts';

/** What is followed, and with what. Paths are absolute; what they lead to is read when it is needed. */
export interface GitSettings {
  readonly url: GitUrl;
  readonly branch: string;
  /** Directories within the repository, merged in this order. */
  readonly paths: readonly string[];
  readonly intervalMs: number;
  /** Follow the branch wherever it goes, also where its history was rewritten. */
  readonly allowNonFastForward: boolean;
  /** Check out the commits of other repositories that this one names. */
  readonly submodules: boolean;
  /** Fetch the large files that this one only points at. */
  readonly lfs: boolean;
  readonly verify?: Verification;
  readonly tokenFile?: string;
  readonly sshKeyFile?: string;
  readonly knownHostsFile?: string;
  /** What git needs of the process's environment: proxies, certificates, the ssh agent. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Whose signature a commit must have. */
export type Verification =
  | { readonly type: 'ssh'; readonly allowedSignersFile: string }
  | { readonly type: 'gpg'; readonly keyringFile: string };
