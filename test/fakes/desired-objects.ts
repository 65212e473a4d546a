import { type Kind, kinds } from '../../src/api/kinds.ts';
import { hashOf } from '../../src/state/canonical.ts';
import type { DesiredObject, ResolvedInputs } from '../../src/state/desired.ts';

const NO_INPUTS: ResolvedInputs = { paths: {}, digests: {}, baseImages: [] };

/** A manifest as the source reads it, alone in a file of its name; what it points at by the object's name. */
export function desiredFrom(
  input: object,
  inputs: ReadonlyMap<string, ResolvedInputs> = new Map(),
): DesiredObject {
  const { kind } = input as { kind: Kind };
  const manifest = kinds[kind].schema.parse(input);
  const { namespace, name } = manifest.metadata;
  const { metadata: _, ...meaning } = manifest;
  return {
    key: { kind, namespace, name },
    manifest,
    position: { file: `${name}.yaml`, line: 1, column: 1 },
    specHash: hashOf(meaning),
    inputs: inputs.get(name) ?? NO_INPUTS,
  };
}
