import { labels, MANAGER, ownerIn } from './api/labels.ts';
import type { Labels, Podman } from './podman/podman.ts';
import { hashOf } from './state/canonical.ts';
import type { Store } from './store/store.ts';

export interface Recovery {
  /** The installation that a lost directory was rebuilt for. */
  readonly adopted?: string;
  /** It was rebuilt from labels, or part of it was damaged. */
  readonly stateWasLost: boolean;
}

/**
 * A lost state directory is found again by what it left in Podman, data included: labels name their installation, and the place that
 * it was kept in. Another installation on the same Podman is another place, and stays untouched. What is ours and in no
 * inventory comes into it, lest nobody ever looks after it: its manifest may be gone too. The id is kept last, so that
 * after a crash on the way this begins anew.
 */
export async function recoverState(
  store: Store,
  podman: Podman,
  { home, nowMs }: { readonly home: string; readonly nowMs: number },
): Promise<Recovery> {
  if (store.origin === 'Loaded') return { stateWasLost: false };
  const isNew = store.origin === 'New';
  const mark = isNew ? { [labels.home]: home } : { [labels.installation]: store.installation.id };
  const found = await labelsOfOurs(podman, { [labels.managedBy]: MANAGER, ...mark });
  const id = found[0]?.[labels.installation];
  const own = found.filter((one) => one[labels.installation] === id);
  await takeIn(store, own, nowMs);
  if (!isNew) return { stateWasLost: true };
  await store.adoptInstallation(id ?? store.installation.id);
  return id === undefined ? { stateWasLost: false } : { adopted: id, stateWasLost: true };
}

async function labelsOfOurs(podman: Podman, ours: Labels): Promise<readonly Labels[]> {
  const found = await Promise.all([
    podman.listContainers(ours),
    podman.listPods(ours),
    podman.listVolumes(ours),
    podman.listNetworks(ours),
  ]);
  return found.flat().map((one) => one.labels);
}

async function takeIn({ inventory }: Store, found: readonly Labels[], nowMs: number): Promise<void> {
  for (const one of found) {
    const { [labels.uid]: uid } = one;
    const key = ownerIn(one);
    if (key && uid !== undefined && !inventory.get(key)) await inventory.put({ key, uid, foundAtMs: nowMs });
  }
}

/** Names a state directory in labels without telling its path. */
export const homeOf = (stateDir: string): string => hashOf(stateDir).slice(0, 12);

/**
 * Settles what a crash left open. A create that was cut off may leave storage without a container, which takes the
 * name and cannot be inspected; everything else is found by looking, as in every other run.
 */
export async function settleIntents(store: Store, podman: Podman): Promise<number> {
  const open = store.journal.open();
  for (const { id, operation, name } of open) {
    const made = /^create (container|holder) /.test(operation);
    if (made && !(await podman.inspectContainer(name))) await podman.removeContainer(name);
    await store.journal.settle(id);
  }
  return open.length;
}
