import { type KeyString, keyString } from '../api/key.ts';
import type { DesiredObject } from './desired.ts';
import { usesDefaultNetwork } from './implicit.ts';
import { referencesOf } from './references.ts';
import { DEFAULT_NETWORK } from './resolve-network.ts';

/** Of `known`, what those that stay cannot do without, and what that needs in turn. */
export function neededBy(
  staying: readonly DesiredObject[],
  known: ReadonlyMap<KeyString, DesiredObject>,
): ReadonlySet<KeyString> {
  const needed = new Set<KeyString>();
  let next = staying;
  while (next.length > 0) {
    const found = next.flatMap(needsOf).filter((key) => !needed.has(key));
    for (const key of found) needed.add(key);
    next = found.flatMap((key) => known.get(key) ?? []);
  }
  return needed;
}

function needsOf({ key: { namespace }, manifest }: DesiredObject): KeyString[] {
  const named = referencesOf(manifest).map(({ kind, name }) => keyString({ kind, namespace, name }));
  const implied = keyString({ kind: 'Network', namespace, name: DEFAULT_NETWORK });
  return usesDefaultNetwork(manifest) ? [...named, implied] : named;
}
