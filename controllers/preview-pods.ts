import { keyString } from '../src/api/key.ts';
import type { PlanView } from '../src/api/status.ts';
import type { PodGroup } from '../src/api/resources.ts';
import { type DesiredObject, desiredOf } from '../src/state/desired.ts';
import { isMoving, podOf } from './agent/unit.ts';
import { type ResolvedPod, resolvePod } from './pod-template.ts';
import type { World } from './world.ts';

type Change = PlanView['changes'][number];

/**
 * Which groups would go to another pod. It is put on the board of the dry world as if it were made, so that the members
 * say what that means for them.
 */
export const previewMoves = (world: World): Change[] =>
  desiredOf(world.desired(), 'PodGroup').flatMap((group) => {
    const id = keyString(group.key);
    const provision = world.provisions.all().get(id);
    const pod = podOfPlan(world, group);
    if (!pod || (provision && !provision.ready && provision.terminal)) return [];
    const { name, hostsFile } = pod;
    const facts = { kind: 'PodGroup', podName: name, move: { type: 'None' } } as const;
    world.provisions.set(group.key, {
      ready: true,
      facts: { ...facts, ...(hostsFile !== undefined && { hostsFile }) },
    });
    return moveTo(world, group, name);
  });

/** Its networks may have yet to be made. */
function podOfPlan(world: World, group: DesiredObject<PodGroup>): ResolvedPod | undefined {
  try {
    return resolvePod(world, group);
  } catch {
    return undefined;
  }
}

function moveTo(world: World, { key }: DesiredObject<PodGroup>, pod: string): Change[] {
  const movers = world.store.records
    .list()
    .filter((record) => record.key.namespace === key.namespace && isMoving(record, pod));
  if (movers.length === 0) return [];
  const names = movers.map((record) => record.key.name).sort();
  const from = [...new Set(movers.map((record) => podOf(record, record.currentRevision)))].join(', ');
  const cause = `${names.join(', ')} move together and, if one fails, back together; ${from} is kept stopped until all are stable`;
  return [{ object: keyString(key), operation: `move to pod ${pod}`, cause }];
}
