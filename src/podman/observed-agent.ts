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
  const container = holderAmong(own);
  return {
    containers,
    ...(container && { holder: { container, route: await routeOf(traffic, container) } }),
    observedAtMs,
  };
}

const isHolder = ({ labels: found }: ObservedContainer): boolean => found[labels.role] === HOLDER_ROLE;

/** There is one, unless somebody renamed it and it was made anew: the older one goes when this one has gone. */
const holderAmong = (own: readonly ObservedContainer[]): ObservedContainer | undefined =>
  own.filter(isHolder).toSorted(runningThenNewest)[0];

/** Rules that cannot be read are none: writing them then says what the trouble is. */
const routeOf = (traffic: Traffic, holder: ObservedContainer): Promise<readonly string[]> =>
  isRunning(holder) ? traffic.read(holder).catch(() => []) : Promise.resolve([]);
