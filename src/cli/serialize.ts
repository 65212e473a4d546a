import type { ApiObject } from '../api/status.ts';
import { structured } from './structured.ts';

export type Format = 'yaml' | 'json' | 'name';

/** One object stands alone, several as a `List`: as kubectl does. */
export async function serialize(
  objects: readonly ApiObject[],
  format: Format,
  single: boolean,
): Promise<string> {
  if (format === 'name') return objects.map((object) => `${nameOf(object)}\n`).join('');
  const [first] = objects;
  const value = single && first ? first : { apiVersion: 'v1', kind: 'List', metadata: {}, items: objects };
  return structured(value, format);
}

export const nameOf = ({ kind, metadata }: ApiObject): string => `${kind.toLowerCase()}/${metadata.name}`;
