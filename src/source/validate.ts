import type { z } from 'zod';
import { dropNullFields, fieldsAt, inputSchemaOf } from '../api/fields.ts';
import type { ObjectKey } from '../api/key.ts';
import { type Kind, type KindInfo, kinds, type Manifest } from '../api/kinds.ts';
import { DEFAULT_NAMESPACE } from '../api/dns-label.ts';
import { dnsLabel } from '../api/names.ts';
import type { ManifestProblem } from '../state/desired.ts';
import { isMapping, type SourceDocument } from './decode.ts';
import { describeIssue, pathText, quote } from './messages.ts';
import type { FieldPath } from './nodes.ts';
import { type Finding, isPublic, problemAt } from './problem.ts';
import { nearest } from './suggest.ts';
import { positionAt, snippetAt } from './text.ts';

/** What became of one document: a manifest, or everything that is wrong with it. */
export interface Validated {
  readonly document: SourceDocument;
  /** Whose document it is, where its kind and name could be told in spite of errors. */
  readonly key?: ObjectKey;
  /** Only without problems. */
  readonly manifest?: Manifest;
  readonly problems: readonly ManifestProblem[];
}

type Issue = z.core.$ZodIssue;

export function validate(document: SourceDocument): Validated {
  const { value } = document;
  const kind = isMapping(value) ? kindOf(value['kind']) : undefined;
  if (!isMapping(value) || !kind) return { document, problems: [unknownKind(document)] };
  const key = identify(kind.kind, value);
  const whole = containsNull(value) ? dropNullFields(value, inputSchemaOf(kind.kind)) : value;
  const parsed = kind.schema.safeParse(whole, { error: describeIssue(isPublic(value)), reportInput: true });
  const issues = parsed.success ? [] : flatten(parsed.error.issues).filter(isNoEcho);
  const problems = [
    ...doubleKeys(document, key),
    ...issues
      .flatMap((issue) => findingsOf(issue, kind))
      .map((finding) => problemAt(document, { ...finding, key })),
  ];
  const isValid = parsed.success && problems.length === 0;
  return {
    document,
    problems: problems.sort(byPosition),
    ...(key && { key }),
    ...(isValid && { manifest: parsed.data }),
  };
}

const kindOf = (word: unknown): KindInfo | undefined =>
  typeof word === 'string' && Object.hasOwn(kinds, word) ? kinds[word as Kind] : undefined;

function unknownKind(document: SourceDocument): ManifestProblem {
  const { value } = document;
  const report = (message: string, suggestion?: string) => {
    const path = isMapping(value) ? ['kind'] : [];
    return problemAt(document, { reason: 'InvalidManifest', message, path, suggestion });
  };
  if (!isMapping(value)) return report('must be a mapping with apiVersion, kind, metadata and spec');
  const word = value['kind'];
  const known = Object.keys(kinds);
  if (word === undefined) return report(`kind: is required (one of ${known.join(', ')})`);
  if (typeof word !== 'string') return report('kind: must be a text');
  const suggestion = nearest(word, known);
  return report(`kind: unknown kind ${quote(word)}; there are ${known.join(', ')}`, suggestion);
}

function identify(kind: Kind, value: Readonly<Record<string, unknown>>): ObjectKey | undefined {
  const metadata = isMapping(value['metadata']) ? value['metadata'] : {};
  const name = dnsLabel.safeParse(metadata['name']);
  const namespace = dnsLabel.safeParse(metadata['namespace'] ?? DEFAULT_NAMESPACE);
  if (!name.success || !namespace.success) return undefined;
  return { kind, namespace: namespace.data, name: name.data };
}

const containsNull = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.values(value).some(containsNull));

function doubleKeys(document: SourceDocument, key: ObjectKey | undefined): ManifestProblem[] {
  const { source, errors, value } = document;
  return errors.map(({ span, message }) => ({
    reason: 'InvalidManifest',
    message,
    position: positionAt(source, span.start),
    snippet: snippetAt(source, span, isPublic(value) ? undefined : span),
    ...(key && { key }),
  }));
}

/** A union's issues are those of the branch that was meant: the only one whose type fits. */
function flatten(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union') return [issue];
    const meant = issue.errors.filter((branch) => !branch.some(isWrongType));
    const branch = meant.length === 1 ? meant[0] : undefined;
    if (!branch) return [issue];
    const nested = branch.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
    return flatten(nested);
  });
}

const isWrongType = (issue: Issue): boolean =>
  issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value');

/** Two issues at one place may say the same thing twice: only the plainer one is told. */
const isNoEcho = (issue: Issue, _index: number, all: readonly Issue[]): boolean => {
  const isEmpty = issue.code === 'invalid_format' && issue.input === '';
  const plainer = issue.code === 'custom' ? 'unrecognized_keys' : isEmpty ? 'too_small' : undefined;
  const path = issue.path.join('.');
  return !all.some((other) => other.code === plainer && other.path.join('.') === path);
};

function findingsOf(issue: Issue, kind: KindInfo): Finding[] {
  const finding = (path: FieldPath, message: string, more: Partial<Finding> = {}): Finding => ({
    reason: 'InvalidManifest',
    path,
    message: path.length > 0 ? `${pathText(path)}: ${message}` : message,
    ...more,
  });
  if (issue.code === 'unrecognized_keys') {
    const fields = fieldsAt(inputSchemaOf(kind.kind), issue.path);
    return issue.keys.map((name) =>
      finding([...issue.path, name], issue.message, { atKey: true, suggestion: nearest(name, fields) }),
    );
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => finding(issue.path, `as a key ${inner.message}`, { atKey: true }));
  }
  return [finding(issue.path, issue.message, { suggestion: suggestedValue(issue) })];
}

function suggestedValue(issue: Issue): string | undefined {
  if (issue.code !== 'invalid_value' || typeof issue.input !== 'string') return undefined;
  return nearest(issue.input, issue.values.map(String));
}

export const byPosition = (left: ManifestProblem, right: ManifestProblem): number =>
  left.position.line - right.position.line || left.position.column - right.position.column;
