import * as z from 'zod';
import { type Kind, kinds } from './kinds.ts';

/** The part of JSON Schema that zod writes and we read. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly [extension: `x-kubernetes-${string}`]: unknown;
}

/** What a manifest of `kind` may say, as JSON Schema: its input, before defaults are filled in. */
export function inputSchemaOf(kind: Kind): JsonSchema {
  const known = schemas.get(kind);
  if (known) return known;
  const options = {
    io: 'input',
    unrepresentable: 'any',
    reused: 'inline',
    override: restoreDefault,
  } as const;
  const made = z.toJSONSchema(kinds[kind].schema, options) as JsonSchema;
  schemas.set(kind, made);
  return made;
}

/** Milliseconds each to make, and asked for by every document with an unknown field: a file may have thousands. */
const schemas = new Map<Kind, JsonSchema>();

/** zod leaves a default out where something below it is transformed; ours are empty there, and so valid input too. */
function restoreDefault({
  zodSchema,
  jsonSchema,
}: {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}): void {
  if (zodSchema instanceof z.ZodDefault) jsonSchema.default ??= zodSchema.def.defaultValue;
}

const childOf = (schema: JsonSchema, step: PropertyKey): JsonSchema | undefined => {
  if (typeof step === 'number') return schema.items;
  const { properties, additionalProperties } = schema;
  if (properties && Object.hasOwn(properties, step)) return properties[String(step)];
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
};

/** The fields that may stand at `path`; none where anything may. */
export function fieldsAt(schema: JsonSchema, path: readonly PropertyKey[]): string[] {
  let current: JsonSchema | undefined = schema;
  for (const step of path) current = current && childOf(current, step);
  const branches = current ? [current, ...(current.anyOf ?? [])] : [];
  return branches.flatMap((branch) => Object.keys(branch.properties ?? {}));
}

/**
 * Drops known fields that are `null`, as the Kubernetes API server does: `command:` with nothing behind it is a field
 * that was not set. Maps (data, labels) and free JSON keep theirs.
 */
export function dropNullFields(value: unknown, schema: JsonSchema | undefined): unknown {
  if (!schema || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => dropNullFields(item, schema.items));
  const fields = Object.entries(value).filter(
    ([name, field]) => field !== null || !Object.hasOwn(schema.properties ?? {}, name),
  );
  return Object.fromEntries(
    fields.map(([name, field]) => [name, dropNullFields(field, childOf(schema, name))]),
  );
}
