import type { KindNames } from '../api/kind-names.ts';
import type { ApiObject } from '../api/status.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import { CliError } from './errors.ts';
import { nearest } from '../source/suggest.ts';
import { objectsPath } from './paths.ts';

export interface ObjectList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly ApiObject[];
}

export interface ObjectName {
  readonly kind: KindNames;
  readonly namespace: string;
  readonly name: string;
}

/** Throws `CliError` that says where the object is, or what it may be called. */
export async function findObject(api: ApiClient, { kind, namespace, name }: ObjectName): Promise<ApiObject> {
  try {
    return await api.get(`${objectsPath(kind, namespace)}/${encodeURIComponent(name)}`);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 404) throw error;
    throw new CliError(await notFoundText(api, { kind, namespace, name }));
  }
}

async function notFoundText(api: ApiClient, { kind, namespace, name }: ObjectName): Promise<string> {
  const what = `${kind.singular} "${name}" not found in namespace "${namespace}"`;
  const { items } = await api.get<ObjectList>(objectsPath(kind));
  const elsewhere = items.find(({ metadata }) => metadata.name === name);
  if (elsewhere) return `${what}; there is one in another: add -n ${elsewhere.metadata.namespace}`;
  const here = items.filter(({ metadata }) => metadata.namespace === namespace);
  const close = nearest(
    name,
    here.map(({ metadata }) => metadata.name),
  );
  return close === undefined ? what : `${what}; did you mean "${close}"?`;
}

/** What to say instead of an empty table. */
export async function nothingThere(
  api: ApiClient,
  kind: KindNames,
  namespace: string | undefined,
): Promise<string> {
  if (namespace === undefined) return `no ${kind.plural} found`;
  const none = `no ${kind.plural} found in namespace "${namespace}"`;
  const { items } = await api.get<ObjectList>(objectsPath(kind));
  const others = [...new Set(items.map(({ metadata }) => metadata.namespace))];
  const [other] = others;
  if (other === undefined) return none;
  return `${none}; there are ${items.length} elsewhere: add ${others.length === 1 ? `-n ${other}` : '-A'}`;
}
