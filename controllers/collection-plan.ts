import { labels, MANAGER } from '../src/api/labels.ts';
import type { Operation } from '../src/plan/operation.ts';
import { type Installation, keptImage, keptImagePrefix, pulledImage } from '../src/state/names.ts';
import type { ObservedImage } from '../src/state/observed.ts';
import type { Provisions } from '../src/state/provision.ts';
import type { AgentRecord } from '../src/state/record.ts';
import { neededRevisions } from './agent/rollout.ts';

interface Keeping {
  readonly images: readonly ObservedImage[];
  readonly records: readonly AgentRecord[];
  readonly installation: Installation;
}

interface Kept {
  readonly id: string;
  readonly reference: string;
}

/** The name of ours for each image that a revision needs: one, however many agents run it. */
function keptOf({ records, installation }: Pick<Keeping, 'records' | 'installation'>): readonly Kept[] {
  const ids = records.flatMap((record) => neededRevisions(record).map(({ template }) => template.image.id));
  return [...new Set(ids)].map((id) => ({ id, reference: keptImage(installation, id) }));
}

/** Names for what is needed, where they are missing; an image that is gone cannot be named any more. */
export function keeping(inputs: Keeping): Operation[] {
  const references = new Map(inputs.images.map((image) => [image.id, new Set(image.references)]));
  return keptOf(inputs)
    .filter(({ id, reference }) => references.get(id)?.has(reference) === false)
    .map(({ id, reference }) => ({
      type: 'TagImage',
      id,
      reference,
      cause: 'its revision may be needed again',
    }));
}

/**
 * The names of ours that nothing needs. Podman removes an image with its last name, and refuses while a container
 * has it: so an image that somebody else named too, or uses, stays.
 */
export function removals(inputs: Keeping & { readonly provisions: Provisions }): Operation[] {
  const kept = keptOf(inputs);
  const needed = new Set([...kept.map(({ id }) => id), ...madeByImages(inputs.provisions)]);
  const wanted = new Set(kept.map(({ reference }) => reference));
  return inputs.images.flatMap((image) => {
    const unkept = image.references.filter(
      (reference) => reference.startsWith(keptImagePrefix(inputs.installation)) && !wanted.has(reference),
    );
    const unused = needed.has(image.id) ? [] : ownNames(image, inputs.installation);
    return [...unused, ...unkept].map(removal);
  });
}

const removal = (reference: string): Operation => ({
  type: 'RemoveImage',
  reference,
  cause: 'no kept revision needs it',
});

/** What an Image object stands for now. */
const madeByImages = (provisions: Provisions): string[] =>
  [...provisions.values()].flatMap((provision) =>
    provision.ready && provision.facts.kind === 'Image' ? [provision.facts.id] : [],
  );

/** The content names of a build of ours, or what we pulled it by, the mark of that last: a refusal leaves it. */
function ownNames({ id, references, labels: found }: ObservedImage, installation: Installation): string[] {
  if (found[labels.managedBy] === MANAGER) {
    if (found[labels.installation] !== installation.id) return [];
    return references.length === 0 ? [id] : references.filter((reference) => BUILT.test(reference));
  }
  const marks = new Set(references);
  const pulled = references.filter((reference) => marks.has(pulledImage(installation, reference)));
  return pulled.flatMap((reference) => [reference, pulledImage(installation, reference)]);
}

const BUILT = /^localhost\/rookery\/build:/;
