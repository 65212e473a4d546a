import { additionalColumns, statusSchema } from './crd-status.ts';
import { inputSchemaOf, type JsonSchema } from './fields.ts';
import { type Kind, kinds } from './kinds.ts';

/** The kinds that are ours; Kubernetes has the others already. */
export const crdKinds = [
  'Agent',
  'PodGroup',
  'Network',
  'Volume',
  'Image',
] as const satisfies readonly Kind[];
export type CrdKind = (typeof crdKinds)[number];

/** The CustomResourceDefinition of a kind: what a Kubernetes API server needs to take the manifests we take. */
export function crdFor(kind: CrdKind): object {
  const { plural, singular, shortNames, apiVersion } = kinds[kind];
  const [group = '', version = ''] = apiVersion.split('/');
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames, categories: ['rookery'] },
      scope: 'Namespaced',
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: additionalColumns(kind),
          schema: { openAPIV3Schema: objectSchema(kind) },
        },
      ],
    },
  };
}

function objectSchema(kind: CrdKind): object {
  const { properties = {}, required = [] } = inputSchemaOf(kind);
  const name = properties['metadata']?.properties?.['name'];
  return {
    type: 'object',
    required: required.filter((field) => field === 'spec'),
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      // Of its metadata a CRD may restrict the name and nothing else.
      metadata: { type: 'object', properties: { name: name ? structural(name) : {} } },
      spec: structural(properties['spec'] ?? {}),
      status: statusSchema(kind),
    },
  };
}

type Schema = Readonly<Record<string, unknown>>;

/** What zod writes and a structural schema may not have; unknown fields are the API server's own business. */
const DROPPED = new Set([
  '$schema',
  '$defs',
  'additionalProperties',
  'propertyNames',
  'const',
  'properties',
  'items',
]);
const KUBERNETES_FORMATS = new Set(['ipv4', 'ipv6', 'cidr']);

/** Makes JSON Schema structural: every node has one type, and no type stands below a oneOf, anyOf or not. */
export function structural(schema: JsonSchema): Schema {
  if (schema['x-kubernetes-int-or-string']) return intOrString(schema);
  if (schema['x-kubernetes-preserve-unknown-fields']) return freeForm(schema);
  const merged = schema.anyOf?.every(({ type }) => type === 'string') ? textWithFormats(schema) : schema;
  const plain = Object.entries(merged).filter(([field, value]) => isKept(field, value));
  const { properties, items, additionalProperties } = merged;
  return {
    ...Object.fromEntries(plain),
    ...(merged.const !== undefined && { enum: [merged.const] }),
    ...(properties && { properties: mapValues(properties, structural) }),
    ...(items && { items: structural(items) }),
    ...(typeof additionalProperties === 'object' && {
      additionalProperties: structural(additionalProperties),
    }),
  };
}

const isKept = (field: string, value: unknown): boolean =>
  !DROPPED.has(field) && !isUnbounded(value) && (field !== 'format' || KUBERNETES_FORMATS.has(String(value)));

const mapValues = (
  fields: Readonly<Record<string, JsonSchema>>,
  change: (schema: JsonSchema) => Schema,
): Record<string, Schema> =>
  Object.fromEntries(Object.entries(fields).map(([name, schema]) => [name, change(schema)]));

/** zod bounds every whole number by what a double holds; that says nothing about the field. */
const isUnbounded = (value: unknown): boolean => Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER;

/** Bounds of numbers do not bother texts, nor patterns numbers: they can stand together. */
function intOrString({ anyOf = [], ...rest }: JsonSchema): Schema {
  const checks = anyOf.flatMap((branch) =>
    Object.entries(branch).filter(([field, value]) => field !== 'type' && !isUnbounded(value)),
  );
  return { ...rest, anyOf: [{ type: 'integer' }, { type: 'string' }], ...Object.fromEntries(checks) };
}

/** Anything may be in it; what can be said without types still is. */
function freeForm({ type, description, default: value, ...rest }: JsonSchema): Schema {
  return {
    ...(type !== undefined && { type }),
    ...(description !== undefined && { description }),
    ...(value !== undefined && { default: value }),
    'x-kubernetes-preserve-unknown-fields': rest['x-kubernetes-preserve-unknown-fields'],
  };
}

/** A text in one of several formats; where Kubernetes knows the format, zod's long pattern is not needed. */
function textWithFormats({ anyOf = [], ...rest }: JsonSchema): JsonSchema {
  const formats = [...new Set(anyOf.map(({ format = '' }) => format.replace(/^cidrv[46]$/, 'cidr')))];
  if (!formats.every((format) => KUBERNETES_FORMATS.has(format))) return { ...rest, type: 'string', anyOf };
  if (formats.length === 1) return { ...rest, type: 'string', format: formats[0] ?? '' };
  return { ...rest, type: 'string', anyOf: formats.map((format) => ({ format })) };
}
