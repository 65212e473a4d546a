import type { ManifestProblem } from './desired.ts';

/** As compilers say it: `file:line:column: what`, the line itself, and what was probably meant. */
export function formatProblem({ position, message, suggestion, snippet }: ManifestProblem): string {
  const { file, line, column } = position;
  const hint = suggestion === undefined ? '' : ` (did you mean "${suggestion}"?)`;
  const head = `${file}:${line}:${column}: ${message}${hint}`;
  return snippet === undefined ? head : `${head}\n${snippet.replace(/^/gm, '    ')}`;
}
