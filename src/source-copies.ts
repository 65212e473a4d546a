import type { DesiredState } from './state/desired.ts';
import type { Store } from './store/store.ts';

/**
 * Whether a copy that the source made for containers is still needed; undefined while nobody can say: after a lost
 * state directory the records come back one by one.
 */
export function copiesInUse(
  desired: DesiredState,
  { records }: Store,
): ((path: string) => boolean) | undefined {
  const objects = [...desired.objects.values()];
  if (objects.some(({ key }) => key.kind === 'Agent' && records.get(key) === undefined)) return undefined;
  const wanted = objects.flatMap(({ inputs }) => Object.values(inputs.paths));
  const kept = records
    .list()
    .flatMap(({ revisions }) => revisions.flatMap(({ template }) => template.mounts))
    .flatMap((mount) => (mount.type === 'bind' ? [mount.source] : []));
  const all = [...wanted, ...kept];
  return (path) => all.some((used) => used === path || used.startsWith(`${path}/`));
}
