import { fail, ok, type Verdict, warn } from './verdict.ts';

export interface RemoteFacts {
  readonly url: string;
  readonly branch: string;
  readonly protocol: string;
  /** Of the branch; absent where there is none. */
  readonly commit?: string | undefined;
  /** Why the remote did not answer. */
  readonly error?: string;
}

export function judgeRemote({ url, branch, protocol, commit, error }: RemoteFacts): Verdict {
  if (error !== undefined) return fail(`${url}: ${error}`, waysIn(error, { url, protocol }));
  if (commit !== undefined) return ok(`${url} answers; ${branch} is at ${commit.slice(0, 12)}`);
  return fail(
    `${url} answers, and has no branch ${branch}`,
    `git push ${url} HEAD:${branch}, or name another: --branch`,
  );
}

const WAYS: readonly (readonly [RegExp, string])[] = [
  [/token cannot be read/, 'put the token into the file that --git-token-file names, and chmod 600 it'],
  [/ENOENT|not found: git|spawn git/i, 'install git (on Debian: sudo apt-get install git)'],
  [
    /certificate/i,
    'let this host trust the certificate of the server: GIT_SSL_CAINFO=/path/of/its/CA.pem in the environment',
  ],
];

/** By what git said; what it says of a refusal differs from server to server. */
function waysIn(error: string, { url, protocol }: Pick<RemoteFacts, 'url' | 'protocol'>): string {
  const known = WAYS.find(([pattern]) => pattern.test(error));
  if (known) return known[1];
  if (/host key/i.test(error))
    return `ssh-keyscan ${hostOf(url)} >>KNOWN_HOSTS, compare what it says with what the host itself says, and name the file: --known-hosts`;
  if (protocol === 'ssh')
    return `let the key in at the server (ssh-copy-id, or a deploy key), and name it: --ssh-key FILE`;
  if (protocol === 'https') return 'give a token that may read it: --git-token-file FILE';
  return 'let this user read it, or correct --git';
}

/** As ssh-keyscan(1) wants it. */
function hostOf(url: string): string {
  const [, host = 'HOST', port] = /^(?:ssh:\/\/)?(?:[^@/]*@)?([\w.-]+)(?::(\d+)\/)?/.exec(url) ?? [];
  return port === undefined ? host : `-p ${port} ${host}`;
}

export interface SecretFile {
  /** The option that names it. */
  readonly option: string;
  readonly path: string;
  readonly holds: 'Secret' | 'PublicKeys';
  /** Absent where it cannot be looked at. */
  readonly mode?: number;
  /** Why it is of no use. */
  readonly error?: string;
}

const OTHERS_MAY_READ = 0o077;

export function judgeFile(file: SecretFile): Verdict {
  const { option, path, error } = file;
  if (error !== undefined) return fail(`${option} ${path}: ${error}`, mend(file));
  if (isOpen(file)) return warn(`${option} ${path} may be read by other users`, `chmod 600 ${path}`);
  return ok(path);
}

/** systemd's credentials are guarded by the directory they lie in. */
const isOpen = ({ holds, path, mode = 0 }: SecretFile): boolean =>
  holds === 'Secret' && (mode & OTHERS_MAY_READ) !== 0 && !path.startsWith('/run/credentials/');

function mend({ option, path, mode = 0 }: SecretFile): string {
  if (option === '--age-identity')
    return mode & OTHERS_MAY_READ
      ? `chmod 600 ${path}`
      : `rookery secrets keygen --age-identity ${path}, or name the right file`;
  if (option === '--allowed-signers')
    return `a line for each who signs: echo "NAME@example.org $(cat KEY.pub)" >> ${path}`;
  return `put it there, readable for this user alone (chmod 600 ${path}), or name another file: ${option}`;
}

export type LookupFacts =
  | { readonly type: 'Found'; readonly image: string; readonly tookMs: number }
  | { readonly type: 'NotFound'; readonly image: string; readonly output: string }
  | { readonly type: 'LeftOut'; readonly why: string };

const SLOW_MS = 4_000;

/** Rookery's own names are in hosts files: this is for programs that ask a server, and for names of the world. */
export function judgeLookup(facts: LookupFacts): Verdict {
  switch (facts.type) {
    case 'LeftOut':
      return ok(`left out: ${facts.why}`);
    case 'Found':
      return facts.tookMs < SLOW_MS
        ? ok(`one container found another by its name (${facts.image}, ${facts.tookMs} ms)`)
        : warn(`one container found another by its name after ${facts.tookMs} ms only`, RELOAD);
    case 'NotFound':
      return fail(
        `one container of ${facts.image} did not find another by its name: ${facts.output || 'no answer'}`,
        RELOAD,
      );
  }
}

const RELOAD =
  "podman network reload --all; a firewall must let UDP port 53 of Podman's bridges through (sudo nft list ruleset)";
