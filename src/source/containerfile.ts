/** The images a Containerfile is FROM, its own stages and `scratch` left out, each once and in order. */
export function baseImages(text: string, buildArgs: Readonly<Record<string, string>>): string[] {
  const stages = new Set<string>(['scratch']);
  const defaults = new Map<string, string>();
  const found = new Set<string>();
  let isBeforeFrom = true;
  for (const line of logicalLines(text)) {
    const argument = /^ARG\s+([A-Za-z_]\w*)(?:=(.*))?$/is.exec(line);
    if (argument?.[1] && isBeforeFrom) {
      const value = buildArgs[argument[1]] ?? (argument[2] === undefined ? undefined : unquote(argument[2]));
      if (value !== undefined) defaults.set(argument[1], substitute(value, defaults));
    }
    const from = /^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i.exec(line);
    if (!from?.[1]) continue;
    isBeforeFrom = false;
    const reference = substitute(unquote(from[1]), defaults);
    if (!stages.has(reference.toLowerCase())) found.add(reference);
    if (from[2]) stages.add(from[2].toLowerCase());
  }
  return [...found];
}

/** Comments out, continued lines joined. */
function logicalLines(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => !/^\s*#/.test(line));
  return lines
    .join('\n')
    .replace(/\\[ \t]*\n/g, ' ')
    .split('\n')
    .map((line) => line.trim());
}

const unquote = (text: string): string => text.trim().replace(/^(["'])(.*)\1$/s, '$2');

const VARIABLE = /\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\})/g;

/** `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+instead}`. */
function substitute(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(VARIABLE, (...match: (string | undefined)[]) => {
    const [, bare, braced, operator, word = ''] = match;
    const value = values.get(bare ?? braced ?? '') ?? '';
    if (operator === '-') return value === '' ? word : value;
    if (operator === '+') return value === '' ? '' : word;
    return value;
  });
}
