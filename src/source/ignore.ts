/** Whether a path of a build context (relative, with `/`) stays out of the build. */
export type IgnoreRule = (path: string) => boolean;

interface IgnorePattern {
  readonly expression: RegExp;
  readonly negated: boolean;
}

/**
 * `.containerignore` and `.dockerignore` as Docker defines them: patterns start at the context's top, also match what
 * is below a matched directory, and the last one that matches decides.
 */
export function parseIgnore(text: string): { readonly ignores: IgnoreRule; readonly hasExceptions: boolean } {
  const patterns = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(compile);
  const last = (path: string) => patterns.findLast(({ expression }) => expression.test(path));
  return {
    ignores: (path) => last(path)?.negated === false,
    hasExceptions: patterns.some(({ negated }) => negated),
  };
}

function compile(line: string): IgnorePattern {
  const negated = line.startsWith('!');
  const pattern = (negated ? line.slice(1) : line).trim().replace(/^(\.?\/)+/, '');
  const cleaned = pattern.replace(/\/+$/, '');
  return { expression: expressionOf(cleaned), negated };
}

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(`^${translate(pattern)}(/.*)?$`, 'su');
  } catch {
    // Such as [z-a]: it matches nothing but itself.
    return new RegExp(`^${escape(pattern)}$`, 'su');
  }
}

const escape = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/gu, '\\$&');

const TOKENS = /\*\*\/|\*\*|\*|\?|\[\^?[^\]]+\]|\\.|[^]/gu;

function translate(pattern: string): string {
  return pattern.replace(TOKENS, (token) => {
    if (token === '**/') return '(?:.*/)?';
    if (token === '**') return '.*';
    if (token === '*') return '[^/]*';
    if (token === '?') return '[^/]';
    if (token.length > 1 && token.startsWith('[')) return token;
    return escape(token.startsWith('\\') && token.length > 1 ? token.slice(1) : token);
  });
}
