import type { ObjectKey } from './key.ts';
import { kindNames } from './kind-names.ts';

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
  /** What it does for its owner; absent on what runs the owner's own image. */
  role: `${LABEL_PREFIX}role`,
  /** The host ports of a pod, which its `inspect` does not tell. */
  ports: `${LABEL_PREFIX}ports`,
  /** Which state directory it belongs to, as a hash: how a lost one is found again. */
  home: `${LABEL_PREFIX}home`,
  inputHash: `${LABEL_PREFIX}input-hash`,
} as const;

export const MANAGER = 'rookery';

/** `labels.role` of the container that has an agent's name in place of its replicas. */
export const HOLDER_ROLE = 'holder';

/** The whole resolved spec, for rebuilding lost state; an annotation, because labels cost in every list. */
export const REVISION_ANNOTATION = `${LABEL_PREFIX}revision-spec`;

/** What a holder was made from: how a change is noticed, and where a lost address is found again. */
export const HOLDER_ANNOTATION = `${LABEL_PREFIX}holder-spec`;

/** The object that something in Podman belongs to, whichever installation made it. */
export function ownerIn(found: Readonly<Record<string, string>>): ObjectKey | undefined {
  const { [labels.kind]: kind, [labels.namespace]: namespace, [labels.name]: name } = found;
  return kind && namespace && name && Object.hasOwn(kindNames, kind) ? { kind, namespace, name } : undefined;
}
