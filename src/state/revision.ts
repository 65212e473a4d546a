import { HASH_VERSION, hashOf } from './canonical.ts';
import type { Revision } from './record.ts';
import type { ContainerTemplate } from './template.ts';

/** The part of a template whose change needs a new container; networks are connected in place. */
function identityOf(template: ContainerTemplate): unknown {
  const { network, image, ...rest } = template;
  return { ...rest, image: image.id, network: network.mode === 'bridge' ? { mode: 'bridge' } : network };
}

/**
 * What an agent asks for before its image is known by id: two templates of one wish differ only in the image that
 * a tag pointed at.
 */
export function wishHash(template: ContainerTemplate): string {
  const { image, ...rest } = template;
  return hashOf({ ...(identityOf({ image, ...rest }) as object), image: image.reference });
}

export const revisionId = (template: ContainerTemplate): string => hashOf(identityOf(template)).slice(0, 8);

export function createRevision(template: ContainerTemplate, cause: string, nowMs: number): Revision {
  return {
    id: revisionId(template),
    hashVersion: HASH_VERSION,
    template,
    createdAtMs: nowMs,
    cause,
    outcome: 'Pending',
  };
}
