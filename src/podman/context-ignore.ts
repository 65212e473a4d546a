/** Says whether a path of a build context, relative and with `/`, stays out of it. */
export interface IgnoreRules {
  ignores(path: string): boolean;
  /** With exceptions (`!keep`), an ignored directory must still be looked into. */
  readonly hasExceptions: boolean;
}

interface Rule {
  readonly pattern: RegExp;
  readonly exception: boolean;
}

/** `.containerignore` and `.dockerignore`, as Docker reads them: the last line that matches a path or a parent decides. */
export function parseIgnore(text: string): IgnoreRules {
  const rules = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(ruleOf);
  return {
    hasExceptions: rules.some((rule) => rule.exception),
    ignores: (path) => rules.findLast((rule) => rule.pattern.test(path))?.exception === false,
  };
}

function ruleOf(line: string): Rule[] {
  const exception = line.startsWith('!');
  const body = (exception ? line.slice(1).trim() : line).replace(/^\.?\/+/, '').replace(/\/+$/, '');
  if (body === '' || body === '.') return [];
  return [{ pattern: new RegExp(`^${globSource(body)}(?:/.*)?$`, 's'), exception }];
}

const TOKENS = /\*\*\/?|\*|\?|\[[^\]]*\]|\\.|[^*?[\\]+|./gs;

const globSource = (glob: string): string => (glob.match(TOKENS) ?? []).map(tokenSource).join('');

function tokenSource(token: string): string {
  if (token === '**/') return '(?:.*/)?';
  if (token === '**') return '.*';
  if (token === '*') return '[^/]*';
  if (token === '?') return '[^/]';
  if (token.startsWith('[') && token.length > 2) return token.replace(/^\[!/, '[^');
  return literal(token.startsWith('\\') ? token.slice(1) : token);
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
