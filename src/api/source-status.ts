/** Where the manifests come from and how it stands with that: `rookery status`, and `source` of a convergence. */
export type SourceStatus = DirectoryStatus | GitStatus;

interface DirectoryStatus {
  readonly type: 'Directory';
  readonly origin: string;
}

export interface GitStatus {
  readonly type: 'Git';
  /** The repository's address. */
  readonly origin: string;
  readonly branch: string;
  readonly paths: readonly string[];
  /** What is applied; absent until there is something that may be. */
  readonly commit?: CommitStatus;
  /** When the remote last answered. */
  readonly fetchedAt?: string;
  readonly verification?: { readonly type: 'ssh' | 'gpg'; readonly signer?: string };
  /** Places of Secrets that everybody who can read the repository can read too. */
  readonly plaintextSecrets?: readonly string[];
  /** What of the applied commit is an empty directory or a pointer, because nobody asked for more; in sentences. */
  readonly placeholders?: readonly string[];
  /** Why a newer commit, if there is one, is not applied. What is applied goes on. */
  readonly failure?: SourceFailure;
}

export interface CommitStatus {
  readonly id: string;
  readonly subject: string;
  readonly author: string;
  readonly committedAt: string;
}

export interface SourceFailure {
  readonly reason: SourceFailureReason;
  readonly message: string;
  /** When it began. */
  readonly since: string;
  /** The commit that is refused. */
  readonly commit?: string;
}

export type SourceFailureReason = 'FetchFailed' | 'HistoryRewritten' | 'Unverified' | 'CheckoutFailed';

export const shortCommit = (id: string): string => id.slice(0, 12);
