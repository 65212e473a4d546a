import { keyString } from '../../src/api/key.ts';
import type { ImageAim } from '../../src/plan/aim.ts';
import { hashOf } from '../../src/state/canonical.ts';
import type { DesiredObject, DesiredState } from '../../src/state/desired.ts';
import { desiredOf } from '../../src/state/desired.ts';
import { builtImageReference, type Installation, pulledImage } from '../../src/state/names.ts';
import { factsOf, type Provisions } from '../../src/state/provision.ts';
import type { MissingInput } from '../../src/state/resolver.ts';
import type { Agent } from '../../src/api/agent.ts';
import type { Build } from '../../src/api/workload.ts';

/** Which image an agent asks for and how to get it. `id` is known only for images that an Image object made. */
export interface ImageWish {
  readonly reference: string;
  readonly id?: string;
  readonly aim?: ImageAim;
}

interface ImageWorld {
  readonly objects: DesiredState['objects'];
  readonly provisions: Provisions;
}

export function imageWish(
  agent: DesiredObject<Agent>,
  world: ImageWorld,
): ImageWish | { readonly missing: MissingInput } {
  const { build, image = '', imagePullPolicy } = agent.manifest.spec;
  if (build) {
    const aim = buildAim(agent, build, world);
    return 'missing' in aim ? aim : { reference: aim.tags[0] ?? '', aim };
  }
  const made = providedImage(image, agent.key.namespace, world);
  if (made) return made;
  if (imagePullPolicy === 'Never') return { reference: image };
  return { reference: image, aim: { type: 'Pull', reference: image, cause: 'is not in local storage' } };
}

/** Only what was not there before is ours to remove again. */
export const marked = (aim: ImageAim, imageKnown: boolean, installation: Installation): ImageAim =>
  aim.type === 'Pull' && !imageKnown ? { ...aim, mark: pulledImage(installation, aim.reference) } : aim;

/** An image that one of the manifests makes is waited for, never pulled. */
function providedImage(reference: string, namespace: string, { objects, provisions }: ImageWorld) {
  const owner = desiredOf({ objects }, 'Image').find(({ manifest }) => manifest.spec.tag === reference);
  if (!owner) return undefined;
  const facts = factsOf(provisions, keyString(owner.key), 'Image');
  if (facts) return { reference, id: facts.id, inputHash: facts.inputHash };
  const provision = provisions.get(keyString(owner.key));
  const known = provision && !provision.ready ? provision : undefined;
  const where =
    owner.key.namespace === namespace ? owner.key.name : `${owner.key.namespace}/${owner.key.name}`;
  const missing: MissingInput = {
    reason: known?.reason ?? 'ImageNotReady',
    message: `Image ${where}: ${known?.message ?? 'is not built yet'}`,
    terminal: known?.terminal ?? false,
  };
  return { missing };
}

/** The tag is the hash of all that goes in, so that "is it built?" is a look at local storage. */
export function buildAim(
  { key, inputs }: Pick<DesiredObject, 'key' | 'inputs'>,
  build: Build,
  world: ImageWorld,
): Extract<ImageAim, { type: 'Build' }> | { readonly missing: MissingInput } {
  const bases: string[] = [];
  for (const base of inputs.baseImages) {
    const made = providedImage(base, key.namespace, world);
    if (made?.missing) return { missing: made.missing };
    bases.push(made ? made.inputHash : base);
  }
  const { containerfile, args, target } = build;
  const inputHash = hashOf({ context: inputs.digests[build.context], containerfile, args, target, bases });
  return {
    type: 'Build',
    tags: [builtImageReference(inputHash)],
    contextDir: inputs.paths[build.context] ?? build.context,
    containerfile,
    args,
    ...(target !== undefined && { target }),
    inputHash,
    cause: 'its build context or base image is new',
  };
}
