import { TerminalError } from '../src/api/errors.ts';
import { labels } from '../src/api/labels.ts';
import type { Reconciler } from '../src/manager/reconciler.ts';
import type { Operation } from '../src/plan/operation.ts';
import { hashOf } from '../src/state/canonical.ts';
import { builtImageReference, ownerLabels } from '../src/state/names.ts';
import type { ImageFacts } from '../src/state/provision.ts';
import { buildAim } from './agent/image.ts';
import { createSharedReconciler, perform, type Subject } from './shared.ts';
import type { World } from './world.ts';

/** An image made here: by build, from a root file system, or pulled under a tag of our own. */
export const createImageReconciler = (world: World): Reconciler =>
  createSharedReconciler(world, {
    kind: 'Image',
    ensure: ensureImage,
    // Kept revisions and other builds may stand on it: only its manifest goes.
    remove: () => Promise.resolve(),
  });

async function ensureImage(subject: Subject<'Image'>): Promise<ImageFacts> {
  const { world, object, context } = subject;
  const { inputHash, make } = recipe(subject);
  const content = builtImageReference(inputHash);
  if (!(await world.images.inspect(content))) {
    await perform(world, object.key, make(content), context.signal);
    world.images.forget();
  }
  const made = await world.images.inspect(content);
  if (!made) throw new Error(`image ${content} is not there after it was made`);
  const { tag } = object.manifest.spec;
  if ((await world.images.inspect(tag))?.id !== made.id) {
    await perform(
      world,
      object.key,
      [{ type: 'TagImage', id: made.id, reference: tag, cause: `now is ${content}` }],
      context.signal,
    );
    world.images.forget();
  }
  return { kind: 'Image', id: made.id, inputHash };
}

interface Recipe {
  readonly inputHash: string;
  /** The calls that leave the image under its content reference. */
  readonly make: (reference: string) => readonly Operation[];
}

const PATH_OF_A_ROOTFS = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function recipe({ world, object, uid }: Subject<'Image'>): Recipe {
  const { build, rootfs, pull } = object.manifest.spec;
  const ours = ownerLabels(world.installation(), object.key, uid);
  if (build) {
    const aim = buildAim(object, build, {
      objects: world.desired().objects,
      provisions: world.provisions.all(),
    });
    if ('missing' in aim) throw new Error(aim.missing.message);
    const { type: _, inputHash, ...request } = aim;
    const imageLabels = { ...ours, [labels.inputHash]: inputHash };
    return { inputHash, make: () => [{ type: 'BuildImage', ...request, labels: imageLabels }] };
  }
  if (rootfs) {
    const digest = object.inputs.digests[rootfs.tar];
    const tarFile = object.inputs.paths[rootfs.tar];
    if (digest === undefined || tarFile === undefined)
      throw new TerminalError('FileNotFound', `rootfs.tar ${rootfs.tar} is not there`);
    const inputHash = hashOf({ rootfs: digest });
    const changes = [
      PATH_OF_A_ROOTFS,
      ...Object.entries(ours).map(([label, value]) => `LABEL ${label}=${value}`),
    ];
    return {
      inputHash,
      make: (reference) => [
        { type: 'ImportImage', tarFile, reference, changes, cause: 'its root file system is new' },
      ],
    };
  }
  const reference = pull?.reference ?? object.manifest.spec.tag;
  const cause = 'is not in local storage';
  return {
    inputHash: hashOf({ pull: reference }),
    make: (content) => [
      { type: 'PullImage', reference, cause },
      { type: 'TagImage', id: reference, reference: content, cause },
    ],
  };
}
