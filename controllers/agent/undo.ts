import { secretPrefix } from '../../src/state/names.ts';
import type { Revision } from '../../src/state/record.ts';
import type { MissingInput } from '../../src/state/resolver.ts';
import { revisionId } from '../../src/state/revision.ts';
import type { ContainerTemplate } from '../../src/state/template.ts';
import type { ResolvedWish } from './gather.ts';
import { secretsOf, type WayBackWorld } from './way-back.ts';

/** What a person went back to, in the place of what the manifest asks for; addresses and pods are those of today. */
export async function undoneWish(
  world: WayBackWorld,
  revision: Revision,
  asked: ResolvedWish,
): Promise<ResolvedWish> {
  const template = attached(revision.template, asked.wish?.template);
  return {
    wish: { template, imageKnown: true, reloadDigest: asked.wish?.reloadDigest ?? '' },
    missing: await goneInputs(world, revision),
  };
}

const attached = (template: ContainerTemplate, wished: ContainerTemplate | undefined): ContainerTemplate =>
  wished?.network.mode === template.network.mode ? { ...template, network: wished.network } : template;

/** What the revision was made of and is not there any more: looked for before anything is touched. */
export async function goneInputs(world: WayBackWorld, { id, template }: Revision): Promise<MissingInput[]> {
  const image = await world.images.inspect(template.image.id);
  const present = new Set(await world.podman.listSecrets(secretPrefix(world.installation())));
  const gone = [
    ...(image ? [] : [`its image ${template.image.reference} is not in local storage`]),
    ...secretsOf(template).flatMap((name) => (present.has(name) ? [] : [`its secret ${name} is gone`])),
  ];
  return gone.map((what) => ({
    reason: 'RollbackUnavailable',
    message: `revision ${id} cannot run again: ${what}`,
    terminal: true,
  }));
}

/** The newest revision before the one that runs, or is tried, that proved itself and is another one. */
export function revisionBefore(revisions: readonly Revision[], from: Revision): Revision | undefined {
  const hash = revisionId(from.template);
  const earlier = revisions.filter(
    (revision) => hasProvedItself(revision) && revisionId(revision.template) !== hash,
  );
  return earlier.at(-1);
}

/** Records of an older Rookery do not say when: there, what was replaced had been stable, as far as anyone can tell. */
export const hasProvedItself = ({ outcome, stableAtMs }: Revision): boolean =>
  outcome === 'Stable' || (outcome === 'Superseded' && stableAtMs !== undefined);
