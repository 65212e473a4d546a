import { badRequest } from './errors.ts';

/** The parts of a served object that can be selected by. */
export interface Selectable {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly status?: unknown;
}

export type Selects = (object: Selectable) => boolean;

const FIELDS: ReadonlySet<string> = new Set([
  'metadata.name',
  'metadata.namespace',
  'status.phase',
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'reason',
  'type',
]);

/** `fieldSelector` and `labelSelector`: equality, inequality and, for labels, presence; all must hold. */
export function selectorOf(query: URLSearchParams): Selects {
  const fields = termsOf(query.get('fieldSelector')).map(fieldTest);
  const labels = termsOf(query.get('labelSelector')).map(labelTest);
  const tests = [...fields, ...labels];
  return (object) => tests.every((test) => test(object));
}

const termsOf = (text: string | null): string[] =>
  (text ?? '')
    .split(',')
    .map((term) => term.trim())
    .filter((term) => term !== '');

const EQUALITY = /^([^=!\s]+)\s*(==|=|!=)\s*((?:[^=!\s][^=!]*)?)$/;

function fieldTest(term: string): Selects {
  const [, path = '', operator, value] = EQUALITY.exec(term) ?? [];
  if (!FIELDS.has(path)) {
    throw badRequest(`field selector "${term}" is not supported; fields: ${[...FIELDS].join(', ')}`);
  }
  return (object) => (fieldAt(object, path) === value) === (operator !== '!=');
}

function fieldAt(object: unknown, path: string): unknown {
  let value = object;
  for (const step of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[step];
  }
  return value;
}

function labelTest(term: string): Selects {
  const [, name = '', operator, value] = EQUALITY.exec(term) ?? [];
  if (name) return ({ metadata }) => (metadata.labels?.[name] === value) === (operator !== '!=');
  const [, not, present = ''] = /^(!?)([\w./-]+)$/.exec(term) ?? [];
  if (!present)
    throw badRequest(`label selector "${term}" is not supported; say key=value, key!=value, key or !key`);
  return ({ metadata }) => Object.hasOwn(metadata.labels ?? {}, present) === (not === '');
}
