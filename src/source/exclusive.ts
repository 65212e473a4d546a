import type { Manifest } from '../api/kinds.ts';
import { sideBySide } from '../api/side-by-side.ts';
import type { ManifestProblem } from '../state/desired.ts';
import type { LoadedObject } from './load.ts';
import { pathText } from './messages.ts';
import type { FieldPath } from './nodes.ts';
import { problemAt } from './problem.ts';

/** Nobody could say which of two agents is meant to have a volume of which only one may run: so neither is taken. */
export function checkExclusive(loaded: readonly LoadedObject[]): ManifestProblem[] {
  const exclusive = loaded.flatMap(({ object: { manifest } }) =>
    manifest.kind === 'Volume' && manifest.spec.accessMode === 'Exclusive' ? [manifest.metadata] : [],
  );
  return exclusive.flatMap(({ name, namespace }) => {
    const users = loaded.flatMap((user) => {
      const path = mountOf(user.object.manifest, namespace, name);
      return path ? [{ user, path }] : [];
    });
    if (users.length > 1) return users.map((one) => sharedProblem(name, one, users));
    return users.flatMap(({ user }) => sideBySideProblems(name, user));
  });
}

/** One agent, but several containers of it. */
function sideBySideProblems(volume: string, { object, document }: LoadedObject): ManifestProblem[] {
  if (object.manifest.kind !== 'Agent') return [];
  return sideBySide(object.manifest.spec).map(({ path, text }) => {
    const where = ['spec', ...path];
    const message = `${pathText(where)}: ${text} runs several containers side by side, and the Volume "${volume}" is Exclusive; use strategy Recreate and one replica, or say accessMode: Shared`;
    return problemAt(document, { reason: 'InvalidManifest', message, path: where, key: object.key });
  });
}

interface VolumeUser {
  readonly user: LoadedObject;
  readonly path: FieldPath;
}

function mountOf(manifest: Manifest, namespace: string, volume: string): FieldPath | undefined {
  if (manifest.kind !== 'Agent' || manifest.metadata.namespace !== namespace) return undefined;
  const index = manifest.spec.volumes.findIndex((source) => source.volume?.claimName === volume);
  return index < 0 ? undefined : ['spec', 'volumes', index, 'volume', 'claimName'];
}

function sharedProblem(
  volume: string,
  { user, path }: VolumeUser,
  all: readonly VolumeUser[],
): ManifestProblem {
  const others = all.filter((other) => other.user !== user).map((other) => other.user.object.key.name);
  const message = `${pathText(path)}: the Volume "${volume}" is Exclusive and also used by ${others.join(', ')}; let one agent have it, or say accessMode: Shared`;
  return problemAt(user.document, { reason: 'InvalidManifest', message, path, key: user.object.key });
}
