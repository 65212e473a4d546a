import type { Position } from '../state/desired.ts';

/** One file as it was read, with the offsets at which its lines start. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
  readonly lineStarts: readonly number[];
}

/** A stretch of a file: what a caret is put under. Offsets count UTF-16 units from 0; the end is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export function sourceText(file: string, text: string): SourceText {
  const lineStarts = [0];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 10 || (code === 13 && text.charCodeAt(index + 1) !== 10)) lineStarts.push(index + 1);
  }
  return { file, text, lineStarts };
}

export function positionAt(source: SourceText, offset: number): Position {
  const line = lineIndex(source.lineStarts, offset);
  const column = offset - (source.lineStarts[line] ?? 0) + 1;
  return { file: source.file, line: line + 1, column };
}

/** The last line that starts at or before `offset`. */
function lineIndex(lineStarts: readonly number[], offset: number): number {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((lineStarts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

const MAX_SNIPPET_COLUMNS = 100;
const CONTEXT_COLUMNS = 30;

/**
 * The line at the start of `span` with carets under it, fit for a terminal whatever the file holds. Nothing of the
 * line outside `window` is shown (indentation apart): that is how the value of a Secret stays out.
 */
export function snippetAt(source: SourceText, span: Span, window?: Span): string {
  const { line } = positionAt(source, span.start);
  const start = source.lineStarts[line - 1] ?? 0;
  const end = start + source.text.slice(start, source.lineStarts[line]).trimEnd().length;
  const shown = clip(window ?? columnsAround(start, span), start, end);
  const indent = source.text.slice(start, shown.start);
  const before = indent.trim() === '' ? indent : '…';
  const after = shown.end < end ? '…' : '';
  const gutter = `${line} | `;
  const code = escapeControls(before + source.text.slice(shown.start, shown.end) + after);
  const marked = clip(span, shown.start, Math.max(shown.end, span.start));
  const caretColumn =
    gutter.length + escapeControls(before + source.text.slice(shown.start, marked.start)).length;
  const width = escapeControls(source.text.slice(marked.start, marked.end)).length;
  return `${gutter}${code}\n${' '.repeat(caretColumn)}${'^'.repeat(Math.max(1, width))}`;
}

function columnsAround(lineStart: number, span: Span): Span {
  const isFar = span.start - lineStart + CONTEXT_COLUMNS > MAX_SNIPPET_COLUMNS;
  const start = isFar ? span.start - CONTEXT_COLUMNS : lineStart;
  return { start, end: start + MAX_SNIPPET_COLUMNS };
}

const clip = (span: Span, low: number, high: number): Span => ({
  start: Math.min(Math.max(span.start, low), high),
  end: Math.min(Math.max(span.end, low), high),
});

/** A manifest is read by people in terminals: an escape sequence in it must not reach one, nor hidden text directions. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

export const escapeControls = (text: string): string =>
  text.replace(UNPRINTABLE, (character) => {
    if (character === '\t') return '\\t';
    const code = character.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
