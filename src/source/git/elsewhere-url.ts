import { type GitProtocol, type GitUrl, parseGitUrl } from '../../api/git-url.ts';

/** Whoever writes to a repository names other addresses in it, and they are asked from this host, behind its walls. */
export function elsewhereUrl(text: string, main: GitUrl): GitUrl {
  const url = parseGitUrl(text);
  const allowed: readonly GitProtocol[] = ['https', 'ssh', main.protocol];
  if (!allowed.includes(url.protocol))
    throw new Error(
      `${url.protocol} is not followed from a repository that is itself reached by ${main.protocol}`,
    );
  return url;
}

export interface SubmoduleAddress {
  /** As .gitmodules has it. */
  readonly text: string;
  /** Of the repository that names it: `./` and `../` start there. */
  readonly parent: GitUrl;
  /** The one that is followed. */
  readonly main: GitUrl;
}

/** @throws Error in words, when it may not be asked. */
export function submoduleUrl({ text, parent, main }: SubmoduleAddress): GitUrl {
  if (!/^\.\.?\//.test(text)) return elsewhereUrl(text, main);
  const url = elsewhereUrl(relativeTo(parent.text.replace(/\/+$/, ''), text), main);
  if (!url.text.startsWith(hostPart(parent.text))) throw new Error('it leads out of the host of its parent');
  return url;
}

/** As git joins them: a step up ends at a slash, or at the colon of `git@host:path`. */
function relativeTo(base: string, path: string, separator = '/'): string {
  if (path.startsWith('./')) return relativeTo(base, path.slice(2), separator);
  if (!path.startsWith('../')) return `${base}${separator}${path}`.replace(/\/+$/, '');
  const slash = base.lastIndexOf('/');
  const end = slash < 0 ? base.lastIndexOf(':') : slash;
  if (end < 0) throw new Error('it leads out of the host of its parent');
  return relativeTo(base.slice(0, end), path.slice(3), slash < 0 ? ':' : '/');
}

const hostPart = (text: string): string => /^(?:[a-z]+:\/\/[^/]*\/|[^/:]*:|\/)/i.exec(text)?.[0] ?? text;
