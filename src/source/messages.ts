import type * as z from 'zod';
import { isMapping } from './decode.ts';
import type { FieldPath } from './nodes.ts';
import { escapeControls } from './text.ts';

type RawIssue = Parameters<z.core.$ZodErrorMap>[0];

const NOUNS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  json: 'a JSON value',
};

const FORMATS: Readonly<Record<string, string>> = {
  base64: 'base64 text (under stringData a value stands as it is)',
  ipv4: 'an IP address',
  ipv6: 'an IP address',
  cidrv4: 'a subnet such as 10.90.0.0/24',
  cidrv6: 'a subnet such as 10.90.0.0/24',
  starts_with: 'a text that starts as asked',
};

const MAX_QUOTED_LENGTH = 60;

/** A text as a message may carry it: in quotes, on one line, cut when it is long. */
export function quote(text: string): string {
  const cut = text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text;
  return `"${escapeControls(cut)}"`;
}

/** What a value is; the value itself only where it may be shown. */
function describe(value: unknown, isPublic: boolean): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (isMapping(value)) return 'a mapping';
  if (typeof value === 'string') return isPublic ? `the text ${quote(value)}` : 'a text';
  if (typeof value === 'number') return isPublic ? `the number ${value}` : 'a number';
  return isPublic ? JSON.stringify(value) : 'true or false';
}

/**
 * Says in a person's words what zod found; a schema's own message goes before this one.
 * @param isPublic false for a Secret: no value may appear then.
 */
export const describeIssue =
  (isPublic: boolean) =>
  (issue: RawIssue): string => {
    switch (issue.code) {
      case 'invalid_type':
        return wrongType(issue.expected, issue.input, isPublic);
      case 'invalid_value':
        return wrongChoice(issue.values.map(String), issue.input, isPublic);
      case 'too_small':
      case 'too_big':
        return outOfRange(issue, isPublic);
      case 'invalid_format':
        return wrongFormat(issue, isPublic);
      case 'unrecognized_keys':
        return 'unknown field';
      case 'invalid_key':
        return 'is not a valid key';
      default:
        return `is not what this field takes, is ${describe(issue.input, isPublic)}`;
    }
  };

function wrongType(expected: string, input: unknown, isPublic: boolean): string {
  const noun = NOUNS[expected] ?? expected;
  if (input === undefined) return `is required (${noun})`;
  const isScalar = typeof input === 'number' || typeof input === 'boolean';
  const hint =
    expected === 'string' && isScalar && isPublic ? `; in quotes it is a text: "${String(input)}"` : '';
  return `must be ${noun}, is ${describe(input, isPublic)}${hint}`;
}

function wrongChoice(values: readonly string[], input: unknown, isPublic: boolean): string {
  const words = values.map((value) => (value === '' ? '""' : value));
  const last = words.at(-1) ?? '';
  const choice = words.length > 1 ? `one of ${words.slice(0, -1).join(', ')} or ${last}` : last;
  return input === undefined
    ? `is required (${choice})`
    : `must be ${choice}, is ${describe(input, isPublic)}`;
}

type SizeIssue = Extract<RawIssue, { code: 'too_small' | 'too_big' }>;

function outOfRange(issue: SizeIssue, isPublic: boolean): string {
  const isLow = issue.code === 'too_small';
  const bound = `at ${isLow ? 'least' : 'most'} ${String(isLow ? issue.minimum : issue.maximum)}`;
  if (typeof issue.input === 'string') {
    if (isLow && issue.minimum === 1) return 'must not be empty';
    return `must have ${bound} characters, has ${issue.input.length}`;
  }
  if (Array.isArray(issue.input)) return `must have ${bound} entries, has ${issue.input.length}`;
  return `must be ${bound}, is ${describe(issue.input, isPublic)}`;
}

function wrongFormat(issue: Extract<RawIssue, { code: 'invalid_format' }>, isPublic: boolean): string {
  const prefix = 'prefix' in issue && typeof issue.prefix === 'string' ? issue.prefix : undefined;
  const wanted = prefix ? `a text that starts with "${prefix}"` : FORMATS[issue.format];
  return `must be ${wanted ?? `a valid ${issue.format}`}, is ${describe(issue.input, isPublic)}`;
}

const PLAIN_KEY = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `spec.ports[0].hostPort`, as kubectl writes it. */
export const pathText = (path: FieldPath): string =>
  path
    .map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      const name = String(step);
      return PLAIN_KEY.test(name) ? `.${name}` : `[${quote(name)}]`;
    })
    .join('')
    .replace(/^\./, '');
