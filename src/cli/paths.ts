export const GROUP_PATH = '/apis/rookery.dev/v1alpha1';

/** Where the API serves a kind: `namespace` undefined means all of them. */
export function objectsPath(
  { apiVersion, plural }: { readonly apiVersion: string; readonly plural: string },
  namespace?: string,
): string {
  const group = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return namespace === undefined ? `${group}/${plural}` : `${group}/namespaces/${namespace}/${plural}`;
}

export const eventsPath = (namespace?: string): string =>
  objectsPath({ apiVersion: 'v1', plural: 'events' }, namespace);
