import type { ApiObject } from '../api/status.ts';

/** What `kubectl apply` leaves in exported manifests: the whole object, values and all. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

type Published = Omit<ApiObject, 'metadata'> & {
  readonly metadata: Omit<ApiObject['metadata'], 'resourceVersion'>;
};

/** The last door before the API: of a Secret only the names of its entries pass, whoever published it. */
export function withoutSecretValues(object: Published): Published {
  if (object.kind !== 'Secret') return object;
  const { data, metadata, status, apiVersion, kind } = object;
  const { annotations, ...rest } = metadata;
  const kept = Object.entries(annotations ?? {}).filter(([name]) => name !== LAST_APPLIED);
  return {
    apiVersion,
    kind,
    metadata: { ...rest, ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }) },
    ...(data !== undefined && { data: namesOf(data) }),
    ...(status && { status }),
  };
}

const namesOf = (data: unknown): Record<string, string> =>
  typeof data === 'object' && data !== null
    ? Object.fromEntries(Object.keys(data).map((name) => [name, '']))
    : {};
