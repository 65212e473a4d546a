import type * as z from 'zod';

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Checks of a whole object also run where one of its fields is wrong: a person wants every error at once. */
export const evenIfPartlyWrong = { when: ({ value }: { value: unknown }): boolean => isObject(value) };

/** A tagged union as Kubernetes writes it; the CRD says the same with `oneOf`. */
export function exactlyOneOf<S extends z.ZodType>(schema: S, fields: readonly string[]): S {
  const last = fields.at(-1) ?? '';
  const error = `must have exactly one of ${fields.slice(0, -1).join(', ')} or ${last}`;
  const isOne = (value: unknown): boolean =>
    isObject(value) && fields.filter((field) => value[field] !== undefined).length === 1;
  const oneOf = fields.map((field) => ({ required: [field] }));
  return schema.refine(isOne, { error, ...evenIfPartlyWrong }).meta({ oneOf });
}
