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
export const wishHash = oncePerTemplate((template) => {
  const { image, ...rest } = template;
  return hashOf({ ...(identityOf({ image, ...rest }) as object), image: image.reference });
});

export const revisionId = oncePerTemplate((template) => hashOf(identityOf(template)).slice(0, 8));

/** Templates never change, and every step of a decision asks again. */
function oncePerTemplate(hash: (template: ContainerTemplate) => string): typeof hash {
  const known = new WeakMap<ContainerTemplate, string>();
  return (template) => {
    const before = known.get(template);
    if (before !== undefined) return before;
    const hashed = hash(template);
    known.set(template, hashed);
    return hashed;
  };
}

/** The same again in a new container: a revision of its own, so that it is rolled out, and rolled back, like any other. */
export const restarted = (revision: Revision, restartedAtMs: number): Revision => ({
  ...revision,
  id: hashOf({ template: identityOf(revision.template), restartedAtMs }).slice(0, 8),
  restartedAtMs,
});

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
