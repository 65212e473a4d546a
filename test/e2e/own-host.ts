import { type OwnPodman, startOwnPodman } from './own-podman.ts';
import type { SiteOptions } from './site.ts';

/** Somebody with a Podman of his own: root, or the ordinary user of `ordinary-user.ts`. */
export interface OwnHost {
  readonly podman: OwnPodman;
  readonly site?: SiteOptions;
  readonly give?: (directory: string) => void;
  readonly cleanUp: () => void;
}

export function openRoot(): OwnHost {
  const podman = startOwnPodman();
  return { podman, cleanUp: () => podman.remove() };
}
