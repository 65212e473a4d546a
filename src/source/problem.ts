import type { ObjectKey } from '../api/key.ts';
import type { ManifestProblem, ProblemReason } from '../state/desired.ts';
import { isPublic, type SourceDocument } from './decode.ts';
import { type FieldPath, locate } from './nodes.ts';
import { escapeControls, positionAt, type SourceText, type Span, snippetAt } from './text.ts';

export interface Finding {
  readonly reason: ProblemReason;
  readonly message: string;
  readonly path: FieldPath;
  /** Put the caret under the key instead of the value. */
  readonly atKey?: boolean;
  readonly key?: ObjectKey | undefined;
  readonly suggestion?: string | undefined;
}

/** Addresses a finding to the place in the file that it speaks of. */
export function problemAt(document: SourceDocument, finding: Finding): ManifestProblem {
  const { reason, message, key, suggestion } = finding;
  const place = locate(document.root, finding.path);
  const inner = finding.atKey || !place.isWritten ? (place.key ?? place.value) : place.value;
  const isShown = mayShow(document.value, finding.path);
  const span = isShown ? inner : (place.key ?? { start: inner.start, end: inner.start });
  return {
    reason,
    // Parts of it are the author's, who could forge another line with them.
    message: escapeControls(message),
    position: positionAt(document.source, span.start),
    snippet: snippetAt(document.source, span, isShown && mayShowLine(document) ? undefined : span),
    ...(key && { key }),
    ...(suggestion !== undefined && { suggestion }),
  };
}

/** A problem of a stretch that could not be read: nobody can say whether it holds a Secret, so its own words decide. */
export function unreadableAt(source: SourceText, span: Span, message: string): ManifestProblem {
  const isPublicText = !/secret|stringData/i.test(source.text);
  // Whatever the parser quotes follows one of these.
  const words = isPublicText ? message : message.replace(/["!:][^]*$/, '…');
  return {
    reason: 'InvalidManifest',
    message: `not valid YAML: ${escapeControls(words)}`,
    position: positionAt(source, span.start),
    ...(isPublicText && { snippet: snippetAt(source, span) }),
  };
}

/** More of the line than the value itself. */
export const mayShowLine = ({ value, isBesideSecrets }: SourceDocument): boolean =>
  isPublic(value) && !isBesideSecrets;

const ALWAYS_SHOWN = new Set(['apiVersion', 'kind', 'type', 'metadata.name', 'metadata.namespace']);

export const mayShow = (value: unknown, path: FieldPath): boolean =>
  isPublic(value) || ALWAYS_SHOWN.has(path.join('.'));
