import { createHash, createHmac } from 'node:crypto';
import type { ObjectKey } from '../api/key.ts';
import { HOLDER_ROLE, labels, MANAGER } from '../api/labels.ts';

/** What makes one Rookery's objects its own: an id in every label, a key for naming secrets by content. */
export interface Installation {
  readonly id: string;
  /** Names the state directory: see `labels.home`. */
  readonly home?: string;
  readonly hmacKey: Uint8Array;
}

/** Podman's name of a network, volume or pod group's base: `<namespace>.<name>`. */
export const podmanName = (namespace: string, name: string): string => `${namespace}.${name}`;

export interface Incarnation {
  readonly key: ObjectKey;
  readonly revision: string;
  readonly attempt: number;
  readonly ordinal: number;
}

/** Deterministic, so that a create after a crash meets what the first one made, and a retry meets nothing. */
export const containerName = ({ key, revision, attempt, ordinal }: Incarnation): string =>
  `${key.namespace}.${key.name}-${revision}-${attempt}-${ordinal}`;

/** One an agent, for all its revisions. */
export const holderName = ({ namespace, name }: Pick<ObjectKey, 'namespace' | 'name'>): string =>
  `${podmanName(namespace, name)}-holder`;

/** A name as `containerName` and `holderName` give them, of whichever agent. */
export const isContainerName = (name: string): boolean =>
  /^[a-z0-9-]+\.[a-z0-9-]+-([0-9a-f]{8}-\d+-\d+|holder)$/.test(name);

export const podName = (namespace: string, group: string, revision: string): string =>
  `${namespace}.${group}-${revision}`;

export const POD_REVISION_LENGTH = 8;

/** Of whichever revision. */
export const isPodOf = (namespace: string, group: string, pod: string): boolean =>
  podName(namespace, group, pod.slice(-POD_REVISION_LENGTH)) === pod;

/** Of one group, of whichever revisions. */
export const areOfOneGroup = (one: string, other: string): boolean =>
  one.slice(0, -POD_REVISION_LENGTH) === other.slice(0, -POD_REVISION_LENGTH);

export const secretPrefix = (installation: Installation): string => `rookery-${installation.id.slice(0, 8)}-`;

/**
 * A Podman secret is named by its content: Podman freezes a mounted secret at create and changes an env secret
 * silently at restart, so a new value must be a new name. The HMAC keeps the value from being guessed by its name.
 */
export function secretName(
  installation: Installation,
  key: ObjectKey,
  entry: string,
  value: Uint8Array,
): string {
  const hmac = createHmac('sha256', installation.hmacKey);
  hmac.update(`${key.namespace}/${key.name}/${entry}\0`).update(value);
  return `${secretPrefix(installation)}${hmac.digest('hex').slice(0, 16)}`;
}

/** Named by all that goes in: agents that build the same thing share it. */
export const builtImageReference = (inputHash: string): string =>
  `localhost/rookery/build:${inputHash.slice(0, 16)}`;

const ownImages = (installation: Installation, what: 'kept' | 'pulled'): string =>
  `localhost/rookery/${what}-${installation.id.slice(0, 8)}`;

export const keptImagePrefix = (installation: Installation): string => ownImages(installation, 'kept');

/** Our own name for an image that a revision may need again: a prune of dangling images does not take it. */
export const keptImage = (installation: Installation, imageId: string): string =>
  `${keptImagePrefix(installation)}:${imageId}`;

/** A tag of any installation that only keeps an image: no agent runs from it. */
export const isKeptImage = (reference: string): boolean => reference.startsWith('localhost/rookery/kept-');

/** Says that an image was not there before we pulled it by this reference: so it is ours to remove. */
export const pulledImage = (installation: Installation, reference: string): string =>
  `${ownImages(installation, 'pulled')}:${createHash('sha256').update(reference).digest('hex').slice(0, 16)}`;

export const ownerLabels = (
  installation: Installation,
  key: ObjectKey,
  uid: string,
): Record<string, string> => ({
  [labels.managedBy]: MANAGER,
  [labels.installation]: installation.id,
  ...(installation.home !== undefined && { [labels.home]: installation.home }),
  [labels.kind]: key.kind,
  [labels.namespace]: key.namespace,
  [labels.name]: key.name,
  [labels.uid]: uid,
});

export const incarnationLabels = (incarnation: Incarnation): Record<string, string> => ({
  [labels.revision]: incarnation.revision,
  [labels.attempt]: String(incarnation.attempt),
  [labels.ordinal]: String(incarnation.ordinal),
  [labels.self]: containerName(incarnation),
});

/** What its one process is called. */
export const HOLDER_PROGRAM = '/holder';

export const holderLabels = (key: ObjectKey): Record<string, string> => ({
  [labels.role]: HOLDER_ROLE,
  [labels.self]: holderName(key),
});

/** Podman's label filter that finds what is ours of one key, or of all keys. */
export const ownFilter = (installation: Installation, key?: ObjectKey): Record<string, string> => ({
  [labels.managedBy]: MANAGER,
  [labels.installation]: installation.id,
  ...(key && { [labels.kind]: key.kind, [labels.namespace]: key.namespace, [labels.name]: key.name }),
});

/** Whether that filter would find it. */
export const isOurs = (
  installation: Installation,
  key: ObjectKey | undefined,
  found: Readonly<Record<string, string>>,
): boolean => Object.entries(ownFilter(installation, key)).every(([label, value]) => found[label] === value);
