import { createHmac } from 'node:crypto';
import { canonicalJson } from './canonical.ts';
import type { DesiredState } from './desired.ts';
import type { Installation } from './names.ts';

/** A desired state is never changed, only replaced. */
const known = new WeakMap<DesiredState['objects'], string>();

/**
 * Names one meaning of all manifests and what they point at: agents that follow the same one follow one change. Keyed,
 * because the values of secrets are part of it and it is kept on disk.
 */
export function desiredDigest({ hmacKey }: Installation, objects: DesiredState['objects']): string {
  const before = known.get(objects);
  if (before !== undefined) return before;
  const meaning = [...objects.values()].map(({ key, specHash, inputs }) => [key, specHash, inputs.digests]);
  const sorted = meaning.map(canonicalJson).sort();
  const digest = createHmac('sha256', hmacKey).update(sorted.join('\n')).digest('hex').slice(0, 16);
  known.set(objects, digest);
  return digest;
}
