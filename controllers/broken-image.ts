import type { Operation } from '../src/plan/operation.ts';

/** A broken image, and since when it is seen, by `uptimeMs`. */
export interface Sighting {
  readonly id: string;
  readonly sinceMs: number;
}

/** Podman writes the manifest within milliseconds after the image: what is without it for this long was cut off. */
export const BROKEN_FOR_MS = 10_000;

export const sighted = (id: string, before: Sighting | undefined, nowMs: number): Sighting =>
  before?.id === id ? before : { id, sinceMs: nowMs };

/** It can be told of nobody, because its labels went with its manifest: see ADR 20. */
export const mending = ({ id, sinceMs }: Sighting, nowMs: number): Operation[] =>
  nowMs - sinceMs < BROKEN_FOR_MS
    ? []
    : [
        {
          type: 'RemoveImage',
          reference: id,
          cause:
            'was left without manifest and name by a pull or build that was cut off, and bars the list of images',
        },
      ];
