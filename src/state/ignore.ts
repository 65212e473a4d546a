/** What stays out of a build context: one definition for its digest and for what is sent. */
export interface IgnoreRules {
  /** `path` is relative, with `/`. */
  readonly ignores: (path: string) => boolean;
  /** With exceptions (`!keep`), an ignored directory must still be looked into. */
  readonly hasExceptions: boolean;
}

interface Rule {
  readonly tokens: readonly Token[];
  readonly isException: boolean;
}

type Token =
  | { readonly type: 'Literal'; readonly text: string }
  /** One character. */
  | { readonly type: 'One'; readonly fits: (character: string) => boolean }
  /** `*`: anything within one name. */
  | { readonly type: 'Star' }
  /** `**`: anything. */
  | { readonly type: 'Deep' }
  /** `**` and a slash: any number of directories, none too. */
  | { readonly type: 'Directories' };

/**
 * `.containerignore` and `.dockerignore` as Docker defines them: patterns start at the context's top, also match what
 * is below a matched directory, and the last one that matches decides.
 */
export function parseIgnore(text: string): IgnoreRules {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(ruleOf);
  return {
    ignores: (path) => rules.findLast(({ tokens }) => matches(tokens, path))?.isException === false,
    hasExceptions: rules.some(({ isException }) => isException),
  };
}

function ruleOf(line: string): Rule[] {
  const isException = line.startsWith('!');
  const pattern = (isException ? line.slice(1).trim() : line).replace(/^(\.?\/)+/, '').replace(/\/+$/, '');
  if (pattern === '' || pattern === '.') return [];
  return [{ tokens: tokensOf(pattern), isException }];
}

const TOKENS = /(?:\*\*\/)+|\*\*+|\*|\?|\[\^?[^\]]+\]|\\.|[^*?[\\]+|./gsu;

const tokensOf = (pattern: string): Token[] => (pattern.match(TOKENS) ?? []).map(tokenOf);

function tokenOf(text: string): Token {
  if (text.endsWith('**/')) return { type: 'Directories' };
  if (text.startsWith('**')) return { type: 'Deep' };
  if (text === '*') return { type: 'Star' };
  if (text === '?') return { type: 'One', fits: (character) => character !== '/' };
  if (text.startsWith('[') && text.length > 2) return classToken(text);
  return { type: 'Literal', text: text.startsWith('\\') && text.length > 1 ? text.slice(1) : text };
}

function classToken(text: string): Token {
  try {
    const one = new RegExp(`^${text}$`, 'su');
    return { type: 'One', fits: (character) => one.test(character) };
  } catch {
    // Such as [z-a]: it matches nothing but itself.
    return { type: 'Literal', text };
  }
}

/** Every pair of token and place is tried once: as one regular expression, `*a*a*a*a*a*` took minutes for a long name. */
function matches(tokens: readonly Token[], path: string): boolean {
  const tried = new Set<number>();
  const from = (index: number, at: number): boolean => {
    const token = tokens[index];
    if (!token) return at === path.length || path[at] === '/';
    if (token.type === 'Literal')
      return path.startsWith(token.text, at) && from(index + 1, at + token.text.length);
    const key = index * (path.length + 1) + at;
    if (tried.has(key)) return false;
    tried.add(key);
    if (token.type === 'One') {
      const character = characterAt(path, at);
      return character !== '' && token.fits(character) && from(index + 1, at + character.length);
    }
    return from(index + 1, at) || ends(token, path, at).some((end) => from(index, end));
  };
  return from(0, 0);
}

const characterAt = (path: string, at: number): string =>
  at < path.length ? String.fromCodePoint(path.codePointAt(at) ?? 0) : '';

/** Where the next step of a token that takes any number of them may end. */
function ends({ type }: Token, path: string, at: number): number[] {
  if (type === 'Directories') {
    const slash = path.indexOf('/', at);
    return slash < 0 ? [] : [slash + 1];
  }
  const mayTake = at < path.length && (type === 'Deep' || path[at] !== '/');
  return mayTake ? [at + 1] : [];
}
