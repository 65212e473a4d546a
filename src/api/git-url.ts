export type GitProtocol = 'https' | 'http' | 'ssh' | 'file';

export interface GitUrl {
  readonly text: string;
  readonly protocol: GitProtocol;
}

const SCHEMES: Readonly<Record<string, GitProtocol>> = {
  'https://': 'https',
  'http://': 'http',
  'ssh://': 'ssh',
  'file://': 'file',
};
const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** `git@host:path`, as scp writes it. */
const SCP_LIKE = /^(?:[\w.-]+@)?[\w.-]+:(?!:)[^:]/;
const UNPRINTABLE = /[\p{Cc}\p{Cf}\s]/u;

/**
 * Where a repository is. A password in it would end up in process lists and in what is shown.
 * @throws Error in words that do not repeat the address.
 */
export function parseGitUrl(text: string): GitUrl {
  if (UNPRINTABLE.test(text)) throw new Error('must not hold spaces or control characters');
  const scheme = SCHEME.exec(text)?.[0].toLowerCase();
  const protocol = scheme === undefined ? protocolWithoutScheme(text) : SCHEMES[scheme];
  if (!protocol) throw new Error('must be an https, ssh or file address, or git@HOST:PATH');
  const userinfo = /^[a-z]+:\/\/([^/]*)@/i.exec(text)?.[1];
  if (userinfo !== undefined && (protocol !== 'ssh' || userinfo.includes(':')))
    throw new Error('must not hold a password or a token; put it in a file: --git-token-file');
  if (/^(?:[a-z]+:\/\/)?(?:[^/@]*@)?-/i.test(text)) throw new Error('must not start with a dash');
  return { text, protocol };
}

function protocolWithoutScheme(text: string): GitProtocol | undefined {
  if (text.startsWith('/')) return 'file';
  return SCP_LIKE.test(text) ? 'ssh' : undefined;
}

/** For what is shown of an address that was refused, or that somebody else wrote. */
export const withoutUserinfo = (text: string): string =>
  text.replace(/([a-z]*:?)\/\/([^/\s]*)@/gi, (whole: string, scheme: string, userinfo: string) =>
    scheme.toLowerCase() === 'ssh:' && !userinfo.includes(':') ? whole : `${scheme}//…@`,
  );
