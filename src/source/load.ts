import type { ObjectKey } from '../api/key.ts';
import type { Manifest } from '../api/kinds.ts';
import { hashOf } from '../state/canonical.ts';
import type { DesiredObject, ManifestProblem, ProblemReason } from '../state/desired.ts';
import { decode, expandLists, type SourceDocument } from './decode.ts';
import { readBounded } from './open-file.ts';
import { unreadableAt } from './problem.ts';
import { systemWords } from './roots.ts';
import { positionAt } from './text.ts';
import { byPosition, type Validated, validate } from './validate.ts';

export const MAX_FILE_BYTES = 10 * 2 ** 20;

/** A valid object of a file, before what it points at was looked at. */
export interface LoadedObject {
  readonly object: Omit<DesiredObject, 'inputs'>;
  readonly document: SourceDocument;
}

/** A document whose owner is known, valid or not: a name may be there only once. */
export interface ClaimedName {
  readonly key: ObjectKey;
  readonly document: SourceDocument;
}

export interface LoadedFile {
  readonly objects: readonly LoadedObject[];
  readonly claims: readonly ClaimedName[];
  readonly problems: readonly ManifestProblem[];
  /** Objects may hide in what could not be read, so that their absence means nothing. */
  readonly hidesObjects: boolean;
}

export async function loadFile(path: string): Promise<LoadedFile> {
  try {
    return loadBytes(path, await readBounded(path, MAX_FILE_BYTES));
  } catch (error) {
    return unread(path, 'Unreadable', `cannot be read: ${systemWords(error)}`);
  }
}

export function loadBytes(path: string, bytes: Uint8Array): LoadedFile {
  if (bytes.length > MAX_FILE_BYTES) {
    const words = `is larger than ${MAX_FILE_BYTES >> 20} MB, the most that is read of one manifest file`;
    return unread(path, 'FileTooLarge', words);
  }
  const text = utf8Text(bytes);
  if (text === undefined) return unread(path, 'Unreadable', 'cannot be read: it is not UTF-8 text');
  return loadText(path, text);
}

function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const unread = (file: string, reason: ProblemReason, message: string): LoadedFile => ({
  objects: [],
  claims: [],
  problems: [{ reason, message, position: { file, line: 1, column: 1 } }],
  hidesObjects: true,
});

export function loadText(file: string, text: string): LoadedFile {
  const { source, documents, failures } = expandLists(decode(file, text));
  const validated = documents.filter(({ value }) => value !== null).map(validate);
  const broken = failures.map(({ span, message }) => unreadableAt(source, span, message));
  return {
    objects: validated.flatMap(loadedObject),
    claims: validated.flatMap(({ key, document }) => (key ? [{ key, document }] : [])),
    problems: [...broken, ...validated.flatMap(({ problems }) => problems)].sort(byPosition),
    hidesObjects: broken.length > 0 || validated.some(({ key }) => key === undefined),
  };
}

function loadedObject({ key, manifest, document }: Validated): LoadedObject[] {
  if (!key || !manifest) return [];
  const position = positionAt(document.source, document.root.span.start);
  return [{ document, object: { key, manifest, position, specHash: specHash(manifest) } }];
}

/** Of what the object asks for; its metadata is not part of it. */
function specHash(manifest: Manifest): string {
  const { apiVersion: _apiVersion, kind: _kind, metadata: _metadata, ...content } = manifest;
  return hashOf(content);
}
