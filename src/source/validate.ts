import type * as z from 'zod';
import { dropNullFields, fieldsAt, inputSchemaOf } from '../api/fields.ts';
import type { ObjectKey } from '../api/key.ts';
import { type Kind, type KindInfo, kinds, type Manifest } from '../api/kinds.ts';
import { DEFAULT_NAMESPACE } from '../api/dns-label.ts';
import { dnsLabel } from '../api/names.ts';
import type { ManifestProblem } from '../state/desired.ts';
import { isMapping, isPublic, type SourceDocument } from './decode.ts';
import { describeIssue, pathText, quote } from './messages.ts';
import type { FieldPath } from './nodes.ts';
import { type Finding, mayShowLine, problemAt } from './problem.ts';
import { nearest } from './suggest.ts';
import { escapeControls, positionAt, snippetAt } from './text.ts';

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

/** Of one document. A person needs no more, and finding the place of each of 10,000 held everything up for a quarter of a minute. */
const MOST_TOLD = 50;

export function validate(document: SourceDocument): Validated {
  const { value } = document;
  const kind = isMapping(value) ? kindOf(value['kind']) : undefined;
  if (!isMapping(value) || !kind) return { document, problems: [unknownKind(document)] };
  const key = identify(kind.kind, value);
  const whole = containsNull(value) ? dropNullFields(value, inputSchemaOf(kind.kind)) : value;
  const parsed = kind.schema.safeParse(whole, { error: describeIssue(isPublic(value)), reportInput: true });
  const issues = parsed.success ? [] : withoutEchoes(flatten(parsed.error.issues));
  const problems = [
    ...doubleKeys(document, key),
    ...firstFindings(issues, kind).map((finding) => problemAt(document, { ...finding, key })),
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
  const { source, errors } = document;
  return errors.slice(0, MOST_TOLD).map(({ span, message }) => ({
    reason: 'InvalidManifest',
    message: escapeControls(message),
    position: positionAt(source, span.start),
    snippet: snippetAt(source, span, mayShowLine(document) ? undefined : span),
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
function withoutEchoes(issues: readonly Issue[]): Issue[] {
  const told = new Set(issues.map(({ code, path }) => `${code} ${path.join('.')}`));
  return issues.filter((issue) => {
    const isEmpty = issue.code === 'invalid_format' && issue.input === '';
    const plainer = issue.code === 'custom' ? 'unrecognized_keys' : isEmpty ? 'too_small' : undefined;
    return plainer === undefined || !told.has(`${plainer} ${issue.path.join('.')}`);
  });
}

function firstFindings(issues: readonly Issue[], kind: KindInfo): Finding[] {
  const findings: Finding[] = [];
  for (const issue of issues) {
    findings.push(...findingsOf(issue, kind));
    if (findings.length > MOST_TOLD) return [...findings.slice(0, MOST_TOLD), MORE];
  }
  return findings;
}

const MORE: Finding = {
  reason: 'InvalidManifest',
  path: [],
  message: `there are more errors than these ${MOST_TOLD}`,
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
    return issue.keys
      .slice(0, MOST_TOLD + 1)
      .map((name) =>
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
