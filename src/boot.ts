import { hashOf } from './state/canonical.ts';
import { labels, MANAGER } from './api/labels.ts';
import type { Podman } from './podman/podman.ts';
import type { Store } from './store/store.ts';

/**
 * A lost state directory is found again by what it left in Podman, data included: labels name their installation, and the place that
 * it was kept in. Another installation on the same Podman is another place, and stays untouched.
 */
export async function adoptLostInstallation(
  store: Store,
  podman: Podman,
  home: string,
): Promise<string | undefined> {
  if (store.origin !== 'New') return undefined;
  const ours = { [labels.managedBy]: MANAGER, [labels.home]: home };
  const found = await Promise.all([
    podman.listContainers(ours),
    podman.listPods(ours),
    podman.listVolumes(ours),
    podman.listNetworks(ours),
  ]);
  const id = found.flat()[0]?.labels[labels.installation];
  if (id !== undefined) await store.adoptInstallation(id);
  return id;
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
