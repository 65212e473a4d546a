/** Every label and annotation of ours lives under this prefix; what does not carry them is never touched. */
export const LABEL_PREFIX = 'rookery.dev/';

export const labels = {
  managedBy: `${LABEL_PREFIX}managed-by`,
  installation: `${LABEL_PREFIX}installation`,
  kind: `${LABEL_PREFIX}kind`,
  namespace: `${LABEL_PREFIX}namespace`,
  name: `${LABEL_PREFIX}name`,
  uid: `${LABEL_PREFIX}uid`,
  revision: `${LABEL_PREFIX}revision`,
  attempt: `${LABEL_PREFIX}attempt`,
  ordinal: `${LABEL_PREFIX}ordinal`,
  self: `${LABEL_PREFIX}self`,
  /** The host ports of a pod, which its `inspect` does not tell. */
  ports: `${LABEL_PREFIX}ports`,
  /** Which state directory it belongs to, as a hash: how a lost one is found again. */
  home: `${LABEL_PREFIX}home`,
  inputHash: `${LABEL_PREFIX}input-hash`,
} as const;

export const MANAGER = 'rookery';

/** The whole resolved spec, for rebuilding lost state; an annotation, because labels cost in every list. */
export const REVISION_ANNOTATION = `${LABEL_PREFIX}revision-spec`;
