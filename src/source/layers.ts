import { type KeyString, keyString } from '../api/key.ts';
import { combine } from './assemble.ts';
import type { LoadedFile } from './load.ts';

/**
 * Several directories as one: an object of a later one takes the place of an earlier one's of the same name, whole.
 * While a part of a later one cannot be read, it may hide such an object: then nothing new comes from the earlier
 * ones. `known` are objects read before.
 */
export function layered(layers: readonly LoadedFile[], known: ReadonlySet<KeyString>): LoadedFile {
  return layers.reduce((below, above) => {
    const replaced = new Set(above.claims.map(({ key }) => keyString(key)));
    const isHeld = (key: KeyString): boolean => above.hidesObjects && !known.has(key);
    return combine([
      {
        objects: below.objects.filter(
          ({ object }) => !replaced.has(keyString(object.key)) && !isHeld(keyString(object.key)),
        ),
        claims: below.claims.filter(({ key }) => !replaced.has(keyString(key))),
        problems: below.problems.filter(({ key }) => key === undefined || !replaced.has(keyString(key))),
        hidesObjects: below.hidesObjects,
      },
      above,
    ]);
  });
}
