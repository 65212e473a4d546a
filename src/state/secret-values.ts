import type { ObjectKey } from '../api/key.ts';
import type { Secret } from '../api/resources.ts';
import { type DesiredState, desiredOf } from './desired.ts';
import { type Installation, secretName } from './names.ts';
import { secretData } from './resolve-env.ts';

/** The value behind a content name, from the manifests in memory: nothing else of ours ever holds it. */
export function secretValue(
  desired: DesiredState,
  installation: Installation,
  name: string,
): Uint8Array | undefined {
  for (const { key, manifest } of desiredOf(desired, 'Secret')) {
    const entries = Object.entries(secretData(manifest));
    const found = entries.find(([entry, value]) => secretName(installation, key, entry, value) === name);
    if (found) return found[1];
  }
  return undefined;
}

/** Entry of a Secret → name of the Podman secret that holds its value. */
export const secretNames = (
  installation: Installation,
  { key, manifest }: { readonly key: ObjectKey; readonly manifest: Secret },
): Record<string, string> =>
  Object.fromEntries(
    Object.entries(secretData(manifest)).map(([entry, value]) => [
      entry,
      secretName(installation, key, entry, value),
    ]),
  );

/** Every value in the manifests, as text. */
export const secretTexts = (desired: DesiredState): string[] =>
  desiredOf(desired, 'Secret').flatMap(({ manifest }) =>
    Object.values(secretData(manifest)).map((value) => Buffer.from(value).toString()),
  );
