import { findKind, type KindNames, kindNames } from '../api/kind-names.ts';
import { CliError } from './errors.ts';
import { nearest } from '../source/suggest.ts';

export interface Target {
  readonly kinds: readonly KindNames[];
  readonly names: readonly string[];
}

/** `agents`, `agent coordinator`, `agent/coordinator`, `agents,networks` or `all`. Throws `CliError`. */
export function parseTarget([first = '', ...names]: readonly string[]): Target {
  const [word = '', ...slashed] = first.split('/');
  if (slashed.length > 0 && names.length > 0)
    throw new CliError(`"${first}" already names an object; write either agent/NAME or agent NAME`);
  const found = word === 'all' ? Object.values(kindNames) : word.split(',').map(kindOf);
  const all = [...slashed, ...names];
  if (all.length > 0 && found.length > 1) throw new CliError('a name needs exactly one kind');
  return { kinds: found, names: all };
}

export function kindOf(word: string): KindNames {
  const kind = findKind(word);
  if (kind) return kind;
  const known = Object.values(kindNames).map(({ plural }) => plural);
  const close = nearest(word.toLowerCase(), known);
  const hint = close === undefined ? '' : ` (did you mean "${close}"?)`;
  throw new CliError(`unknown kind "${word}"${hint}; known are ${known.join(', ')}`);
}
