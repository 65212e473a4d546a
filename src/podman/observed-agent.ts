import { HOLDER_ROLE, labels } from '../api/labels.ts';
import {
  isRunning,
  type ObservedAgent,
  type ObservedContainer,
  runningThenNewest,
} from '../state/observed.ts';
import type { Traffic } from './traffic.ts';

/** Tells an agent's holder from its replicas, and asks where it leads. */
export async function observedAgent(
  own: readonly ObservedContainer[],
  traffic: Traffic,
  observedAtMs: number,
): Promise<ObservedAgent> {
  const containers = own.filter((container) => !isHolder(container));
  const [container, ...spareHolders] = own.filter(isHolder).toSorted(runningThenNewest);
  return {
    containers,
    ...(container && { holder: { container, route: await routeOf(traffic, container) } }),
    ...(spareHolders.length > 0 && { spareHolders }),
    observedAtMs,
  };
}

const isHolder = ({ labels: found }: ObservedContainer): boolean => found[labels.role] === HOLDER_ROLE;

/** Rules that cannot be read are none: writing them then says what the trouble is. */
const routeOf = (traffic: Traffic, holder: ObservedContainer): Promise<readonly string[]> =>
  isRunning(holder) ? traffic.read(holder).catch(() => []) : Promise.resolve([]);
