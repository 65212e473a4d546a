import { createHmac } from 'node:crypto';
import { canonicalJson } from './canonical.ts';
import type { DesiredState } from './desired.ts';
import type { Installation } from './names.ts';

/**
 * Names one meaning of all manifests and what they point at: agents that follow the same one follow one change. Keyed,
 * because the values of secrets are part of it and it is kept on disk.
 */
export function desiredDigest({ hmacKey }: Installation, objects: DesiredState['objects']): string {
  const meaning = [...objects.values()].map(({ key, specHash, inputs }) => [key, specHash, inputs.digests]);
  const sorted = meaning.map(canonicalJson).sort();
  return createHmac('sha256', hmacKey).update(sorted.join('\n')).digest('hex').slice(0, 16);
}
