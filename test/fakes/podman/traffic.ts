import type { Traffic } from '../../../src/podman/traffic.ts';
import { failure, isUp, requireContainer, type World } from './world.ts';

/** Rules live as long as the namespace that they are in: they go with the process. */
export function fakeTraffic(
  world: World,
  onRoute: (holderId: string, to: readonly string[]) => void,
): Traffic {
  const running = (id: string) => {
    const holder = requireContainer(world, id);
    if (!isUp(holder.state)) throw failure('Other', `the process of ${holder.name} is not there`);
    return holder;
  };
  return {
    read: async ({ id }) => running(id).route,
    route: async ({ id }, to) => {
      running(id).route = [...to].sort();
      onRoute(id, to);
    },
  };
}
