import type { Dial } from './dial.ts';
import { refusalOf } from './refusal.ts';

/** What 4.3 answers to a list of all images, layers of builds too, while there is one like that. */
const NO_MANIFEST = /locating item named "manifest" for image with ID "([0-9a-f]{64})"/;
/** The only look at such an image that works tells its names in words. */
const NO_TAGS = /^Tags: +\[\]$/m;

/**
 * Podman 4.3 writes down an image first, then what it is made of, last its names: where the service is killed in between,
 * the image stays without a manifest. Where others stand on its layer, or it on theirs, no images can be listed and some
 * not be looked at; alone it is on no list but that of all.
 */
export async function findBrokenImage(dial: Dial): Promise<string | undefined> {
  const listing = dial.call({
    method: 'GET',
    path: '/images/json',
    query: { all: true },
    what: 'list images',
  });
  const id = NO_MANIFEST.exec((await refusalOf(listing))?.message ?? '')?.[1];
  if (id === undefined) return undefined;
  const what = `look at image ${id}`;
  const reply = await dial.call<{ Tree?: string }>({ method: 'GET', path: `/images/${id}/tree`, what });
  return NO_TAGS.test(reply.body?.Tree ?? '') ? id : undefined;
}
