import type { ObservedImage } from '../state/observed.ts';
import type { Podman } from './podman.ts';

/** Images change behind our back only by an event that we hear; the rare lost one costs this long. */
const MAX_AGE_MS = 300_000;

export interface ImageCache {
  /** `undefined`: not in local storage. */
  inspect(reference: string): Promise<ObservedImage | undefined>;
  forget(): void;
}

/** Remembers what a reference points at, so that sixty agents at rest ask Podman nothing. */
export function createImageCache(podman: Podman, now: () => number): ImageCache {
  const entries = new Map<
    string,
    { readonly image: Promise<ObservedImage | undefined>; readonly atMs: number }
  >();
  return {
    inspect: (reference) => {
      const known = entries.get(reference);
      if (known && now() - known.atMs < MAX_AGE_MS) return known.image;
      const image = podman.inspectImage(reference);
      entries.set(reference, { image, atMs: now() });
      image.catch(() => entries.delete(reference));
      return image;
    },
    forget: () => entries.clear(),
  };
}
