import type { ObservedImage } from '../state/observed.ts';
import type { Podman } from './podman.ts';
import { isRefusal } from './refusal.ts';

/** Images change behind our back only by an event that we hear; the rare lost one costs this long. */
const MAX_AGE_MS = 300_000;

export interface ImageCache {
  /** `undefined`: not in local storage. */
  inspect(reference: string): Promise<ObservedImage | undefined>;
  forget(): void;
}

interface ImageCacheOptions {
  readonly podman: Podman;
  readonly now: () => number;
  /** Podman said no to a look: a broken image may be in its way. */
  readonly onRefusal: () => void;
}

/** Remembers what a reference points at, so that sixty agents at rest ask Podman nothing. */
export function createImageCache({ podman, now, onRefusal }: ImageCacheOptions): ImageCache {
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
      image.catch((error: unknown) => {
        entries.delete(reference);
        if (isRefusal(error)) onRefusal();
      });
      return image;
    },
    forget: () => entries.clear(),
  };
}
