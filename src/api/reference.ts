import { inputSchemaOf, type JsonSchema } from './fields.ts';
import { type Kind, kinds } from './kinds.ts';

const HEAD = `# Manifests

Every field of every kind, generated from the schema (\`npm run generate\`). Times are in the unit their name says;
a quantity is Kubernetes' own (\`500m\`, \`2\`, \`4Gi\`). \`[]\` stands for each entry of a list, \`{}\` for each key of a map.
A field without a default that is not required may be left out.
`;

/** `docs/reference/manifests.md`: a table for each kind. */
export const manifestReference = (): string =>
  [HEAD, ...(Object.keys(kinds) as Kind[]).map(kindSection)].join('\n');

function kindSection(kind: Kind): string {
  const { apiVersion, plural, shortNames } = kinds[kind];
  const names = [plural, ...shortNames].map((name) => `\`${name}\``).join(', ');
  const rows = rowsOf(inputSchemaOf(kind), '', new Map()).filter(
    ({ path }) => !['apiVersion', 'kind'].includes(path),
  );
  const table = rows.map(
    ({ path, type, fallback, text }) => `| \`${path}\` | ${type} | ${fallback} | ${text} |`,
  );
  const head = ['| Field | Type | Default | Meaning |', '|---|---|---|---|'];
  return [
    `## ${kind}`,
    '',
    `\`apiVersion: ${apiVersion}\`; on the command line ${names}.`,
    '',
    ...head,
    ...table,
    '',
  ].join('\n');
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly text: string;
}

/** Large mappings that were shown already, by their fields: probes are alike. */
type Shown = Map<string, string>;
const LARGE_FIELDS = 6;

function rowsOf(schema: JsonSchema, above: string, shown: Shown): Row[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = above === '' ? name : `${above}.${name}`;
    const fallback = required.has(name) && field.default === undefined ? '*required*' : defaultOf(field);
    const twin = twinOf(field, path, shown);
    const text = cell(field.description ?? '') + (twin === undefined ? '' : ` Fields as in \`${twin}\`.`);
    const row = { path, type: typeOf(field), fallback, text };
    return [row, ...(twin === undefined ? below(field, path, shown) : [])];
  });
}

function twinOf({ properties = {} }: JsonSchema, path: string, shown: Shown): string | undefined {
  if (Object.keys(properties).length < LARGE_FIELDS) return undefined;
  const print = JSON.stringify(properties);
  const twin = shown.get(print);
  if (twin === undefined) shown.set(print, path);
  return twin;
}

function below(field: JsonSchema, path: string, shown: Shown): Row[] {
  if (field['x-kubernetes-preserve-unknown-fields']) return [];
  if (field.items) return rowsOf(field.items, `${path}[]`, shown);
  return rowsOf(field, path, shown);
}

/** A default that only repeats those of the fields below it would say everything twice. */
function defaultOf(field: JsonSchema): string {
  const { default: value } = field;
  if (value === undefined || (field.properties && typeof value === 'object')) return '';
  return cell(`\`${JSON.stringify(value)}\``);
}

function typeOf(field: JsonSchema): string {
  if (field['x-kubernetes-int-or-string']) return 'number or text';
  if (field.enum) return cell(field.enum.map((value) => `\`${String(value) || '""'}\``).join(' | '));
  if (field.type === 'integer') return `whole number${rangeOf(field)}`;
  if (field.type === 'array') return `list of ${typeOf(field.items ?? {})}`;
  if (field.type === 'object') return typeof field.additionalProperties === 'object' ? 'map' : 'mapping';
  if (field.type === 'boolean') return 'true or false';
  return field.type === 'string' || field.anyOf?.every(({ type }) => type === 'string')
    ? 'text'
    : 'text or mapping';
}

function rangeOf({ minimum, maximum }: JsonSchema): string {
  const low = minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low === undefined && high === undefined) return '';
  return high === undefined ? `, at least ${low}` : `, ${low ?? ''} to ${high}`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
